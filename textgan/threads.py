"""Work without gradient, in parts, on a CPU a part a thread.

torch shares each operation out among its threads, which wait for one another behind it. Where the
operations take a tenth of a millisecond they wait as long as they work; where another program
keeps a core busy, many times as long. A part that is one thread's own waits for nobody.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

from textgan import runtime

FEWEST = 256
"""Rows of a part, at least: fewer, and Python takes longer than the work."""
T = TypeVar("T")
R = TypeVar("R")


def shared(rows: int, most: int, device: torch.device) -> int:
    """Rows of a part, at most ``most``, so that each thread has one if there are enough: memory is
    that of a part for each thread.
    """
    if not runtime.passes_count(device):
        return most
    return min(most, max(FEWEST, -(-rows // torch.get_num_threads())))


@torch.no_grad()
def each(work: Callable[[T], R], parts: Sequence[T], device: torch.device) -> list[R]:
    """What ``work`` gives for each part, without gradient, in their order."""
    threads = torch.get_num_threads()
    if threads == 1 or len(parts) < 2 or not runtime.passes_count(device):
        return [work(part) for part in parts]
    narrow, kind = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def alone(part: T) -> R:  # what torch is told holds for the thread that tells it
        with torch.no_grad(), torch.autocast("cpu", kind, enabled=narrow):
            return work(part)

    return list(_workers(threads).map(alone, parts))


@lru_cache(maxsize=1)
def _workers(threads: int) -> ThreadPoolExecutor:
    """So many threads, whose operations aren't shared out."""
    together = Barrier(threads)
    workers = ThreadPoolExecutor(threads, "textgan", _work_alone)
    list(workers.map(lambda _: together.wait(), range(threads)))  # each has begun
    torch.set_num_threads(threads)  # it is the setting of threads to come, too
    return workers


def _work_alone() -> None:
    """Share out none of this thread's operations."""
    torch.get_num_threads()  # asked for the first time it takes the setting of all threads
    torch.set_num_threads(1)


os.register_at_fork(after_in_child=_workers.cache_clear)  # a child has none of these threads
