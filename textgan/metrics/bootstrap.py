"""Errors of what is read off curves: a paired bootstrap over seeds and held-out texts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from textgan.errors import UserError
from textgan.metrics.estimate import Estimate
from textgan.metrics.seeds import Interval
from textgan.metrics.student import t_quantile

Array = np.ndarray

REPLICATES = 1000
CHUNK = 100
"""Replicates at once: memory is this many counts a text."""
NORMAL = 1.96


class Scores(NamedTuple):
    """Scores of N texts at K settings of S seeds; a point is the sum of totals over that of counts.

    For nats a token: a text's nats and its tokens. For a mean over texts: the scores, and ones.
    """

    totals: Array
    """(S, K, N)."""
    counts: Array
    """(S, K, N)."""


class Sweep(NamedTuple):
    """A generator over settings and seeds."""

    quality: Scores
    """Of texts that every seed draws for itself."""
    diversity: Scores
    """Of held-out texts: the same, in one order, for all settings, seeds and generators."""


Figure = Callable[..., float | None]
"""A number from one curve (K, 2) of each sweep, or None where there isn't any."""


def curves(sweep: Sweep) -> Array:
    """(S, K, 2): the curve of each seed."""
    return np.stack([score.totals.sum(-1) / score.counts.sum(-1) for score in sweep], axis=-1)


def by_seed(figure: Figure, sweeps: Sequence[Sweep]) -> list[float | None]:
    """The figure of each seed, for the paired test of ``textgan.metrics.seeds``: (S,)."""
    return [figure(*each) for each in zip(*map(curves, sweeps), strict=True)]


def bootstrap(figure: Figure, sweeps: Sequence[Sweep], seed: int = 0) -> Interval | None:
    """The figure's mean over seeds, its standard error and 95 % interval, by a paired bootstrap.

    A replicate draws seeds with replacement, and held-out texts: the same for every sweep, so
    that what they share cancels in a difference. A seed's own texts vary with the seed already,
    and are drawn again only where there is one seed. The error is widened by √(S/(S-1)), what a
    bootstrap of S seeds misses, and the interval is Student's; a single seed's holds for that one
    trained model. ``Estimate.n`` counts seeds. None where a seed has no figure.

    Raises:
        UserError: the sweeps differ in seeds or in held-out texts.
    """
    _check(sweeps)
    found = by_seed(figure, sweeps)
    values = [each for each in found if each is not None]
    if len(values) < len(found):
        return None
    n = len(values)
    chance = np.random.default_rng(seed)
    replicates = np.concatenate(
        [_replicates(figure, sweeps, chance) for _ in range(REPLICATES // CHUNK)]
    )
    stderr = float(np.nanstd(replicates)) * ((n / (n - 1)) ** 0.5 if n > 1 else 1)
    value, reach = float(np.mean(values)), stderr * (t_quantile(n - 1) if n > 1 else NORMAL)
    return Interval(Estimate(value, stderr, n), value - reach, value + reach)


def _replicates(figure: Figure, sweeps: Sequence[Sweep], chance: np.random.Generator) -> Array:
    """(CHUNK,) figures of redrawn data, nan where a redrawn curve has none."""
    seeds = len(sweeps[0].quality.totals)
    own, shared = (_draws(score.totals.shape[-1], chance) for score in sweeps[0])
    if seeds > 1:
        own = np.ones_like(own)
    drawn = [
        np.stack([_points(sweep.quality, own), _points(sweep.diversity, shared)], axis=-1)
        for sweep in sweeps
    ]  # (CHUNK, S, K, 2) each
    values = np.empty((CHUNK, seeds))
    for at in np.ndindex(CHUNK, seeds):
        value = figure(*(each[at] for each in drawn))
        values[at] = np.nan if value is None else value
    chosen = chance.integers(0, seeds, (CHUNK, seeds))
    mean: Array = np.take_along_axis(values, chosen, axis=1).mean(axis=1)
    return mean


def _draws(texts: int, chance: np.random.Generator) -> Array:
    """How often each text is drawn in each replicate: (N, CHUNK)."""
    return chance.multinomial(texts, np.full(texts, 1 / texts), CHUNK).T.astype(np.float64)


def _points(scores: Scores, times: Array) -> Array:
    """One coordinate of each replicate's curves: (CHUNK, S, K)."""
    with np.errstate(invalid="ignore"):  # an infinite score makes its point nan, in all of them
        mean: Array = np.moveaxis((scores.totals @ times) / (scores.counts @ times), -1, 0)
    return mean


def _check(sweeps: Sequence[Sweep]) -> None:
    seeds = {len(sweep.quality.totals) for sweep in sweeps}
    if len(seeds) > 1:
        raise UserError(f"curves: sweeps of {sorted(seeds)} seeds; compare on the same seeds")
    for axis in ("quality", "diversity"):
        sizes = {getattr(sweep, axis).totals.shape[-1] for sweep in sweeps}
        if len(sizes) > 1:
            raise UserError(
                f"curves: {axis} scored on {sorted(sizes)} texts; compare on as many, the same"
            )
