"""RankGAN on the enumerable language (tests/exact/enumerated.py).

The ranker is a table of three features a text; ranks, losses and rewards are worked out in NumPy,
one pair of texts at a time.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

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
from tests.exact.tables import (
    TableDiscriminator,
    TableGenerator,
    batch_of,
    gradient,
    population,
)
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.methods import METHODS

GAMMA, REFERENCES = 3.0, 5
Loss = Callable[[Any, Sequences, Sequences], Tensor]


class TableRanker(TableDiscriminator):
    """Three features a text, and dropout on them."""

    def __init__(self, eos: int | None, dropout: float = 0.0) -> None:
        super().__init__(eos, dropout)
        torch.manual_seed(12)
        self.scores = nn.Parameter(torch.randn(len(self.texts), 3, dtype=torch.float64))

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        return super().read(embedded, s).squeeze(1)


def ranker_of(eos: int | None, dropout: float = 0.0, **options: Any) -> Any:
    kind = METHODS["rankgan"]
    players = TableGenerator(eos, sixteenths(), dropout), TableRanker(eos, dropout)
    options = {"gamma": GAMMA, "references": REFERENCES, "rollouts": 4, **options}
    return kind(kind.Options(**options), *players).train()


def cosine(a: Array, b: Array) -> float:
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


def rank(y: Array, x: int, references: list[int], compared: list[int]) -> float:
    """R(x|U, C), text by text."""
    total = 0.0
    for u in references:
        own = np.exp(GAMMA * cosine(y[x], y[u]))
        total += own / (own + sum(np.exp(GAMMA * cosine(y[c], y[u])) for c in compared))
    return total / len(references)


def some(eos: int | None, size: int, seed: int) -> list[int]:
    return np.random.default_rng(seed).integers(len(texts_of(eos)), size=size).tolist()


@functools.cache
def real_of(eos: int | None) -> tuple[list[int], Sequences]:
    rows = some(eos, 12, 3)
    return rows, batch_of([texts_of(eos)[i] for i in rows], eos)


# ---------------------------------------------------------------- the ranker


@pytest.mark.parametrize("eos", ENDS)
def test_the_rankers_loss_and_gradient(eos: int | None) -> None:
    method = ranker_of(eos)
    (real, real_texts), fake = real_of(eos), some(eos, 9, 4)
    fake_texts = batch_of([texts_of(eos)[i] for i in fake], eos)
    references, others = real[:REFERENCES], real[REFERENCES:]

    def expected(y: Array) -> float:
        of_real = [np.log(rank(y, x, references, fake)) for x in others]
        of_fake = [np.log(1 - rank(y, x, references, others)) for x in fake]
        return float(-np.mean(of_real) - np.mean(of_fake))

    loss = method.loss("discriminator", real_texts, fake_texts, 0.0)
    weights = method.discriminator.scores
    y = weights.detach().numpy()
    assert loss.total.item() == pytest.approx(expected(y), rel=1e-9)
    right = sum(rank(y, x, references, fake) > 1 / (len(fake) + 1) for x in others)
    right += sum(rank(y, x, references, others) <= 1 / (len(others) + 1) for x in fake)
    assert loss.parts["d_accuracy"].item() == pytest.approx(right / (len(others) + len(fake)))
    (found,) = torch.autograd.grad(loss.total, [weights])
    slope, present = np.zeros_like(y), sorted({*real, *fake})

    def of_present(part: Array) -> float:
        whole = y.copy()
        whole[present] = part
        return expected(whole)

    slope[present] = numerical_gradient(of_present, y[present])
    assert np.abs(slope).max() > 0.01
    assert is_close(found.numpy(), slope)
    for wrong in WRONG_RANKERS:
        (other,) = torch.autograd.grad(wrong(method, real_texts, fake_texts), [weights])
        assert not is_close(other.numpy(), slope), wrong.__name__


def logits_of(method: Any, real: Sequences, fake: Sequences) -> tuple[Tensor, Tensor]:
    """gamma cos of the judged real texts and of the generated ones to each reference."""
    y_real, y_fake = method.discriminator.features(real), method.discriminator.features(fake)
    u = y_real[:REFERENCES]
    return method.similarity(y_real[REFERENCES:], u), method.similarity(y_fake, u)


def beside(own: Tensor, crowd: Tensor) -> Tensor:
    """R of each row of ``own`` in the comparison set ``crowd``."""
    return (own.exp() / (own.exp() + crowd.exp().sum(dim=0))).mean(dim=1)


def official_code(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """One softmax of sums over references, over real and generated texts together."""
    own, other = logits_of(method, real, fake)
    ranks = torch.cat([own, other]).sum(dim=1).log_softmax(dim=0)
    return ranks[len(own) :].mean() - ranks[: len(own)].mean()


def sets_exchanged(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """Real texts beside real ones, generated beside generated."""
    own, other = logits_of(method, real, fake)
    return -beside(own, own).log().mean() - (1 - beside(other, other)).log().mean()


def without_the_text_itself(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """The text isn't in the set that it is compared with."""
    own, other = logits_of(method, real, fake)
    p_real = (own.exp() / other.exp().sum(dim=0)).mean(dim=1)
    p_fake = (other.exp() / own.exp().sum(dim=0)).mean(dim=1)
    return -p_real.log().mean() - (1 - p_fake).log().mean()


def log_before_the_mean(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """The mean over references of log P."""
    own, other = logits_of(method, real, fake)
    log_p = (own - (own.exp() + other.exp().sum(dim=0)).log()).mean()
    return -log_p - (1 - beside(other, own)).log().mean()


def dot_products(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """Features that aren't normalised."""
    y_real, y_fake = method.discriminator.features(real), method.discriminator.features(fake)
    u, judged = y_real[:REFERENCES], y_real[REFERENCES:]
    own, other = GAMMA * judged @ u.t(), GAMMA * y_fake @ u.t()
    return -beside(own, other).log().mean() - (1 - beside(other, own)).log().mean()


def references_without_gradient(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    y_real, y_fake = method.discriminator.features(real), method.discriminator.features(fake)
    u = y_real[:REFERENCES].detach()
    own = method.similarity(y_real[REFERENCES:], u)
    other = method.similarity(y_fake, u)
    return -beside(own, other).log().mean() - (1 - beside(other, own)).log().mean()


WRONG_RANKERS: list[Loss] = [
    official_code,
    sets_exchanged,
    without_the_text_itself,
    log_before_the_mean,
    dot_products,
    references_without_gradient,
]


def test_the_rankers_dropout_is_on_while_it_learns() -> None:
    method, (_, real) = ranker_of(None, dropout=0.5), real_of(None)
    losses = {method.loss("discriminator", real, real, 0.0).total.item() for _ in range(3)}
    assert len(losses) == 3


def test_one_real_text_is_its_own_reference() -> None:
    method, (_, real) = ranker_of(3), real_of(3)
    loss = method.loss("discriminator", real[:1], real[5:6], 0.0).total
    assert torch.isfinite(loss)


# ---------------------------------------------------------------- the generator


def rewards_of(eos: int | None) -> dict[Text, float]:
    """R(x|U, C+) of every text."""
    y, (real, _) = TableRanker(eos).scores.detach().numpy(), real_of(eos)
    texts = texts_of(eos)
    ranks = [rank(y, i, real[:REFERENCES], real[REFERENCES:]) for i in range(len(texts))]
    return dict(zip(texts, ranks, strict=True))


@functools.cache
def true_gradient(eos: int | None) -> Array:
    rewards = rewards_of(eos)
    return -numerical_gradient(lambda x: expected_reward(x, rewards), sixteenths())


@pytest.mark.parametrize("eos", ENDS)
def test_with_rollouts_the_expected_gradient_is_that_of_the_expected_rank(eos: int | None) -> None:
    method, (_, real) = ranker_of(eos, dropout=0.5), real_of(eos)
    fake = population(sixteenths(), eos)

    def estimate(seed: int) -> Array:
        runtime.seed("exact", seed)
        return gradient(method.loss("generator", real, fake, 0.0).total, method) / len(fake)

    assert np.abs(true_gradient(eos)).max() > 0.001
    assert is_unbiased(estimate, true_gradient(eos), seeds=6)


@pytest.mark.parametrize("eos", ENDS)
def test_with_a_texts_own_rank_it_is_too(eos: int | None) -> None:
    method = ranker_of(eos, dropout=0.5, values="terminal")
    fake, real = population(sixteenths(), eos), real_of(eos)[1]
    loss = method.loss("generator", real, fake, 0.0).total
    assert is_close(gradient(loss, method) / len(fake), true_gradient(eos))
    for earned in WRONG_REWARDS:
        with runtime.evaluating(method.generator):
            log_prob = method.generator.log_prob(fake).sum(dim=1)
        other = gradient(-(log_prob * earned(method, real, fake)).sum(), method) / len(fake)
        assert not is_close(other, true_gradient(eos)), earned.__name__


# ---------------------------------------------------------------- wrong rewards


def a_softmax_of_the_generated(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """The official code's: the comparison set is the batch itself, sums stand for means."""
    sums = method.similarity(method.features(fake), method.features(real[:REFERENCES])).sum(dim=1)
    return sums.softmax(dim=0)


def its_logarithm(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    ranks: Tensor = method.log_rank(method.features(fake), *method.against)
    return ranks


def dropout_in_the_reward(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    y = method.discriminator.dropout(method.discriminator.features(fake)).detach()
    ranks: Tensor = method.log_rank(y, *method.against).exp()
    return ranks


def references_in_the_comparison_set(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    y, references = method.features(real), method.against[0]
    ranks: Tensor = method.log_rank(
        method.features(fake), references, method.crowd(y, references)
    ).exp()
    return ranks


WRONG_REWARDS: list[Loss] = [
    a_softmax_of_the_generated,
    its_logarithm,
    dropout_in_the_reward,
    references_in_the_comparison_set,
]


@pytest.mark.parametrize(("real", "references"), [(1, 1), (2, 1), (3, 1), (5, 2), (30, 5)])
def test_at_most_half_of_the_real_texts_are_references(real: int, references: int) -> None:
    y = torch.arange(real, dtype=torch.float64)[:, None]
    of_u, compared = ranker_of(3).sets(y)
    assert of_u.squeeze(1).tolist() == list(range(references))
    rest = list(range(references, real))
    assert compared.squeeze(1).tolist() == (rest or [0])
