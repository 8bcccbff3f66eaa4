"""GCN on the enumerated language: weighted likelihood on own samples."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import ENDS, Array, is_close, numerical_gradient, sixteenths, texts_of
from tests.exact.laws import law_of, logs
from tests.exact.tables import batch_of, gradient, method_of, population
from textgan.data.sequences import Sequences
from textgan.discriminators.rnn import RNNConfig, RNNDiscriminator
from textgan.errors import UserError
from textgan.methods.gcn import GCN, GCNOptions


def d_of(method: Any) -> Array:
    """D of every text."""
    found: Array = np.array(list(method.discriminator.table().values()))
    return found


def target(method: Any, eos: int | None) -> Array:
    q = law_of(sixteenths(), eos) * d_of(method)
    result: Array = q / q.sum()
    return result


@pytest.mark.parametrize("eos", ENDS)
def test_of_all_texts_the_gradient_is_that_of_the_distance_to_the_target(eos: int | None) -> None:
    method = method_of("gcn", eos, dropout=0.5)
    q, fake = target(method, eos), population(sixteenths(), eos)

    def divergence(logits: Array) -> float:
        return float((q * (np.log(q) - logs(logits, eos))).sum())

    loss = method.generator_loss(fake, fake, 0.0)
    expected = numerical_gradient(divergence, sixteenths())
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss.total, method), expected)
    assert loss.total.item() == pytest.approx(-(q * logs(sixteenths(), eos)).sum(), rel=1e-6)
    law, d = law_of(sixteenths(), eos), d_of(method)
    left = (law * d).sum() ** 2 / (law * d**2).sum()
    assert loss.parts["ess"].item() == pytest.approx(left, rel=1e-5)
    assert loss.parts["reward"].item() == pytest.approx((law * d).sum(), rel=1e-5)


def test_of_a_batch_the_weights_are_d_over_its_sum() -> None:
    method, texts = method_of("gcn", 3), texts_of(3)
    rows = np.random.default_rng(2).integers(len(texts), size=7)
    d = d_of(method)[rows]

    def objective(logits: Array) -> float:
        return float(-(d / d.sum() * logs(logits, 3)[rows]).sum())

    fake = batch_of([texts[i] for i in rows], 3)
    loss = method.generator_loss(fake, fake, 0.0)
    assert is_close(gradient(loss.total, method), numerical_gradient(objective, sixteenths()))
    assert loss.terms is None and method.couples == ("generator",)


def test_of_one_text_a_batch_nothing_is_learnt() -> None:
    """The bias of self-normalised weights, at its largest: whatever D says, the weight is 1."""
    method, texts = method_of("gcn", 3), texts_of(3)
    total = np.zeros_like(sixteenths())
    for text, p in zip(texts, law_of(sixteenths(), 3), strict=True):
        one = batch_of([text], 3)
        total += p * gradient(method.generator_loss(one, one, 0.0).total, method)
    assert np.abs(total).max() < 1e-9


def log_prob(method: Any, fake: Sequences) -> Tensor:
    total: Tensor = method.generator.log_prob(fake).sum(1)
    return total


def by_odds(method: Any, fake: Sequences) -> Tensor:
    """MaliGAN's weights."""
    return -(torch.softmax(method.discriminator.judge(fake), 0) * log_prob(method, fake)).sum()


def divided_twice(method: Any, fake: Sequences) -> Tensor:
    d = method.discriminator.probability(fake)
    return -(d / d.sum() * log_prob(method, fake)).mean()


def not_normalised(method: Any, fake: Sequences) -> Tensor:
    return -(method.discriminator.probability(fake) * log_prob(method, fake)).mean()


def sign(method: Any, fake: Sequences) -> Tensor:
    d = method.discriminator.probability(fake)
    return (d / d.sum() * log_prob(method, fake)).sum()


def weights_of_the_generated(method: Any, fake: Sequences) -> Tensor:
    d = 1 - method.discriminator.probability(fake)
    return -(d / d.sum() * log_prob(method, fake)).sum()


@pytest.mark.parametrize(
    "wrong",
    [by_odds, divided_twice, not_normalised, sign, weights_of_the_generated],
    ids=lambda f: f.__name__,
)
def test_wrong_weights_fail_the_check(wrong: Callable[..., Tensor]) -> None:
    method, fake = method_of("gcn", 3), population(sixteenths(), 3)
    q = target(method, 3)
    expected = numerical_gradient(lambda x: float(-(q * logs(x, 3)).sum()), sixteenths())
    assert not is_close(gradient(wrong(method, fake), method), expected)


def test_a_discriminator_of_tokens_is_refused() -> None:
    of_tokens = RNNDiscriminator(RNNConfig(vocab_size=4, options={"per_token": True}))
    with pytest.raises(UserError) as caught:
        GCN(GCNOptions(), method_of("gcn", 3).generator, of_tokens)
    assert str(caught.value) == (
        "method.name: gcn needs a discriminator with one logit a text; set "
        "discriminator.per_token to false"
    )
