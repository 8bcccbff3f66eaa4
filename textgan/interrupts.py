"""Ctrl-C and SIGTERM, heard at a moment when all can be saved."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from textgan.tracking import say


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM; all is saved."""


@contextmanager
def interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """The first signal calls ``stop``, which makes the loop end soon; a second one ends at once."""
    heard = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if heard:
            raise KeyboardInterrupt
        heard = True
        stop()
        say("stopping: finishing this update, then saving (once more to stop at once)")

    try:
        old = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: a notebook's kernel keeps its own handlers
        old = {}
    try:
        yield
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)
