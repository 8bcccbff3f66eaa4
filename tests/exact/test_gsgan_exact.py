"""GSGAN, and what all soft methods share, along the path: the noise is fixed, the rest is NumPy."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import ENDS
from tests.exact.soft_players import (
    Array,
    B,
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
    roughened,
    sigmoid,
    softmax,
    softplus,
    tiny_features,
    tiny_logits,
    weights_of,
    with_gumbel,
)
from textgan.discriminators.rnn import RNNConfig, RNNDiscriminator, RNNOptions
from textgan.errors import UserError

both_languages = pytest.mark.parametrize("eos", ENDS)
SEED = 4


def tau_of(progress: float) -> float:
    """5 to 1 in a straight line."""
    return 5 + (1 - 5) * progress


# ---------------------------------------------------------------- the game


@pytest.mark.parametrize("progress", [0.0, 0.75])
@both_languages
def test_relaxed_texts_are_those_of_the_equations(eos: int | None, progress: float) -> None:
    method = make("gsgan", eos)
    uniforms, _ = chance(SEED)
    fake = drawn(method, real_texts(eos), SEED, progress)
    relax = with_gumbel(uniforms, tau_of(progress))
    ids, soft = lstm_texts(weights_of(method.generator), relax, "soft", eos)
    assert fake.soft is not None
    np.testing.assert_allclose(fake.soft.detach(), soft, atol=1e-12)
    assert (fake.ids.numpy()[fake.mask] == ids[fake.mask]).all()
    assert fake.ids[~fake.mask].unique().tolist() in ([], [0])
    hard = lstm_texts(weights_of(method.generator), relax, "hard", eos)[1]
    assert np.abs(hard - soft).max() > 1e-3


def generator_objective(
    method: Any, eos: int | None, progress: float, wrong: Callable[[Array], Array] | None = None
) -> Callable[[Weights], float]:
    """-log D(y) of the texts that the weights make of that noise."""
    uniforms, _ = chance(SEED)
    judge = weights_of(method.discriminator)
    relax = with_gumbel(uniforms, tau_of(progress))

    def loss(w: Weights) -> float:
        d = tiny_logits(judge, lstm_texts(w, relax, "soft", eos)[1])
        return float((wrong(d) if wrong else -np.log(sigmoid(d))).mean())

    return loss


@functools.cache
def generators_gradient(eos: int | None) -> tuple[Weights, float]:
    method, real = make("gsgan", eos), real_texts(eos)
    loss = method.generator_loss(real, drawn(method, real, SEED, 0.5), 0.5).total
    return gradients_of(loss, method.generator), loss.item()


@both_languages
def test_the_generators_loss_and_gradient(eos: int | None) -> None:
    found, loss = generators_gradient(eos)
    method = make("gsgan", eos)
    objective = generator_objective(method, eos, 0.5)
    assert loss == pytest.approx(objective(weights_of(method.generator)))
    assert agree(found, differences(objective, weights_of(method.generator)))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda d: softplus(d),  # the sign
        lambda d: -softplus(d),  # log(1 - D): the minimax generator
        lambda d: -d,
        lambda d: B * softplus(-d),  # a sum over texts
    ],
    ids=["sign", "minimax", "kl", "sum"],
)
def test_a_wrong_loss_fails_the_check(wrong: Callable[[Array], Array]) -> None:
    method = make("gsgan", None)
    objective = generator_objective(method, None, 0.5, wrong)
    expected = differences(objective, weights_of(method.generator))
    assert not agree(generators_gradient(None)[0], expected)


def test_another_temperature_or_none_falling_fails_the_check() -> None:
    method = make("gsgan", None)
    for progress in (0.0, 1.0):
        objective = generator_objective(method, None, progress)
        expected = differences(objective, weights_of(method.generator))
        assert not agree(generators_gradient(None)[0], expected)


@both_languages
def test_the_discriminators_loss_and_gradient(eos: int | None) -> None:
    method, real = make("gsgan", eos), real_texts(eos)
    method.discriminator.dropout.p = 0.0
    fake = drawn(method, real, SEED, 0.5)
    loss = method.discriminator_loss(real, fake, 0.5)
    texts = one_hots(real.ids.numpy(), eos), fake.soft.detach().numpy()

    def objective(w: Weights, fake_texts: Array = texts[1]) -> float:
        d = [tiny_logits(w, part) for part in (texts[0], fake_texts)]
        entropy = -np.concatenate([np.log(sigmoid(d[0])), np.log(1 - sigmoid(d[1]))])
        return float(entropy.mean())

    weights = weights_of(method.discriminator)
    assert loss.total.item() == pytest.approx(objective(weights))
    found = gradients_of(loss.total, method.discriminator)
    assert agree(found, differences(objective, weights))
    of_ids = one_hots(fake.ids.numpy(), eos)  # hard texts would be told by their sharpness
    assert not agree(found, differences(lambda w: objective(w, of_ids), weights))


def test_the_discriminators_update_reaches_no_generator() -> None:
    method, real = make("gsgan", 3), real_texts(3)
    method.generator.requires_grad_(False)
    fake = drawn(method, real, SEED)
    assert not fake.soft.requires_grad
    method.discriminator_loss(real, fake, 0.0).total.backward()
    assert all(part.grad is None for part in method.generator.parameters())


def test_the_generators_loss_has_no_dropout_in_it() -> None:
    method, real = make("gsgan", None), real_texts(None)
    assert method.discriminator.dropout.p == 0.5
    fake = drawn(method, real, SEED)
    losses = {method.generator_loss(real, fake, 0.0).total.item() for _ in range(4)}
    assert len(losses) == 1
    assert method.discriminator.dropout.training
    assert len({method.discriminator_loss(real, fake, 0.0).total.item() for _ in range(4)}) == 4


# ---------------------------------------------------------------- temperature


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"final_temperature": None}, [5, 5, 5, 5, 5]),
        ({"horizon": 0.5}, [5, 3, 1, 1, 1]),
        ({"horizon": 2.0}, [5, 4.5, 4, 3.5, 3]),
        (
            {"schedule": "exponential", "temperature": 16, "final_temperature": 1},
            [16, 8, 4, 2, 1],
        ),
    ],
    ids=str,
)
def test_the_temperature_is_a_function_of_progress(
    options: dict[str, Any], expected: list[float]
) -> None:
    method = make("gsgan", None, **options)
    found = [method.tau(progress) for progress in (0, 0.25, 0.5, 0.75, 1)]
    assert found == pytest.approx(expected)
    real = real_texts(None)
    loss = method.generator_loss(real, drawn(method, real, SEED, 0.75), 0.75)
    assert loss.parts["temperature"].item() == pytest.approx(expected[3])


# ---------------------------------------------------------------- switches of all soft methods


@both_languages
def test_feature_matching_is_the_distance_of_mean_features(eos: int | None) -> None:
    """‖E f(real) - E f(fake)‖² beside the adversarial term, or alone."""
    method = make("gsgan", eos, feature_matching=3.0, adversarial=0.5)
    real = real_texts(eos)
    loss = method.generator_loss(real, drawn(method, real, SEED, 0.5), 0.5).total
    uniforms, _ = chance(SEED)
    judge, relax = weights_of(method.discriminator), with_gumbel(uniforms, tau_of(0.5))
    of_real = tiny_features(judge, one_hots(real.ids.numpy(), eos))

    def objective(w: Weights, pairs: bool = False) -> float:
        soft = lstm_texts(w, relax, "soft", eos)[1]
        apart = of_real - tiny_features(judge, soft)
        square = (apart**2).sum(axis=1).mean() if pairs else (apart.mean(axis=0) ** 2).sum()
        return float(0.5 * softplus(-tiny_logits(judge, soft)).mean() + 3 * square)

    weights = weights_of(method.generator)
    assert loss.item() == pytest.approx(objective(weights))
    found = gradients_of(loss, method.generator)
    assert agree(found, differences(objective, weights))
    assert not agree(found, differences(lambda w: objective(w, pairs=True), weights))
    assert method.couples == ("generator",)


@pytest.mark.parametrize("loss", ["minimax", "least_squares", "hinge", "rsgan", "ragan", "kl"])
def test_every_two_player_loss_has_its_generators_term(loss: Any) -> None:
    method, real = make("gsgan", 3, loss=loss), real_texts(3)
    fake = drawn(method, real, SEED)
    w = weights_of(method.discriminator)
    r = tiny_logits(w, one_hots(real.ids.numpy(), 3))
    f = tiny_logits(w, fake.soft.detach().numpy())
    expected = {
        "minimax": np.log(1 - sigmoid(f)).mean(),
        "least_squares": ((f - 1) ** 2).mean(),
        "hinge": -f.mean(),
        "rsgan": softplus(r - f).mean(),
        "ragan": softplus(r - f.mean()).mean() + softplus(r.mean() - f).mean(),
        "kl": -np.exp(f).mean(),
    }[loss]
    assert method.generator_loss(real, fake, 0.0).total.item() == pytest.approx(expected)
    assert set(method.couples) == ({"generator", "discriminator"} if loss == "ragan" else set())


def rnn(per_token: bool) -> Any:
    sizes = {"embedding_size": 2, "hidden_size": 3, "per_token": per_token, "dropout": 0.0}
    options = RNNOptions.model_validate(sizes).model_dump(mode="json")
    return roughened(RNNDiscriminator(RNNConfig(vocab_size=5, options=options)), seed=3)


def test_with_a_logit_a_token_real_tokens_alone_count() -> None:
    method, real = make("gsgan", 3, discriminator=rnn(per_token=True)), real_texts(3)
    fake = drawn(method, real, SEED)
    loss = method.generator_loss(real, fake, 0.0)
    logits = method.discriminator(fake).detach().numpy()
    mask = fake.mask.numpy()
    assert not mask.all()
    assert loss.total.item() == pytest.approx(softplus(-logits[mask]).mean())
    assert loss.total.item() != pytest.approx(softplus(-logits).mean(), rel=1e-3)


@pytest.mark.parametrize("estimator", ["straight_through", "rao_blackwell", "reinmax"])
def test_hard_estimators_show_the_discriminator_one_hots(estimator: str) -> None:
    method, real = make("gsgan", 3, estimator=estimator, feed="hard"), real_texts(3)
    fake = drawn(method, real, SEED, 1.0)
    np.testing.assert_allclose(fake.soft.detach(), one_hots(fake.ids.numpy(), 3), atol=1e-12)
    found = gradients_of(method.generator_loss(real, fake, 1.0).total, method.generator)
    assert all(np.abs(part).max() > 0 for part in found.values())


def test_the_first_token_is_drawn_from_the_generators_softmax() -> None:
    method = make("gsgan", None, make_generator(None, hidden_size=3))
    real = real_texts(None)
    many = type(real)(real.ids.repeat(2000, 1), None)
    ids = drawn(method, many, 1).ids[:, 0].numpy()
    state = method.generator.initial_state(1)
    logits = method.generator.advance(torch.tensor([0]), state)[0].detach().numpy()[0]
    expected = len(ids) * softmax(logits)
    chi_square = ((np.bincount(ids, minlength=5) - expected) ** 2 / expected).sum()
    assert chi_square < 4 + 4 * np.sqrt(8)


@pytest.mark.parametrize(
    ("options", "discriminator", "text"),
    [
        (
            {"estimator": "softmax"},
            None,
            "method.estimator: 'softmax' draws nothing, all texts would be the same; set "
            "generator.latent_size to 1 or more, or choose 'gumbel'",
        ),
        (
            {"feature_matching": 1.0},
            rnn(per_token=True),
            "method.feature_matching: compares features of texts; set "
            "discriminator.per_token to false",
        ),
    ],
)
def test_what_cannot_be_is_an_error(options: dict[str, Any], discriminator: Any, text: str) -> None:
    with pytest.raises(UserError) as error:
        make("gsgan", None, discriminator=discriminator, **options)
    assert str(error.value) == text
