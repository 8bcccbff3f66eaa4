"""Device, processes and chance: the only module that knows there may be several of any of them.

Three rules keep a run the same on one process or on many:

* a *draw* depends on (seed, step, global row): every process draws the uniforms of the whole
  batch and keeps its own rows, also where the batch is worked through in parts;
* a *loss* is a process's share of the loss of the global batch, so that gradients are summed;
* a *batch statistic* (a mean, a count, a rank) is taken over the global batch.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from textgan.errors import UserError

_draws = torch.Generator()
_part: tuple[int, int, int] | None = None
"""Start, end and size where a process's batch is worked through in parts, else None."""


def seed(*keys: int | str) -> None:
    """Start the streams of chance that belong to ``keys``, for example (seed, step).

    The draws' stream is the same on every process; torch's own (dropout) differs between them.
    Nothing of a stream has to be saved: naming the same keys starts it again.
    """
    digest = hashlib.blake2b(repr(keys).encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "little") >> 1
    _draws.manual_seed(number)
    if torch.accelerator.is_available():
        torch.manual_seed(number + 1 + rank())
    else:  # the same, without a stack trace kept for each device that could be there
        torch.default_generator.manual_seed(number + 1 + rank())


def uniform(rows: int, columns: int, device: torch.device) -> Tensor:
    """Uniform numbers in [0, 1) of this process's rows of the global batch: (rows, columns).

    They are drawn on the CPU, where a seed gives the same numbers for every device.
    """
    start, total = share(rows)
    _pass_over(start * columns)
    numbers = torch.rand(rows, columns, generator=_draws)
    _pass_over((total - start - rows) * columns)
    return numbers.to(device, non_blocking=True)


def _pass_over(numbers: int) -> None:
    """Draw what belongs to others, a little at a time."""
    for some in chunks(numbers, 1 << 20):
        torch.rand(some.stop - some.start, generator=_draws)


def normal(rows: int, columns: int, device: torch.device) -> Tensor:
    """Standard normal numbers, else as ``uniform``: (rows, columns)."""
    # 0 and 1 have no quantile: both are a step of float32 away
    quantiles: Tensor = torch.special.ndtri(uniform(rows, columns, device) * (1 - 2**-23) + 2**-24)
    return quantiles


@contextmanager
def part(start: int, stop: int, size: int) -> Iterator[None]:
    """Inside, ``uniform`` gives rows ``start`` to ``stop`` of a process's batch of ``size`` rows.

    Parts come one after the other and draw alike; behind each but the last the draws' stream is
    put back, so every row gets what it would have got in the whole batch. torch's own stream
    (dropout) goes on. A part may have parts: ``size`` is then its own.
    """
    global _part
    outer, before = _part, _draws.get_state()
    first, _, total = outer or (0, size, size)
    if (start, stop) != (0, size):
        _part = first + start, first + stop, total
    try:
        yield
    finally:
        _part = outer
        if stop < size:
            _draws.set_state(before)


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Dropout off inside, the former modes back behind it."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def pick_device(name: str) -> torch.device:
    """``auto`` takes the first accelerator there is, else the CPU.

    Raises:
        UserError: the named device is not on this machine.
    """
    best = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if name in ("auto", best.type):
        return best
    if name != "cpu":
        raise UserError(
            f"trainer.device: '{name}' is not on this machine; use 'auto', which takes '{best}'"
        )
    return torch.device(name)


def rows_at_once(row_bytes: int, device: torch.device) -> int:
    """How many rows of so many bytes to hold at once, so that memory stays bounded.

    On a CPU few enough for malloc to hand out the same memory again: fresh pages cost more. Less
    than 32 rows are slow, and are taken only where 32 would need ten times that memory.
    """
    budget = 24 << 20 if device.type == "cpu" else 1 << 30
    return max(1, min(32, 10 * budget // row_bytes), budget // row_bytes)


def rows_in_cache(row_bytes: int, device: torch.device) -> int:
    """How many rows to go over several times: on a CPU what two cores' own caches hold.

    An accelerator has no such cache to use and wants large kernels.
    """
    if device.type != "cpu":
        return rows_at_once(row_bytes, device)
    return max(32, (5 << 19) // row_bytes)


def passes_count(device: torch.device) -> bool:
    """True where a pass over memory is dear and a look at a number is not: on a CPU."""
    return device.type == "cpu"


def chunks(rows: int, size: int) -> list[slice]:
    """``range(rows)`` as slices of at most ``size``."""
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def distributed() -> bool:
    """True if this is one of several processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """This process's number, 0 for the only one."""
    return dist.get_rank() if distributed() else 0


def share(rows: int) -> tuple[int, int]:
    """Where ``rows`` of this process (its batch, or its part of it) start in the global batch, and
    how many rows that has.
    """
    start, stop, size = _part or (0, rows, rows)
    if stop - start != rows:
        raise ValueError(f"draws are one a text: {rows} rows in a part of {stop - start} texts")
    sizes = _of_all(size)
    return sum(sizes[: rank()]) + start, sum(sizes)


def fewest(rows: int) -> int:
    """The smallest of the processes' numbers of rows."""
    return min(_of_all(rows))


def _of_all(number: int) -> list[int]:
    """Every process's number, in their order."""
    numbers = [number]
    if distributed():
        numbers *= dist.get_world_size()
        dist.all_gather_object(numbers, number)
    return numbers


def local_rows(indices: Tensor) -> Tensor:
    """This process's contiguous part of the global batch's row numbers: (N,) -> (n,)."""
    if not distributed():
        return indices
    return indices.tensor_split(dist.get_world_size())[rank()]


def global_sum(values: Tensor) -> Tensor:
    """The sum over every element of every process, a scalar without gradient."""
    total = values.detach().sum()
    if distributed():
        dist.all_reduce(total)
    return total


def mean(values: Tensor, mask: Tensor) -> Tensor:
    """This process's share of the mean of the values that count, over the global batch."""
    return (values * mask).sum() / global_sum(mask.float())


def gather(values: Tensor) -> Tensor:
    """Every process's rows in the global batch's order, (B, ...) -> (G, ...), with gradient."""
    if not distributed():
        return values
    whole: Tensor = _Gather.apply(values)  # type: ignore[no-untyped-call]
    return whole


class _Gather(torch.autograd.Function):
    """Rows that other processes' losses look at get a gradient from these losses too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        sizes = _of_all(len(values))
        ctx.rows = slice(sum(sizes[: rank()]), sum(sizes[: rank() + 1]))
        # Every process's part must have one size on its way.
        full = values.new_zeros(max(sizes), *values.shape[1:])
        full[: len(values)] = values
        parts = [torch.empty_like(full) for _ in sizes]
        dist.all_gather(parts, full)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[ctx.rows]


def global_mean(values: Tensor) -> Tensor:
    """The mean over the global batch's rows, with gradient: (B, ...) -> (...)."""
    return gather(values).mean(dim=0)


def share_weights(module: nn.Module) -> None:
    """Give every process the first one's weights and buffers: each drew its own."""
    if distributed():
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, 0)


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up each parameter's gradient over processes; one that got none counts as zero.

    Losses are shares of the global batch's (see above), hence the sum and not the mean.
    """
    if not distributed():
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad)


def once(term: Tensor) -> Tensor:
    """A term that doesn't depend on the data: one process counts it, the others add zero of it."""
    return term if rank() == 0 else 0.0 * term
