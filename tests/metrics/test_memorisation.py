"""Copies, copied runs and nearest texts against slow loops; the z against all permutations."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgan.errors import UserError
from textgan.metrics.base import Evaluation
from textgan.metrics.estimate import Estimate
from textgan.metrics.memorisation import (
    copied_runs,
    copies,
    mann_whitney_z,
    memorisation,
    nearest,
)

COCO = Path(__file__).parents[2] / "../shared/data/image_coco"
NAMES = ("exact copies", "copied run", "nearest training text")
TEXT = st.lists(st.sampled_from("ab雪"), max_size=7)
TEXTS = st.lists(TEXT, min_size=1, max_size=5)


def words(*lines: str) -> list[list[str]]:
    return [line.split() for line in lines]


def evaluation(
    texts: list[list[str]], references: list[list[str]], training: list[list[str]]
) -> Evaluation:
    lines = [[" ".join(text) for text in part] for part in (texts, references, training)]
    return Evaluation(lines[0], texts, lines[1], references, lines[2], training)


def slow_run(text: list[str], training: list[list[str]]) -> int:
    pieces = {tuple(t[i:j]) for t in training for i in range(len(t)) for j in range(i, len(t) + 1)}
    own = (tuple(text[i:j]) for i in range(len(text)) for j in range(i, len(text) + 1))
    return max((len(piece) for piece in own if piece in pieces), default=0)


def slow_dice(a: list[str], b: list[str]) -> float:
    first, second = (set(pairwise(["^", *text, "^"])) for text in (a, b))
    return 2 * len(first & second) / (len(first) + len(second))


def test_by_hand() -> None:
    training = words("a cat sat on a mat", "the dog", "a dog")
    texts = words("a cat sat there", "a dog", "on the dog", "", "snow")
    assert copies(texts, training).tolist() == [False, True, False, False, False]
    # a run lies in one training text and one place: "on … the dog" would be three of two
    assert copied_runs(texts, training).tolist() == [3, 2, 2, 0, 0]
    found = nearest(texts, training)
    assert [n.place for n in found[:3]] == [0, 2, 1]
    # ^a, a cat, cat sat | sat there, there$ against ^a, a cat, cat sat, sat on, on a, a mat, mat$
    assert found[0].similarity == 2 * 3 / (5 + 7)
    assert found[1].similarity == 1
    assert found[2].similarity == 2 * 2 / (4 + 3)  # the dog, dog$
    assert found[3].similarity == found[4].similarity == 0


def test_a_bag_of_words_is_not_near() -> None:
    """Pairs see the order of words, which a set of words can't."""
    training = words("a cat sat on the mat", "a cat")
    shuffled = words("mat the on sat cat a")
    assert nearest(shuffled, training)[0].similarity == 0
    assert set(shuffled[0]) == set(training[0])


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS)
def test_against_loops(texts: list[list[str]], training: list[list[str]]) -> None:
    assert copied_runs(texts, training).tolist() == [slow_run(t, training) for t in texts]
    assert copies(texts, training).tolist() == [t in training for t in texts]
    for text, found in zip(texts, nearest(texts, training), strict=True):
        alike = [slow_dice(text, t) for t in training]
        assert found == pytest.approx((int(np.argmax(alike)), max(alike)))


def test_nearest_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.RandomState(0)
    texts = [chance.randint(4, size=k).astype(str).tolist() for k in chance.randint(9, size=50)]
    whole = nearest(texts[:30], texts[30:])
    monkeypatch.setattr("textgan.metrics.memorisation.CELLS", 70)
    assert nearest(texts[:30], texts[30:]) == whole


@pytest.mark.parametrize("pooled", [[0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 2, 5], [1, 1, 1, 1, 4]])
def test_z_against_all_divisions(pooled: list[float]) -> None:
    """Mean and variance of U over every way to divide the numbers, each as likely without a
    difference; with equal numbers the usual variance is another.
    """
    numbers, m = np.array(pooled), 3

    def u(chosen: tuple[int, ...]) -> float:
        a, b = numbers[list(chosen)], np.delete(numbers, chosen)
        return float((np.sign(a[:, None] - b) / 2 + 0.5).sum())

    every = list(combinations(range(len(numbers)), m))
    all_u = [u(chosen) for chosen in every]
    n = len(numbers) - m
    without_ties = np.sqrt(m * n * (m + n + 1) / 12)
    assert (np.std(all_u) == pytest.approx(without_ties)) == (len(set(pooled)) == len(pooled))
    for chosen in every:
        z = mann_whitney_z(numbers[list(chosen)], np.delete(numbers, chosen))
        assert z == pytest.approx((u(chosen) - np.mean(all_u)) / np.std(all_u))


def test_z_without_a_difference() -> None:
    assert mann_whitney_z(np.ones(4), np.ones(5)) == 0
    chance = np.random.RandomState(1)
    drawn = [mann_whitney_z(*chance.geometric(0.4, (2, 40))) for _ in range(1000)]
    assert np.mean(drawn) == pytest.approx(0, abs=4 / 1000**0.5)
    assert np.std(drawn) == pytest.approx(1, abs=0.1)


def test_z_sign() -> None:
    """Copies: distances smaller than those of held-out texts, z below 0."""
    assert mann_whitney_z(np.zeros(20), np.ones(20)) < -5
    assert mann_whitney_z(np.ones(20), np.zeros(20)) > 5


def test_a_memoriser_and_a_perfect_sampler() -> None:
    chance = np.random.RandomState(2)
    texts = [chance.geometric(0.25, k).astype(str).tolist() for k in chance.randint(2, 8, 900)]
    training, held_out, fresh = texts[:300], texts[300:600], texts[600:]
    copied = memorisation(evaluation(training[:200], held_out, training))
    honest = memorisation(evaluation(fresh, held_out, training))
    assert copied["exact copies"] == Estimate(1, 0, 200)
    assert copied["nearest training text"].value == 1
    assert copied["data-copying z"].value < -10
    assert abs(honest["data-copying z"].value) < 3
    for name in NAMES:
        ours, theirs = honest[name], honest[name + ", held-out"]
        assert theirs == copied[name + ", held-out"]
        assert 0 < theirs.value < copied[name].value
        assert abs(ours.value - theirs.value) < 4 * np.hypot(ours.stderr, theirs.stderr)


@settings(max_examples=25, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.randoms())
def test_order_changes_nothing(a, b, c, chance) -> None:  # type: ignore[no-untyped-def]
    mixed = [chance.sample(part, len(part)) for part in (a, b, c)]
    before, after = memorisation(evaluation(a, b, c)), memorisation(evaluation(*mixed))
    for name, figure in before.items():
        assert after[name] == pytest.approx(figure, nan_ok=True, abs=1e-12)


def test_without_training_text() -> None:
    figures = memorisation(evaluation(words("a"), words("b"), []))
    assert set(figures.values()) == {None}
    assert set(figures) == set(memorisation(evaluation(words("a"), words("b"), words("c"))))


def test_too_few() -> None:
    with pytest.raises(UserError, match="needs at least 1 text and 1 reference, got 1 and 0"):
        memorisation(evaluation(words("a"), [], words("a")))


@pytest.mark.skipif(not COCO.is_dir(), reason="the captions aren't here")
def test_captions() -> None:
    """Halves of the test captions, dealt at random, are as near to the training text."""

    def load(name: str) -> list[list[str]]:
        lines = (COCO / name).read_text("utf-8").splitlines()[:3000]
        return [re.findall(r"[\w'-]+|[^\w\s]", line) for line in lines]

    test = load("test.txt")
    order = np.random.RandomState(0).permutation(len(test))
    halves = [[test[i] for i in half] for half in np.split(order, 2)]
    found = memorisation(evaluation(*halves, load("train.txt")))
    assert abs(found["data-copying z"].value) < 3
    assert found["exact copies"].value < 0.01
