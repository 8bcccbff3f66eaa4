"""Areas under quality-diversity curves by hand, and their errors by simulation."""

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.metrics import bootstrap
from textgan.metrics.bootstrap import Scores, Sweep
from textgan.metrics.curves import hypervolume, signed_area

STAIRS = np.array([[1.0, 3.0], [2.0, 1.0]])


def shifted(curve: np.ndarray, x: float, y: float = 0) -> np.ndarray:
    return curve + np.array([x, y])


def test_a_hypervolume_by_hand() -> None:
    assert hypervolume(STAIRS, (4, 4)) == 3 * 1 + 2 * 2  # 1..4 × 3..4 and 2..4 × 1..3
    assert hypervolume(STAIRS[::-1], (4, 4)) == 7
    assert hypervolume(STAIRS[:1], (4, 4)) == 3


def test_dominated_far_and_infinite_points_add_nothing() -> None:
    more = np.array([[2.5, 3.5], [2, 1], [3, 3], [5, 0], [0, 4], [1, np.inf], [4, 4], [np.nan, 0]])
    assert hypervolume(np.concatenate([STAIRS, more]), (4, 4)) == 7
    assert hypervolume(more[3:], (4, 4)) == 0
    assert hypervolume(more[:0], (4, 4)) == 0


def test_a_hypervolume_is_the_share_of_a_box_that_darts_find() -> None:
    chance = np.random.default_rng(0)
    points, darts = chance.random((12, 2)), chance.random((40_000, 2))
    hit = (points[:, None] <= darts).all(axis=-1).any(axis=0).mean()
    assert hypervolume(points, (1, 1)) == pytest.approx(hit, abs=4 * (0.25 / 40_000) ** 0.5)
    wrong = ((1 - points).prod(axis=1)).sum()  # rectangles counted twice where they overlap
    assert wrong != pytest.approx(hit, abs=0.1)


def test_a_signed_area_by_hand() -> None:
    base = np.array([[0.0, 4.0], [4.0, 0.0]])  # y = 4 - x
    assert signed_area(base - [0, 1], base) == pytest.approx(1)  # 1 below everywhere
    assert signed_area(base, base - [0, 1]) == pytest.approx(-1)
    assert signed_area(base, base) == 0
    kink = np.array([[1.0, 3.0], [2.0, 0.0], [3.0, 1.0]])  # a triangle of height 2 over 1..3
    assert signed_area(kink, base) == pytest.approx((2 * 2 / 2) / 2)
    crossing = np.array([[1.0, 4.0], [3.0, 0.0]])  # 1 above at 1, 1 below at 3
    assert signed_area(crossing, base) == pytest.approx(0)
    assert signed_area(crossing[:, ::-1], base) == pytest.approx(0)


def test_a_signed_area_counts_only_what_both_reach() -> None:
    base = np.array([[0.0, 4.0], [4.0, 0.0]])
    reach = np.array([[3.0, 0.0], [5.0, 0.0], [9.0, 100.0]])  # over 3..4: 1 less to 0 less
    assert signed_area(reach, base) == pytest.approx(0.5)
    assert signed_area(base, reach) == pytest.approx(-0.5)
    assert signed_area(shifted(reach, 2), base) is None
    assert signed_area(shifted(reach, 1), base) is None  # one common point is no stretch
    assert signed_area(reach[:1], base) is None
    assert signed_area(reach[:0], base) is None


def test_order_infinite_points_and_doubles_of_a_curve_do_not_matter() -> None:
    chance = np.random.default_rng(1)
    curve, base = chance.random((2, 9, 2))
    found = signed_area(curve, base)
    more = np.concatenate([curve[::-1], curve[2:3], [[0.5, np.inf], [np.nan, 0.5]]])
    assert signed_area(more, base[[3, 1, 4, 0, 5, 8, 2, 6, 7]]) == pytest.approx(found)
    split = np.concatenate([curve[1:], shifted(curve[:1], 0, 0.2), shifted(curve[:1], 0, -0.2)])
    assert signed_area(split, base) == pytest.approx(found)


def test_a_signed_area_is_the_mean_on_a_fine_grid_not_the_mean_over_points() -> None:
    chance = np.random.default_rng(2)
    curve, base = (np.sort(chance.random((7, 2)) ** 2, axis=0) for _ in range(2))
    low, high = max(curve[0, 0], base[0, 0]), min(curve[-1, 0], base[-1, 0])
    grid = np.linspace(low, high, 100_001)
    difference = np.interp(grid, *base.T) - np.interp(grid, *curve.T)
    assert signed_area(curve, base) == pytest.approx(difference.mean(), abs=1e-5)
    inside = curve[(curve[:, 0] >= low) & (curve[:, 0] <= high)]
    wrong = (np.interp(inside[:, 0], *base.T) - inside[:, 1]).mean()
    assert wrong != pytest.approx(signed_area(curve, base), abs=1e-3)


def sweep(curve: np.ndarray, effects: np.ndarray, own: np.ndarray, held_out: np.ndarray) -> Sweep:
    """Per-text scores around a curve (K, 2): seed effects (S,), noises (S, 1, M) and (N,)."""
    seeds = len(effects)
    lengths = 5.0 + np.arange(own.shape[-1]) % 4
    quality = curve[None, :, :1] + own
    diversity = curve[None, :, 1:] + effects[:, None, None] + held_out
    counts = np.broadcast_to(lengths, quality.shape), np.ones(diversity.shape)
    assert quality.shape[0] == diversity.shape[0] == seeds
    return Sweep(Scores(quality * counts[0], counts[0]), Scores(diversity, counts[1]))


CURVE = np.stack([np.linspace(1, 3, 6), 4 / np.linspace(1, 3, 6)], axis=1)


def trial(seeds: int, seed: int, spread: float = 0.1) -> tuple[Sweep, Sweep]:
    """A method 0.2 below its base, the seeds' effects and the held-out texts' noise on top."""
    chance = np.random.default_rng(seed)
    held_out = chance.normal(0, 1, 80)  # shared: it cancels in differences
    method, base = (
        sweep(
            CURVE - [0, below],
            chance.normal(0, spread, seeds),
            chance.normal(0, 0.1, (seeds, 1, 60)),
            held_out + chance.normal(0, 0.2, 80),
        )
        for below in (0.2, 0)
    )
    return method, base


def test_points_are_ratios_of_sums() -> None:
    total, count = np.array([[[2.0, 9.0]]]), np.array([[[1.0, 2.0]]])
    found = bootstrap.curves(Sweep(Scores(total, count), Scores(total * 0 + 3, count * 0 + 1)))
    assert found.tolist() == [[[11 / 3, 3]]]


def test_the_value_is_the_mean_over_seeds_and_repeats_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "REPLICATES", 100)
    pair = trial(2, seed=0)
    found = bootstrap.bootstrap(signed_area, pair, seed=5)
    assert found is not None
    each = bootstrap.by_seed(signed_area, pair)
    assert each == [
        signed_area(*curves) for curves in zip(*map(bootstrap.curves, pair), strict=True)
    ]
    assert found.estimate.value == pytest.approx(np.mean(each))
    assert found.estimate.n == 2
    assert bootstrap.bootstrap(signed_area, pair, seed=5) == found
    assert bootstrap.bootstrap(signed_area, pair, seed=6) != found


@pytest.mark.parametrize("seeds", [1, 5])
def test_intervals_cover_and_unpaired_ones_are_far_too_wide(
    seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def below(curve: np.ndarray, base: np.ndarray) -> float:
        return float((base - curve)[:, 1].mean())

    monkeypatch.setattr(bootstrap, "REPLICATES", 100)
    inside, width, alone = [], [], []
    for k in range(100):
        # one seed's interval is about that trained model: no effects of seeds to find
        method, base = trial(seeds, seed=k, spread=0.1 if seeds > 1 else 0)
        found = bootstrap.bootstrap(below, [method, base], seed=k)
        assert found is not None
        inside.append(found.low < 0.2 < found.high)
        width.append(found.estimate.stderr)
        single = bootstrap.bootstrap(lambda curve: curve[:, 1].mean(), [method], seed=k)
        assert single is not None
        alone.append(single.estimate.stderr)
    assert 0.88 <= np.mean(inside) <= 1
    assert np.mean(width) < 0.75 * np.hypot(np.mean(alone), np.mean(alone))


def test_no_figure_where_a_seed_has_none() -> None:
    method, base = trial(2, seed=0)
    far = Sweep(
        Scores(method.quality.totals + 99 * method.quality.counts, method.quality.counts),
        method.diversity,
    )
    assert bootstrap.by_seed(signed_area, [far, base]) == [None, None]
    assert bootstrap.bootstrap(signed_area, [far, base]) is None


def test_sweeps_that_do_not_pair() -> None:
    with pytest.raises(UserError, match=r"^curves: sweeps of \[2, 3\] seeds; compare on the same"):
        bootstrap.bootstrap(signed_area, [trial(2, 0)[0], trial(3, 0)[1]])
    method, base = trial(2, seed=0)
    fewer = Scores(*(part[..., :70] for part in base.diversity))
    message = r"^curves: diversity scored on \[70, 80\] texts; compare on as many, the same$"
    with pytest.raises(UserError, match=message):
        bootstrap.bootstrap(signed_area, [method, Sweep(base.quality, fewer)])
