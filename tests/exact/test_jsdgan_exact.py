"""JSDGAN on the enumerated language: the divergence's gradient from real texts alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import ENDS, Array, is_close, numerical_gradient, sixteenths, texts_of
from tests.exact.laws import cosine, law_of
from tests.exact.tables import batch_of, gradient, method_of
from textgan.data.sequences import Sequences

N = 9


def rows(eos: int | None) -> Array:
    """The numbers of the N training texts, all different."""
    found: Array = np.random.default_rng(4).permutation(len(texts_of(eos)))[:N]
    return found


def training(eos: int | None) -> Sequences:
    return batch_of([texts_of(eos)[i] for i in rows(eos)], eos)


def divergence(logits: Array, eos: int | None) -> float:
    """JSD(p_d, p_g) over all texts of the language."""
    g = law_of(logits, eos)
    d = np.zeros_like(g)
    d[rows(eos)] = 1 / N
    m = (d + g) / 2
    of_data = (d[rows(eos)] * np.log(d[rows(eos)] / m[rows(eos)])).sum()
    return float(of_data + (g * np.log(g / m)).sum()) / 2


def true_gradient(eos: int | None) -> Array:
    return numerical_gradient(lambda x: divergence(x, eos), sixteenths())


def found(eos: int | None, real: Sequences, **options: Any) -> Array:
    method = method_of("jsdgan", eos, dropout=0.5, **options)
    assert method.play(real, 0.0) is real
    return gradient(method.generator_loss(real, real, 0.0).total, method)


@pytest.mark.parametrize("eos", ENDS)
def test_of_all_training_texts_it_is_the_divergences_gradient(eos: int | None) -> None:
    expected = true_gradient(eos)
    assert np.abs(expected).max() > 0.005
    assert is_close(found(eos, training(eos), scale="exact"), expected)
    assert is_close(found(eos, training(eos), scale="exact", texts=N), expected)


def test_of_a_batch_it_is_unbiased_if_it_knows_how_many_texts_there_are() -> None:
    parts = [training(3)[i : i + 3] for i in range(0, N, 3)]
    mean = sum(found(3, part, scale="exact", texts=N) for part in parts) / 3
    assert is_close(mean, true_gradient(3))
    mean = sum(found(3, part, scale="exact") for part in parts) / 3
    assert not is_close(mean, true_gradient(3)), "p_d is one over the batch: another p_d"


def test_it_counts_the_texts_that_it_is_told_of_unless_an_option_says_how_many() -> None:
    log_g = torch.tensor([-2.0, -3.0, -5.0])
    by_option = method_of("jsdgan", 3, texts=N).weight(log_g)
    told, both = method_of("jsdgan", 3), method_of("jsdgan", 3, texts=N)
    told.told_texts(N)
    both.told_texts(1000)
    assert torch.equal(told.weight(log_g), by_option)
    assert torch.equal(both.weight(log_g), by_option)
    assert not torch.allclose(method_of("jsdgan", 3).weight(log_g), by_option)


@pytest.mark.parametrize("eos", ENDS)
def test_scaled_by_the_batch_it_keeps_the_direction(eos: int | None) -> None:
    scaled = found(eos, training(eos), scale="batch")
    assert cosine(scaled, true_gradient(eos)) > 1 - 1e-9
    assert np.linalg.norm(scaled) > 3 * np.linalg.norm(true_gradient(eos))
    assert method_of("jsdgan", eos).couples == ("generator",)
    assert method_of("jsdgan", eos, scale="exact").couples == ()


def test_the_weights_of_improbable_texts_stay_numbers() -> None:
    log_g = torch.tensor([-800.0, -803.0, -900.0])
    exact = method_of("jsdgan", None, scale="exact").weight(log_g)
    assert not exact.any(), "e^-800 is nothing: this gradient never moves anything"
    weight = method_of("jsdgan", None, texts=1000).weight(log_g)
    size = np.array([1.0, np.exp(-3.0), 0.0]) * (np.array([800, 803, 900]) - np.log(1000))
    np.testing.assert_allclose(weight.numpy(), -size / size.sum(), rtol=1e-9, atol=1e-30)


def law(method: Any, real: Sequences) -> tuple[Tensor, Tensor]:
    log_g = method.generator.log_prob(real).sum(1)
    return log_g, log_g.detach().exp()


def as_the_discriminator_would_pay(method: Any, real: Sequences) -> Tensor:
    """log p_d / (p_d + p_g) as the reward of a real text."""
    log_g, g = law(method, real)
    return -(torch.log((1 / N) / (1 / N + g)) * g * log_g).sum() / 2


def without_the_generators_probability(method: Any, real: Sequences) -> Tensor:
    log_g, g = law(method, real)
    return (torch.log(g / (1 / N + g)) * log_g).sum() / 2


def gradient_through_the_weight(method: Any, real: Sequences) -> Tensor:
    log_g, _ = law(method, real)
    g = log_g.exp()
    return (torch.log(g / (1 / N + g)) * g * log_g).sum() / 2


def sign(method: Any, real: Sequences) -> Tensor:
    log_g, g = law(method, real)
    return -(torch.log(g / (1 / N + g)) * g * log_g).sum() / 2


@pytest.mark.parametrize(
    "wrong",
    [
        as_the_discriminator_would_pay,
        without_the_generators_probability,
        gradient_through_the_weight,
        sign,
    ],
    ids=lambda f: f.__name__,
)
def test_a_wrong_reward_fails_the_check(wrong: Callable[..., Tensor]) -> None:
    method = method_of("jsdgan", 3)
    assert not is_close(gradient(wrong(method, training(3)), method), true_gradient(3))


def test_the_discriminators_reward_has_another_direction() -> None:
    method = method_of("jsdgan", 3)
    pays = gradient(as_the_discriminator_would_pay(method, training(3)), method)
    assert cosine(pays, true_gradient(3)) < 0
