"""The gradient of a batch's loss."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.methods import Loss, Method
from textgan.phases import Turn


def backward(
    turn: Turn,
    method: Method,
    real: Sequences,
    fake: Sequences,
    parts: int,
    note: Callable[[Loss], None],
    computing: AbstractContextManager[object],
) -> None:
    """The gradient of the batch's loss, also if the batch is worked through in parts.

    ``note`` gets each part's loss, which is worked out inside ``computing``.
    """
    parts = max(1, min(parts, runtime.fewest(min(len(real), len(fake)))))
    start, counts = 0, []
    for r, f in zip(real.split(parts), fake.split(parts), strict=True):
        last = start + len(f) == len(fake)  # till then soft samples share one graph
        with computing, runtime.part(start, start + len(f), len(fake)):
            loss = method.loss(turn.player, r, f, turn.progress)
        start += len(f)
        note(loss)
        if parts == 1 or loss.terms is None:
            loss.total.backward(retain_graph=not last)  # type: ignore[no-untyped-call]
        else:  # of a mean the sum, for now
            (loss.total * loss.terms).backward(retain_graph=not last)  # type: ignore[no-untyped-call]
            counts.append(loss.terms)
    for parameter in getattr(method, turn.player).parameters() if counts else ():
        if parameter.grad is not None:
            parameter.grad /= sum(counts)
