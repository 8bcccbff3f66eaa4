"""WGAN-GP for text: softmax outputs along the path, the penalty on one-hots; the rest is NumPy."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import ENDS
from tests.exact.soft_players import (
    Array,
    B,
    E,
    T,
    V,
    Weights,
    agree,
    chance,
    differences,
    drawn,
    gradients_of,
    lstm_texts,
    make,
    make_generator,
    one_hots,
    real_texts,
    tiny_logits,
    weights_of,
    without_noise,
)
from textgan import runtime

both_languages = pytest.mark.parametrize("eos", ENDS)
SEED, Z = 6, 2


def game(eos: int | None, **options: Any) -> Any:
    generator = make_generator(eos, hidden_size=3, latent_size=Z)
    method = make("wgan_gp", eos, generator, **options)
    method.discriminator.dropout.p = 0.0
    return method


@both_languages
def test_the_generators_loss_and_gradient(eos: int | None) -> None:
    method, real = game(eos), real_texts(eos)
    _, z = chance(SEED, Z)
    fake = drawn(method, real, SEED)
    judge, weights = weights_of(method.discriminator), weights_of(method.generator)

    def objective(w: Weights, sign: float = -1.0, feed: str = "hard", tau: float = 1.0) -> float:
        soft = lstm_texts(w, without_noise(tau), feed, eos, z)[1]
        return float(sign * tiny_logits(judge, soft).mean())

    np.testing.assert_allclose(fake.noise, z, atol=1e-12)
    loss = method.generator_loss(real, fake, 0.0).total
    assert loss.item() == pytest.approx(objective(weights))
    found = gradients_of(loss, method.generator)
    assert agree(found, differences(objective, weights))
    for wrong in ({"sign": 1.0}, {"feed": "soft"}, {"tau": 0.5}):
        assert not agree(found, differences(lambda w, o=wrong: objective(w, **o), weights))


def slopes(w: Weights, points: Array, of_words: bool) -> Array:
    """‖grad d‖ of each text, by hand: with respect to one-hots, or to word vectors."""
    words = points @ w["embedding.weight"]
    hidden = np.tanh(words.reshape(B, -1) @ w["reading.weight"].T)
    back = ((1 - hidden**2) * w["output.weight"]) @ w["reading.weight"]  # (B, T E)
    back = back.reshape(B, T, E)
    if not of_words:
        back = back @ w["embedding.weight"].T
    result: Array = np.sqrt((back**2).sum(axis=(1, 2)))
    return result


def critics_objective(
    w: Weights, real: Array, fake: Array, share: Array, of_words: bool = False, wrong: str = ""
) -> float:
    between = share * real + (1 - share) * fake
    where = {"at the fake": fake, "at the real": real}.get(wrong, between)
    slope = slopes(w, where, of_words)
    penalty = slope**2 if wrong == "towards 0" else (slope - 1) ** 2
    return float(tiny_logits(w, fake).mean() - tiny_logits(w, real).mean() + 10 * penalty.mean())


@both_languages
def test_the_critics_loss_and_gradient(eos: int | None) -> None:
    method, real = game(eos), real_texts(eos)
    fake = drawn(method, real, SEED)
    runtime.seed("share")
    loss = method.discriminator_loss(real, fake, 0.0).total
    runtime.seed("share")
    share = runtime.uniform(B, 1, torch.device("cpu")).double().numpy()[..., None]
    texts = one_hots(real.ids.numpy(), eos), fake.soft.detach().numpy(), share
    weights = weights_of(method.discriminator)
    assert loss.item() == pytest.approx(critics_objective(weights, *texts), rel=1e-6)
    found = gradients_of(loss, method.discriminator)
    expected = differences(lambda w: critics_objective(w, *texts), weights)
    assert agree(found, expected, tolerance=1e-5)
    for wrong in ({"of_words": True}, *({"wrong": w} for w in ("at the fake", "towards 0"))):
        other = differences(lambda w, o=wrong: critics_objective(w, *texts, **o), weights)
        assert not agree(found, other, tolerance=1e-3), wrong


def test_a_penalty_on_word_vectors_is_escaped_by_scaling_them() -> None:
    """The critic's gap grows with its word vectors; only a penalty on one-hots sees it."""
    weights = weights_of(game(None).discriminator)
    larger = {**weights, "embedding.weight": 3 * weights["embedding.weight"]}
    larger["reading.weight"] = weights["reading.weight"]
    small = np.full((B, T, V), 1 / V) * 0.01  # where tanh is straight
    for of_words, factor in ((True, 1.0), (False, 3.0)):
        ratio = slopes(larger, small, of_words) / slopes(weights, small, of_words)
        np.testing.assert_allclose(ratio, factor, rtol=0.02)


def test_texts_differ_by_their_noise_alone() -> None:
    method, real = game(None), real_texts(None)
    fake = drawn(method, real, SEED)
    again = drawn(method, real, SEED)
    assert torch.equal(fake.soft, again.soft)
    assert len({tuple(row.flatten().tolist()) for row in fake.soft.detach()}) == B
    same = method.generator.conditions(B, torch.zeros(B, Z).double(), None)[0]
    state = method.generator.start(B, same)
    assert (state[0] == state[0][:1]).all()
