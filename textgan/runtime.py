"""Device, rows and chance, whatever the machine and however many processes share a batch.

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
from torch import Tensor, nn

from textgan import processes
from textgan.errors import UserError
from textgan.processes import rank

LARGE = 10
"""Budgets that may be held at once where less would be slow."""
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
        UserError: the named device is not on this machine, or other processes have them all.
    """
    best = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if name in ("auto", best.type):
        if best.type != "cpu" and processes.place() >= torch.accelerator.device_count():
            raise UserError(
                f"trainer.device: there are more processes than devices of kind '{best.type}' on "
                "this machine; start as many, or set trainer.device to cpu"
            )
        return best
    if name != "cpu":
        raise UserError(
            f"trainer.device: '{name}' is not on this machine; use 'auto', which takes '{best}'"
        )
    return torch.device(name)


def rows_at_once(row_bytes: int, device: torch.device) -> int:
    """How many rows of so many bytes to hold at once, so that memory stays bounded.

    Fewer than 32 are slow, and are taken only where all threads' 32 would need more than ``LARGE``
    budgets.
    """
    size = budget(device)
    threads = torch.get_num_threads() if passes_count(device) else 1
    return max(1, min(32, LARGE * size // threads // row_bytes), size // row_bytes)


def budget(device: torch.device) -> int:
    """Bytes to work on at once.

    On a CPU few enough for malloc to hand out the same memory again: fresh pages cost more.
    """
    return 24 << 20 if device.type == "cpu" else 1 << 30


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


@contextmanager
def divided(rows: int) -> Iterator[None]:
    """Inside, so many rows are shared out. Too few for all processes are each one's own, whole, and
    what the first one makes of them is all that counts.
    """
    if rows >= processes.count():
        yield
        return
    with processes.alike():
        yield


def mine(rows: int) -> slice:
    """Which of so many rows of the global batch are this process's."""
    each, more = divmod(rows, processes.count())
    start = rank() * each + min(rank(), more)
    return slice(start, start + each + (rank() < more))


def portions(rows: int, size: int) -> Iterator[slice]:
    """This process's rows of each chunk of ``range(rows)``; in a chunk draws are one a row of it.

    What the loop's body makes of them it has to ``gather``: that is then the whole chunk's.
    """
    for chunk in chunks(rows, size):
        with divided(chunk.stop - chunk.start):
            part = mine(chunk.stop - chunk.start)
            yield slice(chunk.start + part.start, chunk.start + part.stop)


def share(rows: int) -> tuple[int, int]:
    """Where ``rows`` of this process (its batch, or its part of it) start in the global batch, and
    how many rows that has.
    """
    start, stop, size = _part or (0, rows, rows)
    if stop - start != rows:
        raise ValueError(f"draws are one a text: {rows} rows in a part of {stop - start} texts")
    sizes = processes.numbers(size)
    return sum(sizes[: rank()]) + start, sum(sizes)


def fewest(rows: int) -> int:
    """The smallest of the processes' numbers of rows."""
    return min(processes.numbers(rows))


def global_sum(values: Tensor) -> Tensor:
    """The sum over every element of every process, a scalar without gradient."""
    total = values.detach().sum()
    processes.reduce(total)
    return total


def mean(values: Tensor, mask: Tensor) -> Tensor:
    """This process's share of the mean of the values that count, over the global batch."""
    return (values * mask).sum() / global_sum(mask.float())


def gather(values: Tensor) -> Tensor:
    """Every process's rows in the global batch's order, (B, ...) -> (G, ...), with gradient."""
    if not processes.connected():
        return values
    whole: Tensor = _Gather.apply(values)  # type: ignore[no-untyped-call]
    return whole


class _Gather(torch.autograd.Function):
    """Rows that other processes' losses look at get a gradient from these losses too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        sizes = processes.numbers(len(values))
        ctx.rows = slice(sum(sizes[: rank()]), sum(sizes[: rank() + 1]))
        # Every process's part must have one size on its way.
        full = values.new_zeros(max(sizes), *values.shape[1:])
        full[: len(values)] = values
        parts = zip(processes.every(full), sizes, strict=True)
        return torch.cat([part[:size] for part, size in parts])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        processes.reduce(gradient)
        return gradient[ctx.rows]


def global_mean(values: Tensor) -> Tensor:
    """The mean over the global batch's rows, with gradient: (B, ...) -> (...)."""
    return gather(values).mean(dim=0)


def share_weights(module: nn.Module) -> None:
    """Give every process the first one's weights and buffers: each drew its own."""
    for tensor in module.state_dict().values():
        processes.spread(tensor)


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up the parameters' gradients over processes, in one message; one that got none on any
    process gets none, elsewhere it counts as zero.

    Losses are shares of the global batch's (see above), hence the sum and not the mean.
    """
    if not processes.connected():
        return
    everything = list(parameters)
    got = processes.anyone(*(parameter.grad is not None for parameter in everything))
    moved = [parameter for parameter, some in zip(everything, got, strict=True) if some]
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in moved]
    summed = torch.cat([grad.flatten() for grad in grads])
    processes.reduce(summed)
    parts = torch.split(summed, [parameter.numel() for parameter in moved])
    for parameter, part in zip(moved, parts, strict=True):
        parameter.grad = part.view_as(parameter)


def once(term: Tensor) -> Tensor:
    """A term that doesn't depend on the data: one process counts it, the others add zero of it."""
    return term if rank() == 0 else 0.0 * term
