"""What runs over seeds show: intervals, exact tests, the limits of few seeds, plain sentences."""

import itertools
import math

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.metrics import seeds
from textgan.metrics.rounding import p_value, rounded, with_error
from textgan.metrics.student import t_quantile

TABLE = {
    1: 12.7062,
    2: 4.3027,
    3: 3.1824,
    4: 2.7764,
    7: 2.3646,
    10: 2.2281,
    30: 2.0423,
    120: 1.9799,
}
"""Two-sided 95 % quantiles of Student's t, as printed in any textbook."""
EIGHT = [0.31, -0.12, 0.22, 0.40, 0.05, -0.02, 0.17, 0.29]


@pytest.mark.parametrize(("df", "wanted"), TABLE.items())
def test_quantiles_are_the_printed_ones(df: int, wanted: float) -> None:
    assert t_quantile(df) == pytest.approx(wanted, abs=6e-5)


@pytest.mark.parametrize("df", [1, 2, 5, 6])
def test_the_mass_beyond_a_quantile_is_the_level(df: int) -> None:
    t = np.linspace(-t_quantile(df, 0.1), t_quantile(df, 0.1), 200_001)
    constant = math.gamma((df + 1) / 2) / (math.sqrt(df * math.pi) * math.gamma(df / 2))
    density = constant * (1 + t**2 / df) ** (-(df + 1) / 2)
    assert np.trapezoid(density, t) == pytest.approx(0.9, abs=1e-8)


def test_an_interval_by_hand() -> None:
    found = seeds.interval([1.0, 2.0, 3.0, 6.0])
    error = math.sqrt((4 + 1 + 0 + 9) / 3 / 4)
    assert found.estimate == pytest.approx((3, error, 4))
    assert (found.low, found.high) == pytest.approx(
        (3 - 3.1824 * error, 3 + 3.1824 * error), abs=1e-3
    )
    assert seeds.interval([2.5])[1:] == (-math.inf, math.inf)
    with pytest.raises(UserError, match=r"^seeds: no values to average; give at least one$"):
        seeds.interval([])


def test_intervals_cover_19_times_in_20_and_normal_ones_do_not() -> None:
    chance = np.random.default_rng(0)
    many = [seeds.interval(chance.normal(3, 2, 5).tolist()) for _ in range(2000)]
    assert np.mean([each.low < 3 < each.high for each in many]) == pytest.approx(0.95, abs=0.015)
    normal = [abs(each.estimate.value - 3) < 1.96 * each.estimate.stderr for each in many]
    assert np.mean(normal) < 0.9  # the wrong quantile for five seeds


def by_brute_force(differences: list[float]) -> float:
    far = [
        abs(math.fsum(s * d for s, d in zip(signs, differences, strict=True)))
        >= abs(math.fsum(differences)) - 1e-12
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(far) / len(far)


@pytest.mark.parametrize(
    "differences",
    [EIGHT, [0.1] * 6, [0.1, 0.2, 0.3, -0.6], [0.0, 0.0], [1.0], [-0.2, -0.1, -0.7], EIGHT[:7]],
)
def test_p_is_the_share_of_all_sign_choices(differences: list[float]) -> None:
    wanted = by_brute_force(differences)
    assert seeds.sign_flip_p(differences) == wanted
    assert seeds.sign_flip_p([-each for each in differences]) == wanted
    assert seeds.sign_flip_p([1000 * each for each in reversed(differences)]) == wanted


def test_draws_agree_with_all_choices() -> None:
    chance = np.random.default_rng(4)
    differences = chance.normal(0.3, 1, 22)
    sums = differences[:1]
    for each in differences[1:]:
        sums = np.concatenate([sums + each, sums - each])  # 2^21: too many for the function
    wanted = float(np.mean(np.abs(sums) >= abs(differences.sum()) - 1e-12))
    assert 0.01 < wanted < 0.9
    found = seeds.sign_flip_p(differences.tolist())
    assert found == pytest.approx(wanted, abs=4 * math.sqrt(wanted / seeds.DRAWS))
    assert seeds.sign_flip_p([1.0] * 60) == 1 / (seeds.DRAWS + 1)  # never 0


def test_false_alarms_come_as_often_as_announced() -> None:
    """8 seeds without an effect: p <= .05 means at most 6 of 128 pairs of sign choices."""
    chance = np.random.default_rng(1)
    found = [seeds.sign_flip_p(row) for row in chance.normal(size=(4000, 8)).tolist()]
    rate = np.mean(np.array(found) <= 0.05)
    assert rate == pytest.approx(6 / 128, abs=4 * math.sqrt(0.05 * 0.95 / 4000))
    unpaired = chance.normal(size=(4000, 8)) + chance.normal(size=(4000, 1))  # seeds not alike
    wrong = [seeds.sign_flip_p(row) for row in unpaired.tolist()]
    assert np.mean(np.array(wrong) <= 0.05) > 0.2


def test_what_few_seeds_can_reach() -> None:
    assert [seeds.smallest_p(n) for n in (1, 2, 5, 6, 8)] == [1, 1 / 2, 1 / 16, 1 / 32, 1 / 128]
    assert all(seeds.sign_flip_p([1.0 + k for k in range(n)]) == 2 / 2**n for n in range(1, 12))
    assert (seeds.seeds_needed(), seeds.seeds_needed(0.01), seeds.seeds_needed(0.05, 4)) == (
        6,
        8,
        8,
    )
    assert seeds.smallest_p(6, comparisons=3) == 3 / 32


def test_holm_by_hand() -> None:
    assert seeds.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert seeds.holm([0.5, 0.9]) == [1, 1]
    assert seeds.holm([0.02]) == [0.02]
    bonferroni = [3 * p for p in (0.01, 0.04, 0.03)]
    assert seeds.holm([0.01, 0.04, 0.03]) != pytest.approx(bonferroni)


def test_no_method_of_several_is_hailed_by_chance() -> None:
    chance = np.random.default_rng(2)
    draws = chance.normal(size=(600, 6, 8))
    corrected, plain = 0, 0
    for each in draws:
        methods = {str(k): row.tolist() for k, row in enumerate(each)}
        found = seeds.compare(methods, [0.0] * 8)
        corrected += any(one.p < 0.05 for one in found.values())
        plain += any(seeds.sign_flip_p(row) < 0.05 for row in methods.values())
    assert corrected / 600 < 0.05 + 0.02
    assert plain / 600 > 0.2


def one(difference: list[float], others: int = 0) -> str:
    base = [0.5 + 0.1 * k for k in range(len(difference))]
    methods = {"ours": [b + d for b, d in zip(base, difference, strict=True)]}
    methods |= {f"other {k}": base for k in range(others)}
    return seeds.verdict(seeds.compare(methods, base)["ours"])


def test_verdicts() -> None:
    low = [-0.031 + 0.01 * k for k in (-2, -1, 0, 1, 2, -1, 1, 0)]
    assert one(low) == "lower by 0.0310 ± 0.0046 (p = .0078, n = 8)"
    assert one([-d for d in low]) == "higher by 0.0310 ± 0.0046 (p = .0078, n = 8)"
    assert one(low, others=2) == (
        "lower by 0.0310 ± 0.0046 (p = .023 by Holm over 3 comparisons, n = 8)"
    )
    assert one([0.1, -0.2, 0.3, -0.1, 0.0, 0.1, -0.1, 0.2]) == (
        "no difference shown at n = 8 (p = .69; the smallest p that 8 seeds can reach is .0078)"
    )
    assert one([0.1] * 4 + [0.2]) == (
        "5 seeds can't reach p < .05; 6 could (difference 0.120 ± 0.020)"
    )
    assert one([0.1] * 5 + [0.2], others=1) == (
        "6 seeds can't reach p < .05 in 2 comparisons; 7 could (difference 0.117 ± 0.017)"
    )
    assert one([-0.25]) == "1 seed can't reach p < .05; 6 could (difference -0.25)"


def test_what_cannot_be_compared() -> None:
    with pytest.raises(UserError, match=r"^ours: 2 seeds, the baseline has 3$"):
        seeds.compare({"ours": [1.0, 2.0]}, [1.0, 2.0, 3.0])
    with pytest.raises(UserError, match=r"^ours: seed number 2 has no finite value to compare$"):
        seeds.compare({"ours": [1.0, math.inf]}, [1.0, 2.0])
    with pytest.raises(UserError, match=r"^the baseline: seed number 1 has no finite value"):
        seeds.compare({"ours": [1.0, 2.0]}, [math.nan, 2.0])


def test_numbers_have_the_digits_that_their_errors_support() -> None:
    assert rounded(0.56312, 0.00412) == ("0.5631", "0.0041")
    assert rounded(1234.56, 78.9) == ("1235", "79")
    assert rounded(-0.0001, 0.31) == ("0.00", "0.31")
    assert rounded(5.754321, math.nan) == ("5.754", "")
    assert with_error(math.inf, math.nan) == "inf"
    assert with_error(0.5, 0.0) == "0.5"
    assert [p_value(p) for p in (1, 0.41, 0.5, 2 / 256, 1e-5)] == [
        "1",
        ".41",
        ".5",
        ".0078",
        "1e-05",
    ]
