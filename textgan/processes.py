"""Several processes that work on one run: how they meet, agree, and notice that one has ended.

`accelerate launch` or `torchrun` starts them, and each runs the same command. Every process holds
the whole of both players, of a pool and of what a run decides by, and its own rows of a batch
(``runtime``). What people read and what lies on the disk is written by the first one.
"""

import atexit
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from textgan.errors import UserError
from textgan.tracking import launched

S = TypeVar("S")
T = TypeVar("T")
TIMEOUT = timedelta(hours=1)
"""How long the others are waited for: one may score texts or read a large corpus meanwhile."""
LOST = re.compile(r"\[\S*/gloo/transport/\S*\] |ncclRemoteError")
"""What a collective's error says if it is not this process's fault: where gloo sends and receives,
or NCCL's name for it.
"""
_alone = _alike = False


class Lost(UserError):
    """Another process has ended, or can't be reached: the job is over."""


def join() -> None:
    """Meet the processes that a launcher started beside this one; does nothing without a launcher.

    Decisions and sizes go from CPU to CPU, what is on a device from device to device.

    Raises:
        UserError: a launcher was asked for several processes, and started one.
    """
    asked = {"MASTER_ADDR", "ACCELERATE_USE_CPU"} <= os.environ.keys()
    if asked and "RANK" not in os.environ:
        raise UserError(
            "accelerate launch: started one process only, as it does without several GPUs; add "
            "--multi_gpu, which starts as many as --num_processes says on CPUs too"
        )
    if launched() < 2 or dist.is_initialized():
        return
    if place() < torch.accelerator.device_count():
        torch.accelerator.set_device_index(place())
    with _meeting():
        dist.init_process_group(timeout=TIMEOUT)
    atexit.register(leave)


def place() -> int:
    """This process's number on its machine, and that of its device."""
    return int(os.environ.get("LOCAL_RANK", 0))


def leave() -> None:
    """Take leave of the others; a process that ends does so anyway."""
    if dist.is_initialized():
        dist.destroy_process_group()


def distributed() -> bool:
    """True if this is one of several processes that work together at the moment."""
    return count() > 1


def count() -> int:
    """How many processes work together at the moment."""
    return dist.get_world_size() if connected() and not _alike else 1


def connected() -> bool:
    """True if others are at the same place of the work, so that something can be exchanged."""
    return not _alone and dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's number, 0 for the first or only one."""
    return dist.get_rank() if distributed() else 0


@contextmanager
def alone() -> Iterator[None]:
    """Inside, this process takes itself for the only one, and has nothing to do with others."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


@contextmanager
def alike() -> Iterator[None]:
    """Inside, each does the same work, whole and as the only one; of what they exchange the first
    one's counts, as others may round otherwise.
    """
    global _alike
    before, _alike = _alike, True
    try:
        yield
    finally:
        _alike = before


# Agreement


def of_first(work: Callable[[], T]) -> T:
    """What the first process makes, alone; the others wait for it, and raise what it raises."""
    if not distributed():
        return work()
    found: list[Any] = [None, None]
    if rank() == 0:
        try:
            with alone():
                found[0] = work()
        except Exception as error:
            found[1] = error
    with _meeting():
        dist.broadcast_object_list(found)
    if found[1] is not None:
        raise found[1]
    result: T = found[0]
    return result


def shared_out(items: Sequence[S], work: Callable[[S], T]) -> list[T]:
    """What the work makes of each item, each done by one process, alone; all get everything."""
    found: dict[int, Any] = {}
    mine = range(rank(), len(items), count())
    try:
        with alone():
            found |= {i: work(items[i]) for i in mine}
    except Exception as error:
        if not distributed():
            raise
        found[-1] = error
    everyone = [found] * count()
    if distributed():
        with _meeting():
            dist.all_gather_object(everyone, found)
    done = {i: result for part in everyone for i, result in part.items()}
    if -1 in done:
        raise done[-1]
    return [done[i] for i in range(len(items))]


def anyone(*flags: bool) -> list[bool]:
    """Each flag, true if it is on any process."""
    found = torch.tensor(flags, dtype=torch.int32)  # on the CPU: no wait for a device
    reduce(found, largest=True)
    return [bool(flag) for flag in found.tolist()]


@contextmanager
def first_goes_first() -> Iterator[None]:
    """Inside, the first process is through before the others begin: they find what it stored."""
    if rank() != 0:
        wait()
    try:
        yield
    finally:
        if rank() == 0:
            wait()


def wait() -> None:
    """Until every process is here."""
    anyone(False)


# Numbers


def numbers(number: int) -> list[int]:
    """Every process's number, in their order."""
    if not distributed():
        return [number]
    return [int(part) for part in every(torch.tensor(number))]


def every(values: Tensor) -> list[Tensor]:
    """Every process's tensor, in their order, all of one shape; of what is alike the first's."""
    if not distributed():
        values = values.clone()
        spread(values)
        return [values]
    parts = [torch.empty_like(values) for _ in range(count())]
    with _meeting():
        dist.all_gather(parts, values)
    return parts


def reduce(values: Tensor, largest: bool = False) -> None:
    """Put the sum over processes, or the ``largest`` numbers, into a tensor; of what is alike the
    first's.
    """
    if not distributed():
        spread(values)
    else:
        with _meeting():
            dist.all_reduce(values, dist.ReduceOp.MAX if largest else dist.ReduceOp.SUM)


def spread(values: Tensor) -> None:
    """Put the first process's numbers into a tensor."""
    if connected():
        with _meeting():
            dist.broadcast(values, 0)


@contextmanager
def _meeting() -> Iterator[None]:
    """Who ends takes its connections with it: the others hear of it at once.

    Raises:
        Lost: nobody answers. What else a collective finds fault with stays what it is.
    """
    try:
        yield
    except RuntimeError as error:
        unmet = isinstance(error, dist.DistNetworkError | dist.DistStoreError)
        if not (unmet or LOST.search(str(error))):
            raise
        # without the line of gloo's source, and without its guesses
        reason = re.sub(r"^\[\S*\] ", "", str(error)).split(". ")[0]
        raise Lost(f"another process has ended, or can't be reached ({reason})") from error
