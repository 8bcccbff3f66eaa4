"""PG-BLEU on the enumerable language (tests/exact/enumerated.py); texts earn NLTK's BLEU."""

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    Array,
    Text,
    expected_reward,
    is_close,
    is_unbiased,
    numerical_gradient,
    sixteenths,
    texts_of,
)
from tests.exact.tables import batch_of, gradient, method_of, population
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.estimators.bleu import References, counted

ORDER = 2


def words_of(s: Sequences) -> list[list[int]]:
    """Each text without its end and its padding."""
    rows = zip(s.ids.tolist(), s.lengths.tolist(), strict=True)
    return [[word for word in ids[:n] if word != s.eos] for ids, n in rows]


def nltk_bleu(text: list[int], references: list[list[int]], order: int) -> float:
    smoothing = SmoothingFunction().method1
    return float(sentence_bleu(references, text, [1 / order] * order, smoothing))


@functools.cache
def real_of(eos: int | None) -> Sequences:
    texts = texts_of(eos)
    return batch_of([texts[i] for i in np.random.default_rng(8).integers(len(texts), size=3)], eos)


def rewards_of(eos: int | None) -> dict[Text, float]:
    texts, references = texts_of(eos), words_of(real_of(eos))
    rows = words_of(batch_of(texts, eos))
    return {x: nltk_bleu(row, references, ORDER) for x, row in zip(texts, rows, strict=True)}


@functools.cache
def true_gradient(eos: int | None) -> Array:
    rewards = rewards_of(eos)
    return -numerical_gradient(lambda x: expected_reward(x, rewards), sixteenths())


# ---------------------------------------------------------------- BLEU


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("vocabulary", "width", "eos", "count"),
    [(5, 9, 4, 6), (3, 2, None, 4), (40, 20, 39, 25), (4, 1, 3, 3), (2, 12, 1, 1)],
)
def test_bleu_is_nltks(
    order: int, vocabulary: int, width: int, eos: int | None, count: int
) -> None:
    torch.manual_seed(vocabulary)
    real = Sequences(torch.randint(vocabulary, (count, width)), eos)
    fake = Sequences(torch.randint(vocabulary, (30, width)), eos)
    found = References(real, vocabulary, order).bleu(fake)
    expected = [nltk_bleu(text, words_of(real), order) for text in words_of(fake)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_texts_and_references_may_differ_in_width() -> None:
    real, fake = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 2, 3, 0, 4, 4], [1, 2, 4, 4, 4, 4]])
    found = References(Sequences(real, 4), 5, 3).bleu(Sequences(fake, 4))
    assert found.tolist() == pytest.approx(
        [(3 / 4 * 2 / 3 * 1 / 2) ** (1 / 3), np.exp(1 - 3 / 2) * (1 * 1 * 0.1) ** (1 / 3)]
    )


@pytest.mark.parametrize(("lengths", "length"), [((2, 5), 4), ((2, 5), 3), ((2, 4), 3), ((2,), 1)])
def test_brevity_is_measured_by_the_closest_reference_the_shorter_on_a_tie(
    lengths: tuple[int, ...], length: int
) -> None:
    rows = [[1, 2, 3, 0, 1][:n] for n in (*lengths, length)]
    ids = torch.tensor([[*row, 4, 0, 0, 0, 0][:6] for row in rows])
    found = References(Sequences(ids[:-1], 4), 5, 1).bleu(Sequences(ids[-1:], 4))
    assert found.item() == pytest.approx(nltk_bleu(rows[-1], rows[:-1], 1))


def test_a_text_of_its_end_alone_earns_nothing() -> None:
    empty = batch_of([(3,)], 3)
    assert References(real_of(3), 4, 2).bleu(empty).tolist() == [0.0]
    assert References(empty, 4, 2).bleu(real_of(3)).tolist() == [0.0] * 3


def test_the_same_word_again_is_counted_on() -> None:
    ordered, number = counted(torch.tensor([[7, 5, 7, 7, 5], [1, 2, 3, 4, 5]]))
    assert ordered.tolist() == [[5, 5, 7, 7, 7], [1, 2, 3, 4, 5]]
    assert number.tolist() == [[1, 2, 1, 2, 3], [1] * 5]


# ---------------------------------------------------------------- the generator


@pytest.mark.parametrize("eos", ENDS)
def test_with_rollouts_the_expected_gradient_is_that_of_the_expected_bleu(eos: int | None) -> None:
    method = method_of("pg_bleu", eos, dropout=0.5, rollouts=4, order=ORDER)
    fake = population(sixteenths(), eos)

    def estimate(seed: int) -> Array:
        runtime.seed("exact", seed)
        return gradient(method.loss("generator", real_of(eos), fake, 0.0).total, method) / len(fake)

    assert np.abs(true_gradient(eos)).max() > 0.01
    assert is_unbiased(estimate, true_gradient(eos), seeds=6)


@pytest.mark.parametrize("eos", ENDS)
def test_with_a_texts_own_bleu_it_is_too(eos: int | None) -> None:
    method = method_of("pg_bleu", eos, dropout=0.5, values="terminal", order=ORDER)
    fake = population(sixteenths(), eos)
    loss = method.loss("generator", real_of(eos), fake, 0.0)
    assert is_close(gradient(loss.total, method) / len(fake), true_gradient(eos))
    assert method.trains == ("generator",)
    for earned in WRONG if eos is not None else WRONG[:-1]:
        with runtime.evaluating(method.generator):
            log_prob = method.generator.log_prob(fake).sum(dim=1)
        other = gradient(-(log_prob * earned(method, fake)).sum(), method) / len(fake)
        assert not is_close(other, true_gradient(eos)), earned.__name__


def test_the_references_are_the_updates_real_texts_without_their_ends() -> None:
    method = method_of("pg_bleu", 3, values="terminal", order=ORDER)
    fake = batch_of(texts_of(3), 3)
    for real in ([(1, 3), (2, 1, 3)], [(0, 3)]):
        method.loss("generator", batch_of(real, 3), fake, 0.0)
        references = words_of(batch_of(real, 3))
        expected = [nltk_bleu(text, references, ORDER) for text in words_of(fake)]
        assert method.reward(fake).tolist() == pytest.approx(expected, rel=1e-5)


# ---------------------------------------------------------------- wrong rewards


def by_text(bleu: Callable[[list[int]], float], s: Sequences) -> Tensor:
    """A reward worked out once for each different text."""
    once = functools.cache(lambda text: bleu(list(text)))
    return torch.tensor([once(tuple(text)) for text in words_of(s)], dtype=torch.float64)


def without_smoothing(method: Any, fake: Sequences) -> Tensor:
    references = words_of(real_of(fake.eos))

    def bleu(text: list[int]) -> float:
        smoothed = nltk_bleu(text, references, ORDER)
        pairs = {pair for words in references for pair in pairwise(words)}
        return smoothed * any(pair in pairs for pair in pairwise(text))

    return by_text(bleu, fake)


def another_order(method: Any, fake: Sequences) -> Tensor:
    references = words_of(real_of(fake.eos))
    return by_text(lambda text: nltk_bleu(text, references, ORDER + 1), fake)


def mean_over_single_references(method: Any, fake: Sequences) -> Tensor:
    """Counts clipped by each reference on its own."""
    references = words_of(real_of(fake.eos))
    return by_text(
        lambda text: float(np.mean([nltk_bleu(text, [one], ORDER) for one in references])), fake
    )


def against_the_generated(method: Any, fake: Sequences) -> Tensor:
    """Self-BLEU."""
    return References(fake[:8], 4, ORDER).bleu(fake)


def the_end_and_padding_are_words(method: Any, fake: Sequences) -> Tensor:
    real = Sequences(real_of(fake.eos).ids, None)
    return References(real, 4, ORDER).bleu(Sequences(fake.ids, None))


WRONG: list[Callable[[Any, Sequences], Tensor]] = [
    without_smoothing,
    another_order,
    mean_over_single_references,
    against_the_generated,
    the_end_and_padding_are_words,
]
