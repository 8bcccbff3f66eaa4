"""A figure with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean over ``n`` items with its standard error, both in the unit of the items."""

    value: float
    stderr: float
    n: int

    @classmethod
    def from_scores(cls, scores: Sequence[float]) -> Estimate:
        """Mean of per-item scores; ``stderr`` is s/√n with the n-1 variance, nan for one item.

        It takes the items for independent: a reference set or a model that they all share
        adds variance of its own, which only other reference sets or seeds can show.
        Raises ValueError when there is no score.
        """
        n = len(scores)
        if n == 0:
            raise ValueError("no scores to average")
        stderr = float(np.std(scores, ddof=1)) / n**0.5 if n > 1 else float("nan")
        return cls(float(np.mean(scores)), stderr, n)

    @classmethod
    def ratio(cls, totals: np.ndarray, counts: np.ndarray) -> Estimate:
        """A sum over a sum, (N,) each: nats a token, say, of N texts; nan where nothing counts.

        The standard error is over the items, by the delta method with the n-1 variance.
        """
        n, count = len(totals), counts.sum()
        if not (n and count):
            return cls(float("nan"), float("nan"), n)
        value = totals.sum() / count
        spread = np.square(totals - value * counts).sum() * n / (n - 1) if n > 1 else np.nan
        return cls(float(value), float(spread**0.5 / count), n)

    def as_json(self) -> dict[str, Any]:
        """The three by name, for ``json.dumps``."""
        return {"value": number(self.value), "stderr": number(self.stderr), "n": self.n}


def number(value: float) -> float | str | None:
    """JSON has neither nan nor infinities: they are null, ``"inf"`` and ``"-inf"``."""
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)
