"""DP-GAN on a language small enough to be solved, under a real language model of four words.

The language model's surprises are worked out again in NumPy, from its weights, and the expected
gradients from them by finite differences.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import (
    ENDS,
    Array,
    Text,
    V,
    is_close,
    log_softmax,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
    token_log_probs,
)
from tests.exact.tables import TableDiscriminator, TableGenerator, batch_of, gradient, population
from textgan.config import check
from textgan.discriminators.language_model import (
    LanguageModelConfig,
    LanguageModelDiscriminator,
    LanguageModelOptions,
)
from textgan.errors import UserError
from textgan.methods import METHODS
from textgan.methods.dpgan import DPGANOptions

CLIP = 1.4
"""Some surprises lie below it, some above."""


def judge(**options: Any) -> LanguageModelDiscriminator:
    torch.manual_seed(3)
    sizes = {"embedding_size": 2, "hidden_size": 3, "init_std": 1.0}
    settings = LanguageModelOptions(**sizes, **options).model_dump(mode="json")
    found = LanguageModelDiscriminator(LanguageModelConfig(vocab_size=V, options=settings))
    return found.double().train()  # type: ignore[no-any-return,no-untyped-call]


def make(eos: int | None, per_token: bool = True, clip: float | None = None, **options: Any) -> Any:
    kind = METHODS["dpgan"]
    players = TableGenerator(eos, sixteenths()), judge(per_token=per_token, clip_reward=clip)
    return kind(kind.Options(**options), *players).train()


# The language model, in NumPy


def weights() -> dict[str, Array]:
    return {name: w.detach().numpy() for name, w in judge().named_parameters()}


def sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def surprises(text: Text, w: dict[str, Array], output: Array, shift: bool = True) -> Array:
    """-log p(x_t | x_<t) of every word; ``output`` is the last layer's matrix."""
    h = c = np.zeros(3)
    found = []
    for t, word in enumerate(text):
        # In front of the first word stands a vector of zeros.
        before = text[t - 1] if shift else word
        x = np.zeros(2) if shift and t == 0 else w["embedding.weight"][before]
        gates = w["recurrent.weight_ih_l0"] @ x + w["recurrent.bias_ih_l0"]
        gates = gates + w["recurrent.weight_hh_l0"] @ h + w["recurrent.bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        found.append(-log_softmax(output @ h + w["output.bias"])[word])
    return np.array(found)


@functools.cache
def rewards(eos: int | None, clip: float | None = None) -> dict[Text, Array]:
    """R of every word of every text."""
    w = weights()
    found = {x: surprises(x, w, w["output.weight"]) for x in texts_of(eos)}
    return {x: np.minimum(r, clip or np.inf) for x, r in found.items()}


@pytest.mark.parametrize("clip", [None, CLIP])
@pytest.mark.parametrize("eos", ENDS)
def test_a_judgement_is_the_surprise_of_each_word_or_of_the_text(
    eos: int | None, clip: float | None
) -> None:
    expected, s = rewards(eos, clip), batch_of(texts_of(eos), eos)
    if clip is not None:
        clipped = [r == clip for x in expected.values() for r in x]
        assert 0.1 < np.mean(clipped) < 0.9
    words, texts = (judge(per_token=p, clip_reward=clip)(s).detach().numpy() for p in (True, False))
    assert words.shape == s.ids.shape and texts.shape == (len(s),)
    unshifted = 0
    for row, whole, (x, r) in zip(words, texts, expected.items(), strict=True):
        np.testing.assert_allclose(row[: len(x)], r, atol=1e-10)
        assert whole == pytest.approx(r.mean()), "padding is no word"
        seen = surprises(x, weights(), weights()["output.weight"], shift=False)
        unshifted += not np.allclose(np.minimum(seen, clip or np.inf), r)
    assert unshifted > len(expected) / 2, "a model that sees the word it predicts fails the check"


# The generator


@functools.cache
def true_gradient(eos: int | None, loss: Callable[[Array, Text, Array], float]) -> Array:
    """Of minus the sum over texts of what ``loss`` says of a policy's tables, a text and its R."""
    return -numerical_gradient(
        lambda new: sum(loss(new, x, r) for x, r in rewards(eos).items()), sixteenths()
    )


def own_word(new: Array, x: Text, r: Array) -> float:
    """The update: texts are given, every word is weighted by its own reward."""
    return probability(sixteenths(), x) * float(token_log_probs(new, x) @ r)


def all_words(new: Array, x: Text, r: Array) -> float:
    """The objective: the expected sum of rewards."""
    return probability(new, x) * float(r.sum())


def whole_text(new: Array, x: Text, r: Array) -> float:
    """The objective: the expected reward of a text, the mean over its words."""
    return probability(new, x) * float(r.mean())


CASES: dict[str, tuple[dict[str, Any], Callable[[Array, Text, Array], float]]] = {
    "a word's own reward": ({}, own_word),
    "the rewards to come": ({"discount": 1.0}, all_words),
    "a text's reward": ({"values": "terminal", "per_token": False}, whole_text),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("eos", ENDS)
def test_the_expected_gradient_is_that_of_the_rewards_named(eos: int | None, case: str) -> None:
    options, expected = CASES[case]
    fake = population(sixteenths(), eos)
    method = make(eos, **options)
    found = gradient(method.generator_loss(fake, fake, 0.0).total, method) / len(fake)
    for name, (_, other) in CASES.items():
        assert is_close(found, true_gradient(eos, other)) == (name == case)
    assert not is_close(-found, true_gradient(eos, expected)), "the likely would be rewarded"


def test_the_reward_is_what_the_language_model_finds_surprising() -> None:
    fake = population(sixteenths(), 3)
    found = make(3, clip=CLIP).values(fake)
    for row, ids, n in zip(found[:50], fake.ids[:50].tolist(), fake.lengths.tolist(), strict=False):
        r = np.zeros(3)
        r[:n] = rewards(3, CLIP)[tuple(ids[:n])]
        np.testing.assert_allclose(row.numpy(), r, atol=1e-6)


# The discriminator


def batches(eos: int | None) -> tuple[list[Text], list[Text]]:
    texts, chance = texts_of(eos), np.random.default_rng(2)
    rows = chance.integers(len(texts), size=20)
    return [texts[i] for i in rows[:12]], [texts[i] for i in rows[12:]]


def papers_loss(output: Array, eos: int | None, per_token: bool, clip: float | None) -> float:
    """-E_real R + E_fake R."""
    w, means = weights(), []
    for texts in batches(eos):
        r = [np.minimum(surprises(x, w, output), clip or np.inf) for x in texts]
        means.append(np.mean(np.concatenate(r) if per_token else [x.mean() for x in r]))
    return float(means[1] - means[0])


@pytest.mark.parametrize("clip", [None, CLIP])
@pytest.mark.parametrize("per_token", [True, False])
@pytest.mark.parametrize("eos", ENDS)
def test_the_discriminator_raises_the_surprise_of_real_texts(
    eos: int | None, per_token: bool, clip: float | None
) -> None:
    values = {} if per_token else {"values": "terminal"}
    method = make(eos, per_token, clip, **values)
    real, fake = (batch_of(texts, eos) for texts in batches(eos))
    loss = method.discriminator_loss(real, fake, 0.0)
    output = weights()["output.weight"]
    expected = papers_loss(output, eos, per_token, clip)
    assert abs(expected) > 0.005, "else the sign could not be seen"
    assert loss.total.item() == pytest.approx(expected)
    (found,) = torch.autograd.grad(loss.total, [method.discriminator.output.weight])
    slope = numerical_gradient(lambda x: papers_loss(x, eos, per_token, clip), output)
    assert is_close(found.numpy(), slope)
    assert not is_close(-found.numpy(), slope)
    other = papers_loss(output, eos, not per_token, clip)
    assert (other == pytest.approx(expected)) == (eos is None), "means over words and over texts"
    assert "d_accuracy" not in loss.parts


def test_clipped_losses_are_bounded_and_others_are_not() -> None:
    """Words that are surprising enough give no gradient."""
    real, fake = (batch_of(texts, 3) for texts in batches(3))
    falls = {}
    for clip in (None, 3.0):
        method = make(3, clip=clip)
        optimizer = torch.optim.Adam(method.discriminator.parameters(), 0.1)
        for _ in range(100):
            optimizer.zero_grad()
            loss = method.discriminator_loss(real, fake, 0.0).total
            loss.backward()
            optimizer.step()
        falls[clip] = loss.item()
    assert falls[3.0] >= -3.0
    assert falls[None] < -5.0


# Mistakes of the user


def test_another_discriminator_or_reward_is_an_error_in_the_users_words() -> None:
    kind = METHODS["dpgan"]
    with pytest.raises(UserError) as error:
        kind(kind.Options(), TableGenerator(3, sixteenths()), TableDiscriminator(3))
    assert str(error.value) == (
        "discriminator.name: dpgan's discriminator is a language model; set it to language_model"
    )
    with pytest.raises(UserError) as error:
        make(3, per_token=False)
    assert str(error.value) == (
        "method.values: 'token' needs a discriminator with one logit a token; set "
        "discriminator.per_token to true"
    )
    with pytest.raises(UserError) as error:
        check(DPGANOptions, {"reward": "probability"})
    assert str(error.value) == ("reward: Input should be 'wasserstein', got 'probability'")
