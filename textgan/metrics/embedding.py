"""How far two clouds of sentence embeddings are apart: FED, precision, recall, density, Vendi.

M texts' points and N references', (M, d) and (N, d), from one encoder: figures of two encoders
don't compare, and hardly any figure does between sets of two sizes. An embedding knows what a
sentence is about, and little of grammar.

* *FED*: Fréchet distance between the clouds' normal distributions, |μ-ν|² + tr(A + B - 2(AB)^½)
  (Heusel et al. 2017; of sentences: Semeniuta et al. 2018, arXiv 1806.04936, de Masson d'Autume et
  al. 2019, arXiv 1905.09922). From 0 up, lower is better. Small sets look further apart than they
  are, by about as much as real text from real text of the same sizes: compare with that, not 0.
* *precision*, *recall*: share of texts inside the references' cloud, and of references inside the
  texts', a cloud being the balls that reach each point's third neighbour (Kynkäänniemi et al. 2019,
  arXiv 1904.06991, equations 1 and 2). In [0, 1]. One odd reference makes a large ball.
* *density*, *coverage*: in how many of the references' balls a text lies, by k, and the share of
  references whose ball holds a text, to the fifth neighbour (Naeem et al. 2020, arXiv 2002.09797,
  equations 3 and 4). Density isn't bounded: a single text in the densest place exceeds 1.
* *Vendi*: the effective number of different texts, exp of the entropy of the eigenvalues of their
  cosine similarities by M (Friedman and Dieng 2022, arXiv 2210.02410, q = 1). In [1, M], higher is
  more varied, good or not. It needs no references.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from textgan.metrics.base import Evaluation, TooFew
from textgan.metrics.encoder import embedded
from textgan.metrics.estimate import Estimate

Array = np.ndarray

PRECISION_K = 3
DENSITY_K = 5
CELLS = 2**22
"""Distances at a time."""
SAME = 1e-9
"""Squared distance, by the mean squared length, below which points are one point."""


def frechet(a: Array, b: Array) -> Estimate:
    """FED of M and N points; its error, of either set's chance, by the delta method.

    With V = (AB)^½ the change with A is tr (1 - T) dA, T = A^-½ (A^½ B A^½)^½ A^-½ being the map
    that carries one normal distribution to the other.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    shift, cov_a, cov_b = a.mean(axis=0) - b.mean(axis=0), _covariance(a), _covariance(b)
    root = _power(cov_a, 0.5)
    middle = root @ cov_b @ root
    value = shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(_power(middle, 0.5))
    there = _power(cov_a, -0.5) @ _power(middle, 0.5) @ _power(cov_a, -0.5)
    back = root @ _power(middle, -0.5) @ root
    one = np.eye(len(cov_a))
    variance = _variance(a, one - there, 2 * shift) + _variance(b, one - back, -2 * shift)
    return Estimate(float(value), float(np.sqrt(variance)), len(a))


def _covariance(points: Array) -> Array:
    return np.atleast_2d(np.cov(points.T))


def _variance(points: Array, square: Array, linear: Array) -> float:
    """Of the mean of xᵀ S x + l x, x from the points' mean."""
    x = points - points.mean(axis=0)
    scores = np.einsum("ij,ij->i", x @ square, x) + x @ linear
    return float(scores.var(ddof=1) / len(x))


def _power(matrix: Array, exponent: float) -> Array:
    """Of a symmetric matrix without negative eigenvalues; those that are 0 stay 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-10 * max(values[-1], 1e-300)
    found: Array = (vectors[:, kept] * values[kept] ** exponent) @ vectors[:, kept].T
    return found


def vendi(points: Array) -> Estimate:
    """Vendi score of M points, its error by the delta method.

    exp H(C) for C = Σ x xᵀ / M, (d, d), whose eigenvalues are those of the (M, M) similarities.
    """
    x = points / np.linalg.norm(points, axis=1, keepdims=True)
    x = x.astype(np.float64)
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    logs = np.log(np.where(values > 1e-12, values, 1))
    surprise = np.square(x @ vectors) @ -logs  # (M,), its mean is the entropy
    score = np.exp(surprise.mean())
    error = score * surprise.std(ddof=1) / len(x) ** 0.5 if len(x) > 1 else np.nan
    return Estimate(float(score), float(error), len(x))


def neighbourhoods(real: Array, fake: Array) -> dict[str, Estimate]:
    """Precision, recall, density and coverage of M fake points beside N real ones.

    There must be enough for a fifth neighbour.
    """
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    near, wide = _radii(real, (PRECISION_K, DENSITY_K))
    (fake_near,) = _radii(fake, (PRECISION_K,))
    precise, recalled = np.zeros(len(fake), dtype=bool), np.zeros(len(real), dtype=bool)
    dense, covered = np.zeros(len(fake)), np.zeros(len(real), dtype=bool)
    for rows, distance in _distances(real, fake):
        precise |= (distance <= near[rows, None]).any(axis=0)
        recalled[rows] = (distance <= fake_near).any(axis=1)
        inside = distance <= wide[rows, None]
        dense += inside.sum(axis=0)
        covered[rows] = inside.any(axis=1)
    scores = {
        "precision": precise,
        "recall": recalled,
        "density": dense / DENSITY_K,
        "coverage": covered,
    }
    return {name: Estimate.from_scores(score.tolist()) for name, score in scores.items()}


def _radii(points: Array, neighbours: tuple[int, ...]) -> list[Array]:
    """Distance, squared, of each point's k-th neighbour, itself not counted, for each k: (N,)."""
    found = [
        np.sort(np.partition(distance, max(neighbours), axis=1)[:, : max(neighbours) + 1], axis=1)
        for _, distance in _distances(points, points)
    ]
    return [np.concatenate(found)[:, k] for k in neighbours]


def _distances(a: Array, b: Array) -> Iterator[tuple[slice, Array]]:
    """Squared distances of some rows of ``a`` from all of ``b`` at a time."""
    lengths = np.square(b).sum(axis=1)
    step = max(1, CELLS // len(b))
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        found = np.square(a[rows]).sum(axis=1)[:, None] + lengths - 2 * a[rows] @ b.T
        found[found < SAME * lengths.mean()] = 0
        yield rows, found


def fed(e: Evaluation) -> dict[str, Estimate | None]:
    """FED of the texts; None in a language that the encoder doesn't know.

    Raises:
        UserError: fewer than two texts or references, or no encoder.
    """
    points = _points(e, "FED: needs", 2)
    return {"FED": frechet(*points) if points else None}


def prdc(e: Evaluation) -> dict[str, Estimate | None]:
    """Precision, recall, density and coverage; None in a language the encoder doesn't know.

    Raises:
        UserError: too few texts or references for a fifth neighbour, or no encoder.
    """
    points = _points(e, "precision, recall, density and coverage: need", DENSITY_K + 1)
    if points is None:
        return dict.fromkeys(("precision", "recall", "density", "coverage"))
    fake, real = points
    return {**neighbourhoods(real, fake)}


def vendi_score(e: Evaluation) -> dict[str, Estimate | None]:
    """Vendi score of the texts; None in a language that the encoder doesn't know.

    Raises:
        UserError: no texts or no references, or no encoder.
    """
    points = _points(e, "Vendi: needs", 1)
    return {"Vendi": vendi(points[0]) if points else None}


def _points(e: Evaluation, needs: str, least: int) -> tuple[Array, Array] | None:
    m, n = e.size, len(e.reference_texts)
    if min(m, n) < least:
        raise TooFew(f"{needs} at least {least} texts and {least} references, got {m} and {n}")
    return embedded(e)
