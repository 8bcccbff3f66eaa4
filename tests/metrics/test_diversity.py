"""Distinct n-grams and coverage by hand, by NLTK's n-grams and by leaving out texts for real."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.util import ngrams as nltk_ngrams

from textgan.errors import UserError
from textgan.metrics.base import Evaluation
from textgan.metrics.diversity import ORDERS, coverage, distinct, diversity, length
from textgan.metrics.estimate import Estimate

TEXTS = st.lists(st.lists(st.sampled_from("ab雪"), max_size=6), min_size=1, max_size=6)


def words(*lines: str) -> list[list[str]]:
    return [line.split() for line in lines]


def given_texts(texts: list[list[str]], references: list[list[str]]) -> Evaluation:
    joined = [[" ".join(text) for text in part] for part in (texts, references)]
    return Evaluation(joined[0], texts, joined[1], references)


def slow_distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    grams = [gram for text in texts for gram in nltk_ngrams(text, n)]
    return len(set(grams)) / len(grams) if grams else math.nan


def test_arithmetic() -> None:
    texts = words("a cat and a cat", "a dog", "")
    assert distinct(texts, 1)[0] == 4 / 7  # a, cat, and, dog
    assert distinct(texts, 2)[0] == 4 / 5  # a cat, cat and, and a, a dog
    assert distinct(texts, 6) is None
    assert length(texts).value == pytest.approx(7 / 3)


def test_a_repeated_text_is_one_kind_over_the_whole_set_not_each_text() -> None:
    texts = words(*["a cat"] * 10)
    assert distinct(texts, 2)[0] == 1 / 10
    mean_of_each_text = np.mean([slow_distinct([text], 2) for text in texts])
    assert mean_of_each_text == 1  # the common mistake can't see the collapse


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.sampled_from(ORDERS))
def test_distinct_and_its_jackknife_by_leaving_out_texts(texts: list[list[str]], n: int) -> None:
    found, m = distinct(texts, n), len(texts)
    if found is None:
        assert math.isnan(slow_distinct(texts, n))
        return
    without = [slow_distinct(texts[:i] + texts[i + 1 :], n) for i in range(m)]
    error = np.sqrt((m - 1) * np.var(without)) if m > 1 else math.nan
    assert found == pytest.approx(Estimate(slow_distinct(texts, n), error, m), nan_ok=True)


def test_jackknife_error_is_the_spread_over_fresh_sets() -> None:
    """Of texts drawn anew each time: the error is of the right size, the bootstrap's value isn't
    that of the set.
    """
    chance = np.random.RandomState(3)
    chances = 1 / np.arange(1, 41)
    chances /= chances.sum()

    def texts() -> list[list[str]]:
        return chance.choice(40, (60, 5), p=chances).astype(str).tolist()

    repeats = [distinct(texts(), 2) for _ in range(300)]
    spread = np.std([e.value for e in repeats], ddof=1)
    assert np.mean([e.stderr for e in repeats]) == pytest.approx(spread, rel=0.25)
    one = texts()
    again = [[one[i] for i in chance.randint(60, size=60)] for _ in range(50)]
    drawn_twice = np.array([slow_distinct(again_texts, 2) for again_texts in again])
    assert drawn_twice.max() < distinct(one, 2).value


@settings(max_examples=50, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(ORDERS))
def test_coverage_by_counting(texts: list[list[str]], others: list[list[str]], n: int) -> None:
    known = Counter(gram for text in others for gram in nltk_ngrams(text, n))
    grams = [gram for text in texts for gram in nltk_ngrams(text, n)]
    found = coverage(texts, others, n)
    if found is None:
        assert not grams
    else:
        assert found.value == pytest.approx(np.mean([known[gram] > 0 for gram in grams]))
        assert found.n == len(texts)


def test_coverage_error_is_the_spread_over_fresh_texts() -> None:
    chance = np.random.RandomState(4)
    searched = words("0 1 2 3 4 5 6 7 8 9 8 7 6")

    def texts() -> list[list[str]]:
        return [chance.randint(10, size=k).astype(str).tolist() for k in chance.randint(9, size=50)]

    repeats = [coverage(texts(), searched, 2) for _ in range(400)]
    spread = np.std([e.value for e in repeats], ddof=1)
    assert np.mean([e.stderr for e in repeats]) == pytest.approx(spread, rel=0.15)


def test_both_directions() -> None:
    figures = diversity(given_texts(words("a cat", "a cat"), words("a cat", "a dog", "the dog")))
    assert figures["1-gram coverage"].value == 3 / 6  # a, cat, a of the references' six words
    assert figures["1-gram reverse coverage"].value == 1
    assert figures["2-gram coverage"].value == 1 / 3
    assert figures["3-gram coverage"] is None
    assert figures["length"] == Estimate(2, 0, 2)


@settings(max_examples=25, deadline=None)
@given(TEXTS, TEXTS, st.randoms())
def test_order_changes_nothing(a: list[list[str]], b: list[list[str]], chance) -> None:  # type: ignore[no-untyped-def]
    mixed = [chance.sample(part, len(part)) for part in (a, b)]
    before, after = diversity(given_texts(a, b)), diversity(given_texts(*mixed))
    for name, figure in before.items():
        assert after[name] == (
            figure if figure is None else pytest.approx(figure, nan_ok=True, abs=1e-12)
        )


def test_real_text_covers_itself() -> None:
    texts = words("a cat sat", "x", "")
    figures = diversity(given_texts(texts, texts))
    assert figures["1-gram coverage"].value == figures["1-gram reverse coverage"].value == 1
    assert figures["4-gram coverage"] is None


def test_too_few() -> None:
    with pytest.raises(UserError, match="needs at least 1 text and 1 reference, got 0 and 1"):
        diversity(given_texts([], words("a")))
