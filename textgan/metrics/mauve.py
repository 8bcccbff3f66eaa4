"""MAUVE of sentence embeddings (Pillutla et al. 2021, arXiv 2102.01454).

The points of texts and references are put into common clusters, one for every ten texts of the
smaller set; p and q are the shares of the clusters. With the mixtures r = wp + (1-w)q MAUVE is the
area under the frontier of (exp -5 KL(q|r), exp -5 KL(p|r)) over w: in [0, 1], higher is better, 1
for equal histograms. As in the authors' package, `mauve-text` 0.4: points divided by their length,
principal components of 90 % of the variance, the best of five runs of k-means, 25 mixtures.

Published values are of GPT-2's embeddings of long texts: these are on another scale, and shares of
small clusters are noisy, so real text at the same sizes, not 1, is what to reach.
"""

from __future__ import annotations

import warnings

import numpy as np

from textgan.metrics.base import Evaluation, TooFew
from textgan.metrics.encoder import embedded
from textgan.metrics.estimate import Estimate

Array = np.ndarray

TEXTS_A_CLUSTER = 10
EXPLAINED = 0.9
RUNS = 5
STEEPNESS = 5
WEIGHTS = np.linspace(1e-6, 1 - 1e-6, 25)
REPEATS = 200
"""Bootstrap draws for the error."""


def mauve(a: Array, b: Array, seed: int = 0) -> Estimate:
    """MAUVE of M and N points, (M, d) and (N, d).

    The error is a bootstrap's over either set's texts, the clusters given.
    """
    counts = clustered(a, b, seed)
    sizes = counts.sum(axis=1)
    p, q = counts / sizes[:, None]
    chance = np.random.default_rng(seed)
    drawn = (
        chance.multinomial(n, row / n, REPEATS) / n for n, row in zip(sizes, counts, strict=True)
    )
    error = frontier_area(*drawn).std(ddof=1)
    return Estimate(float(frontier_area(p[None], q[None])[0]), float(error), len(a))


def frontier_area(p: Array, q: Array) -> Array:
    """The area under the frontier of R pairs of histograms, (R, K) each: (R,)."""
    ends = np.zeros((len(p), 1)), np.ones((len(p), 1))
    mixtures = [w * p + (1 - w) * q for w in WEIGHTS]
    x = np.stack([np.exp(-STEEPNESS * _kl(q, r)) for r in mixtures], axis=1)
    y = np.stack([np.exp(-STEEPNESS * _kl(p, r)) for r in mixtures], axis=1)
    x, y = np.hstack([ends[1], x, ends[0]]), np.hstack([ends[0], y, ends[1]])
    area: Array = ((x[:, :-1] - x[:, 1:]) * (y[:, :-1] + y[:, 1:])).sum(axis=1) / 2
    return area


def clustered(a: Array, b: Array, seed: int = 0) -> Array:
    """How many points of either set each of K clusters has: (2, K)."""
    from sklearn.cluster import KMeans  # of the extra, and seconds to import

    points = np.vstack([_sorted(a), _sorted(b)])
    points = _components(points / np.linalg.norm(points, axis=1, keepdims=True))
    clusters = max(2, round(min(len(a), len(b)) / TEXTS_A_CLUSTER))
    means = KMeans(clusters, n_init=RUNS, max_iter=500, random_state=seed)
    with warnings.catch_warnings():  # of a generator that knows fewer texts than clusters
        warnings.filterwarnings("ignore", message="Number of distinct clusters")
        labels = means.fit_predict(points.astype(np.float32))
    return np.stack(
        [np.bincount(part, minlength=clusters) for part in (labels[: len(a)], labels[len(a) :])]
    )


def mauve_score(e: Evaluation) -> dict[str, Estimate | None]:
    """MAUVE of the texts; None in a language that the encoder doesn't know.

    Raises:
        UserError: too few texts or references for two clusters, or no encoder.
    """
    least = 2 * TEXTS_A_CLUSTER
    if min(e.size, len(e.reference_texts)) < least:
        raise TooFew(
            f"MAUVE: needs at least {least} texts and {least} references, got {e.size} and "
            f"{len(e.reference_texts)}"
        )
    points = embedded(e)
    return {"MAUVE": mauve(*points, e.seed) if points else None}


def _kl(p: Array, q: Array) -> Array:
    """KL(p|q) of R pairs of histograms: (R,)."""
    ratio = np.divide(p, q, out=np.ones(p.shape), where=p > 0)
    found: Array = (p * np.log(ratio)).sum(axis=1)
    return found


def _sorted(points: Array) -> Array:
    """In an order of their own, so that the clusters don't depend on that of the texts."""
    return points[np.lexsort(points.T)]


def _components(points: Array) -> Array:
    """Coordinates along the fewest principal axes that explain enough of the variance."""
    x = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(x.T @ x)
    share = values[::-1].cumsum() / max(values.sum(), 1e-300)
    return x @ axes[:, ::-1][:, : int((share < EXPLAINED).sum()) + 1]  # type: ignore[no-any-return]
