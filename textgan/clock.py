"""What training costs: seconds of updates alone, by phase and player."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textgan.phases import Turn
from textgan.trainer import Trainer


class Clock:
    """Seconds of this process's threads in updates; scoring and saving between them don't count.

    Processor time, not the wall's: what else a machine does isn't a method's cost.

    Args:
        limit: the seconds; behind the update that fills them the generator is scored, and the run
            ends there.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        """By phase (``adversarial[1]``) and player."""
        self.updates: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def watching(self) -> Iterator["Clock"]:
        """Count every update of this process meanwhile."""
        update, play = Trainer.update, Trainer.turn

        def watched(trainer: Trainer, turn: Turn) -> None:
            before = time.process_time()
            update(trainer, turn)
            key = turn.phase.split(".")[0], turn.player
            self.seconds[key] += time.process_time() - before
            self.updates[key] += 1

        def limited(trainer: Trainer, turn: Turn) -> None:
            play(trainer, turn)
            if self.total >= self.limit:
                trainer.scores.judge(trainer.position, turn.phase)
                trainer.collapsed = True  # saves, and ends as after a collapse

        Trainer.update = watched  # type: ignore[method-assign, assignment]
        Trainer.turn = limited  # type: ignore[method-assign, assignment]
        try:
            yield self
        finally:
            Trainer.update, Trainer.turn = update, play  # type: ignore[method-assign]

    def spent(self, phase: str) -> float:
        """Seconds of all players in one phase."""
        return sum(s for (where, _), s in self.seconds.items() if where == phase)

    def said(self) -> dict[str, Any]:
        """What was spent, for ``json.dumps``: seconds, and updates by phase and player."""
        updates = {" ".join(key): count for key, count in self.updates.items()}
        return {"seconds": self.total, "updates": updates}

    @property
    def total(self) -> float:
        """Seconds of all players in all phases."""
        return sum(self.seconds.values())
