"""BLEU and Self-BLEU against NLTK, by hand, and on the captions everyone reports."""

import math
import re
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import (
    SmoothingFunction,
    sentence_bleu,
)

from textgan.errors import UserError
from textgan.metrics import Estimate
from textgan.metrics.bleu import ORDERS, References, bleu, harmonic_mean, self_bleu

COCO = Path(__file__).parents[2] / "../shared/data/image_coco"

# Two or three types in up to seven places: clipping, ties in length and twins are the rule.
TEXT = st.integers(2, 3).flatmap(lambda v: st.lists(st.integers(0, v - 1), max_size=7))


def nltk_bleu(references: Sequence[Sequence[object]], text: Sequence[object]) -> list[float]:
    weights = [(1 / n,) * n for n in ORDERS]
    smoothing = SmoothingFunction(epsilon=0.1).method1
    return [float(s) for s in sentence_bleu(references, text, weights, smoothing)]


def nltk_self_bleu(texts: Sequence[Sequence[object]], index: int) -> list[float]:
    return nltk_bleu([*texts[:index], *texts[index + 1 :]], texts[index])


def scores(
    references: References, text: Sequence[Hashable], orders: Sequence[int] = ORDERS
) -> list[float]:
    return list(references.scores([text], orders)[0])


def words(line: str) -> list[str]:
    return line.split()


def values(estimates: dict[int, Estimate]) -> list[float]:
    return [estimate.value for estimate in estimates.values()]


def test_arithmetic() -> None:
    references = References([words("the cat lay down there"), words("a cat sat on the mat")])
    p1 = 3 / 4  # "the" twice, but once in any one reference; cat, sat
    p2 = 2 / 3  # the cat, cat sat; not: the the
    p3 = 0.1 / 2  # neither of two, smoothed
    p4 = 0.1 / 1
    p5 = 0.1 / 1  # a text of four has no 5-gram: the denominator is one
    brevity = math.exp(1 - 5 / 4)  # five is nearer to four than six
    assert scores(references, words("the the cat sat"), (1, 2, 3, 4, 5)) == pytest.approx(
        [
            brevity * p1,
            brevity * (p1 * p2) ** (1 / 2),
            brevity * (p1 * p2 * p3) ** (1 / 3),
            brevity * (p1 * p2 * p3 * p4) ** (1 / 4),
            brevity * (p1 * p2 * p3 * p4 * p5) ** (1 / 5),
        ],
        abs=1e-12,
    )


def test_of_two_lengths_as_close_the_shorter_counts() -> None:
    both = References(["abc", "abcde"])
    longer = References(["abcde"])
    assert scores(both, "abcd", [2]) == [1.0]
    assert scores(longer, "abcd", [2]) == pytest.approx([math.exp(1 - 5 / 4)])


@settings(deadline=None, max_examples=300)
@given(st.lists(TEXT, min_size=1, max_size=6), st.lists(TEXT, min_size=1, max_size=6))
def test_bleu_is_nltks(texts: list[list[int]], references: list[list[int]]) -> None:
    index = References(references)
    expected = [nltk_bleu(references, text) for text in texts]
    assert index.scores(texts) == pytest.approx(np.array(expected), abs=1e-9)
    means = [sum(column) / len(texts) for column in zip(*expected, strict=True)]
    assert values(bleu(texts, index)) == pytest.approx(means, abs=1e-9)


@settings(deadline=None, max_examples=300)
@given(st.lists(TEXT, min_size=2, max_size=7))
def test_self_bleu_is_nltks_with_the_text_left_out(texts: list[list[int]]) -> None:
    expected = [nltk_self_bleu(texts, index) for index in range(len(texts))]
    found = References(texts).scores(texts, excluded=True)
    assert found == pytest.approx(np.array(expected), abs=1e-9)
    means = [sum(column) / len(texts) for column in zip(*expected, strict=True)]
    assert values(self_bleu(texts)) == pytest.approx(means, abs=1e-9)


@pytest.mark.parametrize("text", [[], ["a"], ["a", "b"], ["a", "b", "c"], ["z"], ["b", "a"]])
@pytest.mark.parametrize("references", [[[]], [["a"]], [[], ["a", "b", "c", "d", "e", "f"]]])
def test_empty_and_short_texts_score_as_in_nltk(
    text: list[str], references: list[list[str]]
) -> None:
    expected = nltk_bleu(references, text)
    assert scores(References(references), text) == pytest.approx(expected, abs=1e-9)


def test_a_text_does_not_count_for_itself_but_its_twin_does() -> None:
    alone = self_bleu(["abcde", "fghij", "klmno"])
    assert values(alone) == [0.0, 0.0, 0.0, 0.0]
    with_twin = self_bleu(["abcde", "fghij", "klmno", "abcde"])
    assert values(with_twin) == [0.5, 0.5, 0.5, 0.5]


def test_equal_lines_score_one() -> None:
    lines = [words("a man rides a horse")] * 50
    expected = {n: Estimate(1.0, 0.0, 50) for n in ORDERS}
    assert self_bleu(lines) == expected
    assert bleu(lines, References(lines)) == expected


def test_equal_short_lines_lack_the_longer_ngrams() -> None:
    assert values(self_bleu([[7, 8, 9]] * 10)) == pytest.approx(
        [1.0, 1.0, 0.1 ** (1 / 4), 0.1 ** (2 / 5)]
    )


def test_orders_choose_what_is_reported() -> None:
    texts = ["abcab", "abcba", "bacab"]
    all_orders = self_bleu(texts)
    assert self_bleu(texts, orders=(4, 2)) == {4: all_orders[4], 2: all_orders[2]}
    longer = References(texts, highest=7)
    assert scores(longer, "abcbb") == scores(References(texts), "abcbb")
    assert scores(longer, "aaaaaaa", [7]) == pytest.approx([(2 / 7 * 1e-6 / 720) ** (1 / 7)])


def test_estimate_is_mean_and_standard_error() -> None:
    variance = (4 + 1 + 0 + 9) / 3
    assert Estimate.from_scores([1, 2, 3, 6]) == pytest.approx((3, math.sqrt(variance / 4), 4))
    single = Estimate.from_scores([0.25])
    assert (single.value, single.n) == (0.25, 1)
    assert math.isnan(single.stderr)
    with pytest.raises(ValueError, match="no scores to average"):
        Estimate.from_scores([])


def test_bleu_carries_the_spread_over_hypotheses() -> None:
    estimate = bleu(["abcde", "vwxyz"], References(["abcde"]))[2]  # scores 1 and 0
    assert estimate == pytest.approx((0.5, 0.5, 2))


def test_harmonic_mean() -> None:
    assert harmonic_mean(0.2, 0.6) == pytest.approx(2 / (1 / 0.2 + 1 / 0.6))
    assert harmonic_mean(0.0, 0.6) == 0.0
    assert harmonic_mean(0.0, 0.0) == 0.0


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"^Self-BLEU: needs at least 2 texts, got 1$"):
        self_bleu(["abc"])
    with pytest.raises(UserError, match=r"^BLEU: no reference texts; give at least one$"):
        References([])
    with pytest.raises(UserError, match=r"^BLEU: no texts to score; give at least one$"):
        bleu([], References(["abc"]))
    with pytest.raises(UserError, match=r"^BLEU: orders go from 1 to 5, got \[2, 6\]$"):
        bleu(["abc"], References(["abc"]), orders=(2, 6))
    with pytest.raises(UserError, match=r"^BLEU: orders go from 1 to 3, got \[0, 3\]$"):
        self_bleu(["abc", "abd"], orders=(0, 3))
    with pytest.raises(UserError, match=r"^BLEU: orders go from 1 to 1, got \[\]$"):
        self_bleu(["abc", "abd"], orders=())


def coco(split: str, punctuation: str) -> list[list[str]]:
    lines = (COCO / f"{split}.txt").read_text(encoding="utf-8").splitlines()
    if punctuation == "glued":
        return [line.split() for line in lines]
    return [re.findall(r"[\w'-]+|[^\w\s]", line) for line in lines]


@pytest.mark.slow
@pytest.mark.skipif(not COCO.exists(), reason="the Image COCO captions are not on this machine")
@pytest.mark.parametrize(
    ("punctuation", "expected"),
    [("split", [0.740, 0.520, 0.337, 0.218]), ("glued", [0.709, 0.488, 0.310, 0.202])],
)
def test_coco_training_text_against_test_text(punctuation: str, expected: list[float]) -> None:
    """All 10,000 training captions are hypotheses, all 10,000 test captions references."""
    train, test = coco("train", punctuation), coco("test", punctuation)
    assert len(train) == len(test) == 10_000
    references = References(test)
    means = values(bleu(train, references))
    assert means == pytest.approx(expected, abs=5.1e-4)
    for text in train[:3]:
        assert scores(references, text) == pytest.approx(nltk_bleu(test, text), abs=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(not COCO.exists(), reason="the Image COCO captions are not on this machine")
def test_coco_training_text_against_itself() -> None:
    """Self-BLEU of the 10,000 training captions, punctuation split."""
    train = coco("train", "split")
    means = values(self_bleu(train))
    assert means == pytest.approx([0.892, 0.747, 0.573, 0.416], abs=5.1e-4)
    exact = References(train).scores(train, excluded=True)
    for index in (0, 5_000, 9_999):
        assert list(exact[index]) == pytest.approx(nltk_self_bleu(train, index), abs=1e-9)
