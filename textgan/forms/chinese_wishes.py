"""Tones that are wished for: a poem loses by every character out of place in its best pattern."""

import numpy as np

from textgan.forms.chinese_plan import LEVEL, OBLIQUE, Array, Plan

COST = 2.0
"""Nats that a character out of place costs."""
FAR = 4
"""Characters by which a pattern may fall behind the best; those farther behind count as so far."""

Behind = tuple[int, ...]
"""By pattern, how many more characters are out of place than in the best."""


class Wishes:
    """The tone patterns wished for in a plan; none at all costs nothing."""

    def __init__(self, plan: Plan) -> None:
        self.patterns = plan.wishes
        self.out = {LEVEL: ~plan.level, OBLIQUE: ~plan.oblique}
        self.start: Behind = (0,) * len(self.patterns)

    def tones(self, place: int) -> str:
        """What each pattern has at a place."""
        return "".join(pattern[place] for pattern in self.patterns)

    def step(self, behind: Behind, place: int, token: int) -> Behind:
        """How far patterns are behind after a token."""
        counts = [
            n + bool(tone in self.out and self.out[tone][token])
            for n, tone in zip(behind, self.tones(place), strict=True)
        ]
        return tuple(min(n - min(counts), FAR) for n in counts)

    def costs(self, behind: Behind, place: int) -> Array | float:
        """(V,) nats by which each token makes the best pattern worse."""
        if not behind:
            return 0.0
        counts = [
            n + (self.out[tone].astype(np.float32) if tone in self.out else np.float32(0))
            for n, tone in zip(behind, self.tones(place), strict=True)
        ]
        least: Array = np.minimum.reduce(np.broadcast_arrays(*counts))
        return COST * least
