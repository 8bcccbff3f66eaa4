"""A figure with its uncertainty: a ratio of sums, and what JSON has for numbers that it lacks."""

import json
import math

import numpy as np
import pytest

from textgan.metrics import Estimate, better


def test_a_ratio_of_equal_counts_is_a_mean() -> None:
    totals, counts = np.array([2.0, 4.0, 9.0]), np.array([2, 2, 2])
    found, mean = Estimate.ratio(totals, counts), Estimate.from_scores([1.0, 2.0, 4.5])
    assert found == pytest.approx(mean)


def test_a_ratio_s_error_is_that_of_its_residuals() -> None:
    totals, counts = np.array([1.0, 2.0, 9.0, 4.0]), np.array([1, 2, 3, 2])
    value = sum([1, 2, 9, 4]) / sum([1, 2, 3, 2])
    residuals = [t - value * c for t, c in zip([1, 2, 9, 4], [1, 2, 3, 2], strict=True)]
    error = math.sqrt(sum(r * r for r in residuals) / 3 / 4) / 2  # s / √n over the mean count
    assert Estimate.ratio(totals, counts) == pytest.approx((value, error, 4))


def test_one_item_has_no_error_and_none_no_value() -> None:
    one = Estimate.ratio(np.array([3.0]), np.array([2]))
    assert (one.value, one.n) == (1.5, 1) and math.isnan(one.stderr)
    assert math.isnan(Estimate.ratio(np.array([0.0]), np.array([0])).value)


def test_json_has_neither_nan_nor_infinities() -> None:
    found = [Estimate(v, e, 1).as_json() for v, e in ((-math.inf, math.nan), (0.5, math.inf))]
    assert json.loads(json.dumps(found, allow_nan=False)) == [
        {"value": "-inf", "stderr": None, "n": 1},
        {"value": 0.5, "stderr": "inf", "n": 1},
    ]


@pytest.mark.parametrize(
    ("way", "names"),
    [
        ("lower", ["reverse LM score", "NLL_test", "NLL_oracle", "KL(p||g)", "JSD", "FED"]),
        ("higher", ["BLEU-4", "backward BLEU-2", "sacreBLEU", "coverage", "category accuracy"]),
        ("higher", ["accuracy, both", "macro-F1, gain", "recall"]),
        ("lower", ["neural reverse LM score"]),
        (None, ["NLL_train", "NLL_div", "neural LM score"]),
        (None, ["LM score", "Self-BLEU-4", "4-gram coverage", "category score", "length"]),
    ],
)
def test_which_way_is_better(way: str | None, names: list[str]) -> None:
    assert {better(name) for name in names} == {way}
