"""FED, Vendi, precision and density against closed forms, slow loops and the package prdc."""

from itertools import product

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.metrics import embedding
from textgan.metrics.base import Evaluation, Metric
from textgan.metrics.embedding import fed, frechet, neighbourhoods, prdc, vendi, vendi_score
from textgan.metrics.estimate import Estimate

Array = np.ndarray
NAMES = ("precision", "recall", "density", "coverage")


def cloud(n: int, seed: int, shift: float = 0.0, d: int = 4) -> Array:
    chance = np.random.RandomState(seed)
    mixed = np.random.RandomState(7).standard_normal((d, d))
    return (chance.standard_normal((n, d)) @ mixed + shift).astype(np.float32)


def test_frechet_of_one_dimension() -> None:
    a, b = np.array([[0.0], [2.0], [4.0]]), np.array([[5.0], [6.0]])
    spread_a, spread_b = 2.0, 0.5**0.5  # with n - 1
    assert frechet(a, b).value == pytest.approx((2 - 5.5) ** 2 + (spread_a - spread_b) ** 2)


def test_frechet_by_the_eigenvalues_of_the_product() -> None:
    a, b = cloud(50, 1), cloud(60, 2, shift=0.3) * 1.5
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    shift = a.mean(axis=0) - b.mean(axis=0)
    product_root = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real).sum()
    slow = shift @ shift + np.trace(cov_a + cov_b) - 2 * product_root
    assert frechet(a, b).value == pytest.approx(slow, rel=1e-5)
    without_root = shift @ shift + np.trace(cov_a + cov_b - 2 * cov_a @ cov_b)
    assert frechet(a, b).value != pytest.approx(without_root, rel=1e-2)


def test_frechet_of_itself_is_zero_and_of_small_sets_is_not() -> None:
    a = cloud(200, 1)
    assert frechet(a, a).value == pytest.approx(0, abs=1e-9)
    small, large = (
        np.mean([frechet(cloud(n, s), cloud(n, 100 + s)).value for s in range(20)])
        for n in (20, 200)
    )
    assert small > 5 * large > 0  # the bias that only real against real shows


def test_frechet_of_fewer_points_than_dimensions() -> None:
    a, b = cloud(5, 1, d=20), cloud(6, 2, d=20)
    found = frechet(a, b)
    roots = np.linalg.svd(
        (a - a.mean(0)).astype(np.float64) @ (b - b.mean(0)).T.astype(np.float64) / np.sqrt(4 * 5)
    )[1]  # tr (AB)^½ is the sum of the singular values of X Yᵀ
    shift = a.mean(axis=0) - b.mean(axis=0)
    slow = shift @ shift + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * roots.sum()
    assert found.value == pytest.approx(slow, rel=1e-5)
    assert np.isfinite(found.stderr)


def test_frechet_error_is_the_spread_over_fresh_points() -> None:
    found = [frechet(cloud(150, s), cloud(200, 1000 + s, 0.5) * 1.3) for s in range(200)]
    spread = np.std([e.value for e in found], ddof=1)
    assert np.mean([e.stderr for e in found]) == pytest.approx(spread, rel=0.2)


def test_vendi_of_extremes() -> None:
    assert vendi(np.eye(6)).value == pytest.approx(6)
    assert vendi(np.ones((6, 4))) == pytest.approx(Estimate(1, 0, 6), abs=1e-6)
    two = np.repeat(np.eye(2), (1, 3), axis=0)  # a text and three equal ones
    assert vendi(two).value == pytest.approx(np.exp(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75))))


def test_vendi_by_the_similarities() -> None:
    a = cloud(30, 1)
    x = a / np.linalg.norm(a, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(x @ x.T / 30)
    values = values[values > 1e-9]
    slow = np.exp(-(values * np.log(values)).sum())
    assert vendi(a).value == pytest.approx(slow, rel=1e-4)
    assert vendi(3 * a).value == pytest.approx(slow, rel=1e-4)
    raw = np.linalg.eigvalsh(a @ a.T / 30)
    raw = raw[raw > 1e-9]
    unnormalised = np.exp(-(raw * np.log(raw)).sum())
    assert vendi(a).value != pytest.approx(unnormalised, rel=0.05)


def test_vendi_error_is_the_spread_over_fresh_points() -> None:
    found = [vendi(cloud(150, s, 0.8)) for s in range(200)]
    spread = np.std([e.value for e in found], ddof=1)
    assert np.mean([e.stderr for e in found]) == pytest.approx(spread, rel=0.2)


def slow_neighbourhoods(real: Array, fake: Array, skip: int = 1) -> dict[str, float]:
    """``skip``: the point itself is its nearest."""

    def radii(points: Array, k: int) -> list[float]:
        return [sorted(np.linalg.norm(points - p, axis=1))[k - 1 + skip] for p in points]

    pairs = list(product(range(len(real)), range(len(fake))))
    far = {(i, j): float(np.linalg.norm(real[i] - fake[j])) for i, j in pairs}
    near, wide, own = radii(real, 3), radii(real, 5), radii(fake, 3)
    columns, rows = range(len(fake)), range(len(real))
    return {
        "precision": np.mean([any(far[i, j] <= near[i] for i in rows) for j in columns]),
        "recall": np.mean([any(far[i, j] <= own[j] for j in columns) for i in rows]),
        "density": np.mean([sum(far[i, j] <= wide[i] for i in rows) / 5 for j in columns]),
        "coverage": np.mean([any(far[i, j] <= wide[i] for j in columns) for i in rows]),
    }


def values(found: dict[str, Estimate]) -> list[float]:
    return [found[name].value for name in NAMES]


def test_neighbourhoods_by_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = cloud(40, 1), cloud(30, 2, shift=0.8) * 1.2
    slow = [slow_neighbourhoods(real, fake)[name] for name in NAMES]
    assert values(neighbourhoods(real, fake)) == pytest.approx(slow)
    monkeypatch.setattr(embedding, "CELLS", 100)
    assert values(neighbourhoods(real, fake)) == pytest.approx(slow)
    assert values(neighbourhoods(fake, real)) != pytest.approx(slow, abs=0.02)
    own_neighbour = [slow_neighbourhoods(real, fake, skip=0)[name] for name in NAMES]
    assert own_neighbour != pytest.approx(slow, abs=0.02)
    assert {e.n for e in neighbourhoods(real, fake).values()} == {30, 40}


@pytest.mark.parametrize(("name", "k"), [("precision", 3), ("recall", 3), ("density", 5)])
def test_neighbourhoods_by_the_package(name: str, k: int) -> None:
    package = pytest.importorskip("prdc")
    real, fake = cloud(200, 1), cloud(150, 2, shift=0.8) * 1.2
    expected = package.compute_prdc(real.astype(float), fake.astype(float), nearest_k=k)
    found = neighbourhoods(real, fake)
    assert found[name].value == pytest.approx(expected[name])
    if k == 5:
        assert found["coverage"].value == pytest.approx(expected["coverage"])


def test_a_memoriser_and_a_collapsed_generator() -> None:
    real = np.repeat(cloud(50, 1, d=20), 2, axis=0)  # every text twice
    memoriser = neighbourhoods(real, real[::-1].copy())
    assert values(memoriser)[:2] == [1, 1] and memoriser["coverage"].value == 1
    collapsed = neighbourhoods(real, np.repeat(real[:1], 30, axis=0))
    assert collapsed["precision"] == Estimate(1, 0, 30)
    assert collapsed["recall"].value == 2 / 100  # that text and its twin
    assert collapsed["coverage"].value < 0.5


def test_points_in_another_order() -> None:
    a, b, order = cloud(40, 1), cloud(30, 2), np.random.RandomState(0).permutation(40)
    assert values(neighbourhoods(b, a[order])) == pytest.approx(values(neighbourhoods(b, a)))
    assert frechet(a[order], b) == pytest.approx(frechet(a, b), rel=1e-6)
    assert vendi(a[order]) == pytest.approx(vendi(a), rel=1e-6)


def evaluation(m: int, n: int) -> Evaluation:
    texts, references = [f"a {i}" for i in range(m)], [f"b {i}" for i in range(n)]
    return Evaluation(texts, [t.split() for t in texts], references, [])


def test_metrics_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = cloud(30, 1), cloud(40, 2)
    monkeypatch.setattr(embedding, "embedded", lambda e: points)
    assert fed(evaluation(30, 40)) == {"FED": frechet(*points)}
    assert prdc(evaluation(30, 40)) == neighbourhoods(points[1], points[0])
    assert vendi_score(evaluation(30, 40)) == {"Vendi": vendi(points[0])}
    monkeypatch.setattr(embedding, "embedded", lambda e: None)
    absent = fed(evaluation(30, 40)) | prdc(evaluation(30, 40)) | vendi_score(evaluation(30, 40))
    assert absent == dict.fromkeys(("FED", *NAMES, "Vendi"))


@pytest.mark.parametrize(
    ("metric", "counts", "message"),
    [
        (fed, (1, 9), "FED: needs at least 2 texts and 2 references, got 1 and 9"),
        (
            prdc,
            (9, 5),
            "precision, recall, density and coverage: need at least 6 texts and 6 references, "
            "got 9 and 5",
        ),
        (vendi_score, (0, 5), "Vendi: needs at least 1 texts and 1 references, got 0 and 5"),
    ],
)
def test_too_few(metric: Metric, counts: tuple[int, int], message: str) -> None:
    with pytest.raises(UserError) as problem:
        metric(evaluation(*counts))
    assert str(problem.value) == message
