"""Runs over seeds: an interval, an exact paired test, and what so few seeds can show at all.

The unit is a training run: one figure a seed. Standard errors over texts can't stand in for it,
since all texts of a run share its generator. Methods are compared on the same seeds by the
sign-flip permutation test (Fisher 1935, "The Design of Experiments", §21): if a method changes
nothing, each difference to the baseline is as likely with the other sign. With n seeds its p is a
multiple of 2/2ⁿ: five seeds can't reach .05. Several methods against one baseline are corrected by
Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from textgan.errors import UserError
from textgan.metrics.estimate import Estimate
from textgan.metrics.rounding import p_value, with_error
from textgan.metrics.student import t_quantile

LEVEL = 0.05
EXACT = 20
"""Seeds up to which every choice of signs is tried."""
DRAWS = 100_000
"""Choices of signs tried beyond that."""
TIE = 1e-9
"""Share of the total within which two sums are one: they differ by rounding."""


class Interval(NamedTuple):
    """A mean over seeds with its 95 % interval."""

    estimate: Estimate
    low: float
    high: float


class Comparison(NamedTuple):
    """A method less its baseline, paired by seed."""

    difference: Interval
    p: float
    """Two-sided, corrected for the number of comparisons."""
    smallest: float
    """The least p that so many seeds can reach in so many comparisons."""
    comparisons: int


def interval(values: Sequence[float]) -> Interval:
    """Mean and t interval; ±inf around a single value.

    Raises UserError when there is none.
    """
    if not len(values):
        raise UserError("seeds: no values to average; give at least one")
    found = Estimate.from_scores(values)
    if found.n == 1:
        return Interval(found, -math.inf, math.inf)
    reach = t_quantile(found.n - 1, LEVEL) * found.stderr
    return Interval(found, found.value - reach, found.value + reach)


def sign_flip_p(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p of a mean difference: the share of sign choices with a sum at least as far out.

    Exact up to 20 differences, then by 100,000 seeded draws with the observed signs counted in.
    """
    found = np.asarray(differences, dtype=np.float64)
    if len(found) <= EXACT:
        sums = found[:1]  # the first sign stays: a choice and its opposite are equally far out
        for difference in found[1:]:
            sums = np.concatenate([sums + difference, sums - difference])
    else:
        flips = np.random.default_rng(seed).integers(0, 2, (DRAWS, len(found)), dtype=np.int8)
        sums = np.append((1.0 - 2.0 * flips) @ found, found.sum())
    far = np.abs(sums) >= abs(found.sum()) - TIE * np.abs(found).sum()
    return float(far.mean())


def smallest_p(n: int, comparisons: int = 1) -> float:
    """The least two-sided p, corrected, that n seeds can reach: 2/2ⁿ for one comparison."""
    return min(1.0, comparisons * max(2.0 ** (1 - n), 1 / (DRAWS + 1) if n > EXACT else 0))


def seeds_needed(level: float = LEVEL, comparisons: int = 1) -> int:
    """The least number of seeds that can reach p < level: 6 for .05."""
    return next(n for n in range(1, EXACT + 1) if smallest_p(n, comparisons) < level)


def holm(p: Sequence[float]) -> list[float]:
    """Corrected p values in the order given: the k-th smallest of m times m - k + 1, monotone."""
    order = np.argsort(p, kind="stable")
    raised = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(raised))
    return [float(each) for each in corrected]


def compare(
    methods: Mapping[str, Sequence[float]], baseline: Sequence[float]
) -> dict[str, Comparison]:
    """Each method's figure against the baseline's, by seeds in one order; Holm over all methods.

    Raises UserError where a method has other seeds than the baseline, or a value isn't finite.
    """
    for name, values in {**methods, "the baseline": baseline}.items():
        if len(values) != len(baseline):
            raise UserError(f"{name}: {len(values)} seeds, the baseline has {len(baseline)}")
        if not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            raise UserError(f"{name}: seed number {at + 1} has no finite value to compare")
    differences = {name: np.subtract(values, baseline).tolist() for name, values in methods.items()}
    corrected = holm([sign_flip_p(each) for each in differences.values()])
    smallest = smallest_p(len(baseline), len(methods))
    return {
        name: Comparison(interval(each), p, smallest, len(methods))
        for (name, each), p in zip(differences.items(), corrected, strict=True)
    }


def verdict(found: Comparison) -> str:
    """What the comparison shows, in a plain sentence; ± is one standard error over seeds."""
    mean, error, n = found.difference.estimate
    several = found.comparisons > 1
    among = f" by Holm over {found.comparisons} comparisons" if several else ""
    seeds = f"{n} seed{'s' if n > 1 else ''}"
    if found.smallest >= LEVEL:
        within = f" in {found.comparisons} comparisons" if several else ""
        return (
            f"{seeds} can't reach p < {p_value(LEVEL)}{within}; "
            f"{seeds_needed(LEVEL, found.comparisons)} could (difference {with_error(mean, error)})"
        )
    if found.p >= LEVEL:
        return (
            f"no difference shown at n = {n} (p = {p_value(found.p)}{among}; the smallest p that "
            f"{seeds} can reach is {p_value(found.smallest)})"
        )
    side = "lower" if mean < 0 else "higher"
    return f"{side} by {with_error(abs(mean), error)} (p = {p_value(found.p)}{among}, n = {n})"
