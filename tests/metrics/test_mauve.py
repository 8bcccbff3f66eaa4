"""MAUVE against a slow loop over its equations and, where it is installed, the authors' package."""

import math
from itertools import pairwise

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.metrics import mauve as module
from textgan.metrics.base import Evaluation
from textgan.metrics.estimate import Estimate
from textgan.metrics.mauve import clustered, frontier_area, mauve, mauve_score

Array = np.ndarray


def area(p: list[float], q: list[float]) -> float:
    return float(frontier_area(np.array([p]), np.array([q]))[0])


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def slow_area(p: list[float], q: list[float], steep: float = 5) -> float:
    """The mean of both integrals, y over x and x over y, by trapezia."""
    points = [(0.0, 1.0), (1.0, 0.0)]
    for w in np.linspace(1e-6, 1 - 1e-6, 25):
        r = [w * a + (1 - w) * b for a, b in zip(p, q, strict=True)]
        points.append((math.exp(-steep * kl(q, r)), math.exp(-steep * kl(p, r))))
    total = 0.0
    for axis in (0, 1):
        line = sorted(points, key=lambda point: (point[axis], -point[1 - axis]))
        for a, b in pairwise(line):
            total += (b[axis] - a[axis]) * (a[1 - axis] + b[1 - axis]) / 2
    return total / 2


def clouds() -> tuple[Array, Array]:
    chance = np.random.RandomState(0)
    return chance.standard_normal((400, 6)), chance.standard_normal((300, 6)) + 0.4


def test_area_by_the_equations() -> None:
    p, q = [0.5, 0.3, 0.2, 0.0], [0.1, 0.3, 0.0, 0.6]
    assert area(p, q) == pytest.approx(slow_area(p, q))
    assert area(p, q) == pytest.approx(area(q, p))
    assert area(p, q) != pytest.approx(slow_area(p, q, steep=1), rel=0.1)
    two = frontier_area(np.array([p, q]), np.array([q, q]))
    assert two == pytest.approx([area(p, q), 1])


def test_area_of_extremes() -> None:
    assert area([0.25, 0.75], [0.25, 0.75]) == pytest.approx(1)
    # without a common cluster the frontier is x^(1/5) + y^(1/5) = 1, with the area 5!5!/10!
    assert area([1, 0], [0, 1]) == pytest.approx(math.factorial(5) ** 2 / math.factorial(10), 0.2)
    assert area([1, 0], [0, 1]) < 0.01


def test_area_by_the_package() -> None:
    package = pytest.importorskip("mauve.compute_mauve")
    a, b = clouds()
    found = package.compute_mauve(p_features=a, q_features=b, kmeans_max_iter=50)
    assert area(found.p_hist.tolist(), found.q_hist.tolist()) == pytest.approx(found.mauve)
    pytest.importorskip("sklearn")
    assert mauve(a, b).value == pytest.approx(found.mauve, abs=0.05)  # other clusters


def test_clusters() -> None:
    pytest.importorskip("sklearn")
    chance = np.random.RandomState(0)
    far = np.eye(8) * 20
    a = np.vstack([far[i] + chance.standard_normal((n, 8)) for i, n in ((0, 30), (1, 10))])
    b = np.vstack([far[i] + chance.standard_normal((n, 8)) for i, n in ((0, 5), (1, 25))])
    counts = clustered(a[:, :], b)
    assert counts.shape == (2, 3)  # 30 texts, ten a cluster
    assert counts.sum(axis=1).tolist() == [40, 30]
    assert clustered(5 * a, b).tolist() == counts.tolist()  # directions, not lengths


def test_error_is_the_spread_over_fresh_histograms() -> None:
    chance = np.random.default_rng(0)
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.2, 0.2, 0.3, 0.3])
    fresh = [chance.multinomial(200, row, 300) / 200 for row in (p, q)]
    spread = frontier_area(*fresh).std(ddof=1)
    fixed = [200 * p, 200 * q]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "clustered", lambda a, b, seed: np.array(fixed).astype(int))
        found = mauve(np.ones((200, 1)), np.ones((200, 1)))
    assert found.value == pytest.approx(area(p.tolist(), q.tolist()))
    assert found.stderr == pytest.approx(spread, rel=0.25)


def test_order_changes_nothing_and_the_seed_little() -> None:
    pytest.importorskip("sklearn")
    a, b = clouds()
    order = np.random.RandomState(1).permutation(len(a))
    assert mauve(a[order], b) == mauve(a, b)
    assert mauve(a, b, seed=1).value == pytest.approx(mauve(a, b).value, abs=0.05)
    assert mauve(a, a).value == pytest.approx(1)


def test_a_generator_of_one_text() -> None:
    pytest.importorskip("sklearn")
    _, b = clouds()
    assert mauve(np.repeat(b[:1], 300, axis=0), b).value < 0.05
    one = np.ones((40, 3))
    assert mauve(one, one) == Estimate(1, 0, 40)


def test_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"a {i}" for i in range(19)]
    few = Evaluation(texts, [], [*texts, "b"], [])
    with pytest.raises(
        UserError, match=r"^MAUVE: needs at least 20 texts and 20 references, got 19 and 20$"
    ):
        mauve_score(few)
    monkeypatch.setattr(module, "embedded", lambda e: None)
    assert mauve_score(Evaluation([*texts, "b"], [], [*texts, "b"], [])) == {"MAUVE": None}
