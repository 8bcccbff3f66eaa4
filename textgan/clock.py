"""What training costs: seconds of updates alone, by phase and player."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from textgan.phases import Turn
from textgan.trainer import Trainer


class Clock:
    """Seconds of this process's threads in updates; scoring and saving between them don't count.

    Processor time, not the wall's: what else a machine does isn't a method's cost.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        """By phase (``adversarial[1]``) and player."""
        self.updates: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def watching(self) -> Iterator["Clock"]:
        """Count every update of this process meanwhile."""
        update = Trainer.update

        def watched(trainer: Trainer, turn: Turn) -> None:
            before = time.process_time()
            update(trainer, turn)
            key = turn.phase.split(".")[0], turn.player
            self.seconds[key] += time.process_time() - before
            self.updates[key] += 1

        Trainer.update = watched  # type: ignore[method-assign, assignment]
        try:
            yield self
        finally:
            Trainer.update = update  # type: ignore[method-assign]

    def spent(self, phase: str) -> float:
        """Seconds of all players in one phase."""
        return sum(s for (where, _), s in self.seconds.items() if where == phase)

    @property
    def total(self) -> float:
        """Seconds of all players in all phases."""
        return sum(self.seconds.values())
