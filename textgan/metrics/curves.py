"""Quality-diversity curves: a generator over temperatures (or top-k, top-p), not at one of them.

A curve is K points (quality, diversity), both lower is better: LM score and reverse LM score, or
NLL_oracle and NLL_test. A temperature trades one for the other, so a point by itself shows little
(Caccia et al. 2020, "Language GANs Falling Short", arXiv 1811.02549): what counts is whether a
curve lies below that of tuned MLE. Errors: ``textgan.metrics.bootstrap``.
"""

import numpy as np

Array = np.ndarray


def hypervolume(points: Array, reference: tuple[float, float]) -> float:
    """The area that is no better than some point (K, 2) and better than the reference point.

    In the product of the axes' units, at least 0, higher is better. It depends on the reference
    point and on how far the sweep goes: compare only with both the same.
    """
    better = points[(points < reference).all(axis=1)]
    x, y = better[np.lexsort((better[:, 1], better[:, 0]))].T
    width = np.diff(np.append(x, reference[0]))
    return float((width * (reference[1] - np.minimum.accumulate(y))).sum())


def signed_area(curve: Array, base: Array) -> float | None:
    """How far a curve (K, 2) lies below the base (L, 2), the mean over the quality both reach.

    In the unit of diversity; positive is better than the base. Both are joined by straight lines,
    and the mean is exact for these; points of one quality are averaged, infinite ones left out.
    None where no stretch of quality is common.
    """
    (x, y), (base_x, base_y) = _line(curve), _line(base)
    if not (len(x) and len(base_x)):
        return None
    low, high = max(x[0], base_x[0]), min(x[-1], base_x[-1])
    if low >= high:
        return None
    knots = np.unique(np.clip(np.concatenate([x, base_x]), low, high))
    below = np.interp(knots, base_x, base_y) - np.interp(knots, x, y)
    return float(np.trapezoid(below, knots) / (high - low))


def _line(curve: Array) -> tuple[Array, Array]:
    """Finite points by rising quality, one a quality."""
    finite = curve[np.isfinite(curve).all(axis=1)]
    x, where = np.unique(finite[:, 0], return_inverse=True)
    return x, np.bincount(where, finite[:, 1]) / np.bincount(where)
