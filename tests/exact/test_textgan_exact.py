"""TextGAN along the path: noise z, soft-argmax, kernel mean embeddings; expected in NumPy."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import ENDS
from tests.exact.soft_players import (
    Array,
    B,
    F,
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
    softplus,
    tiny_features,
    tiny_logits,
    weights_of,
    without_noise,
)
from textgan.discriminators.multi_representation import (
    MultiRepresentationConfig,
    MultiRepresentationDiscriminator,
    MultiRepresentationOptions,
)
from textgan.errors import UserError
from textgan.losses.matching import mean_distance, squared_mmd

both_languages = pytest.mark.parametrize("eos", ENDS)
SEED, Z = 8, 2
SIZES: dict[str, Any] = {
    "temperature": 0.5,  # L = 2: a gradient that differences can see
    "bandwidths": [0.7, 2.0],
    "spread": 0.4,
    "reconstruction": 0.3,
}


def game(eos: int | None, **options: Any) -> Any:
    generator = make_generator(eos, hidden_size=3, latent_size=Z)
    method = make("textgan", eos, generator, **{**SIZES, **options})
    method.discriminator.dropout.p = 0.0
    roughened(method.reconstructor, seed=5)
    return method


def mmd(x: Array, y: Array, bandwidths: list[float], diagonal: bool = True) -> float:
    """Kernel by kernel, pair by pair."""

    def mean(a: Array, b: Array) -> float:
        pairs = [
            sum(np.exp(-((p - q) ** 2).sum() / (2 * s**2)) for s in bandwidths)
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if diagonal or a is not b or i != j
        ]
        return float(np.mean(pairs))

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


# ---------------------------------------------------------------- the distances


@pytest.mark.parametrize("bandwidths", [[1.0], [0.3, 2.0, 20.0]], ids=str)
def test_the_squared_mmd_is_that_of_all_pairs(bandwidths: list[float]) -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(5, 3)), chance.normal(0.5, size=(8, 3))
    found = float(squared_mmd(torch.from_numpy(x), torch.from_numpy(y), bandwidths))
    assert found == pytest.approx(mmd(x, y, bandwidths))
    wrongs = [mmd(x, y, bandwidths, diagonal=False), found**0.5, mmd(x, y, [3.0])]
    assert all(abs(wrong - found) > 1e-3 for wrong in wrongs)
    assert squared_mmd(torch.from_numpy(x), torch.from_numpy(x), bandwidths) == pytest.approx(0)


def test_representations_are_one_long_feature_vector() -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(4, 2, 3)), chance.normal(1.0, size=(4, 2, 3))
    flat = [part.reshape(4, 6) for part in (x, y)]
    tensors = torch.from_numpy(x), torch.from_numpy(y)
    assert float(squared_mmd(*tensors, [1.5])) == pytest.approx(mmd(*flat, [1.5]))
    by_hand = ((flat[0].mean(axis=0) - flat[1].mean(axis=0)) ** 2).sum()
    assert float(mean_distance(*tensors)) == pytest.approx(by_hand)


# ---------------------------------------------------------------- the generator


@pytest.mark.parametrize("matching", ["mmd", "mean"])
@both_languages
def test_the_generator_matches_features_and_nothing_else(eos: int | None, matching: str) -> None:
    method, real = game(eos, matching=matching), real_texts(eos)
    _, z = chance(SEED, Z)
    fake = drawn(method, real, SEED)
    judge, weights = weights_of(method.discriminator), weights_of(method.generator)
    of_real = tiny_features(judge, one_hots(real.ids.numpy(), eos))

    def objective(w: Weights, feed: str = "soft", tau: float = 0.5, extra: float = 0.0) -> float:
        soft = lstm_texts(w, without_noise(tau), feed, eos, z)[1]
        of_fake = tiny_features(judge, soft)
        if matching == "mmd":
            distance = mmd(of_real, of_fake, SIZES["bandwidths"])
        else:
            distance = ((of_real.mean(axis=0) - of_fake.mean(axis=0)) ** 2).sum()
        return float(distance + extra * softplus(-tiny_logits(judge, soft)).mean())

    loss = method.generator_loss(real, fake, 0.0).total
    assert loss.item() == pytest.approx(objective(weights))
    found = gradients_of(loss, method.generator)
    assert agree(found, differences(objective, weights))
    for wrong in ({"feed": "hard"}, {"tau": 2.0}, {"extra": 1.0}):
        assert not agree(found, differences(lambda w, o=wrong: objective(w, **o), weights), 1e-4)


# ---------------------------------------------------------------- discriminator, reconstructor


def missed(recon: Weights, features: Array, z: Array) -> float:
    found = features @ recon["weight"].T + recon["bias"]
    return float(((found - z) ** 2).sum(axis=1).mean())


@both_languages
def test_the_discriminator_judges_spreads_and_remembers(eos: int | None) -> None:
    method, real = game(eos), real_texts(eos)
    _, z = chance(SEED, Z)
    fake = drawn(method, real, SEED)
    recon = weights_of(method.reconstructor)
    texts = one_hots(real.ids.numpy(), eos), fake.soft.detach().numpy()

    def objective(w: Weights, spread: float = -0.4, remember: float = 0.3) -> float:
        features = [tiny_features(w, part) for part in texts]
        d_real, d_fake = (tiny_logits(w, part) for part in texts)
        entropy = -np.concatenate([np.log(sigmoid(d_real)), np.log(1 - sigmoid(d_fake))]).mean()
        apart = mmd(features[0], features[1], SIZES["bandwidths"])
        return float(entropy + spread * apart + remember * missed(recon, features[1], z))

    weights = weights_of(method.discriminator)
    loss = method.discriminator_loss(real, fake, 0.0).total
    assert loss.item() == pytest.approx(objective(weights))
    found = gradients_of(loss, method.discriminator)
    assert agree(found, differences(objective, weights))
    for wrong in ({"spread": 0.4}, {"spread": 0.0}, {"remember": -0.3}, {"remember": 0.3 / Z}):
        assert not agree(found, differences(lambda w, o=wrong: objective(w, **o), weights))


@both_languages
def test_the_reconstructor_learns_the_noise_from_features(eos: int | None) -> None:
    method, real = game(eos), real_texts(eos)
    _, z = chance(SEED, Z)
    fake = drawn(method, real, SEED)
    features = tiny_features(weights_of(method.discriminator), fake.soft.detach().numpy())
    loss = method.reconstructor_loss(real, fake, 0.0)
    weights = weights_of(method.reconstructor)
    assert loss.total.item() == pytest.approx(missed(weights, features, z))
    assert loss.parts["reconstruction"].item() == pytest.approx(loss.total.item())
    assert int(loss.terms) == B
    found = gradients_of(loss.total, method.reconstructor)
    assert agree(found, differences(lambda w: missed(w, features, z), weights))
    assert not agree(found, differences(lambda w: missed(w, features, z[::-1]), weights))
    untouched = gradients_of(loss.total, method.discriminator)
    assert not any(np.abs(part).max() for part in untouched.values())


def test_soft_argmax_with_the_official_l_is_nearly_a_one_hot() -> None:
    method, real = game(None, temperature=0.001), real_texts(None)
    fake = drawn(method, real, SEED)
    expected = torch.nn.functional.one_hot(fake.ids, 5).double()
    torch.testing.assert_close(fake.soft, expected, atol=1e-3, rtol=0)


# ---------------------------------------------------------------- who plays


def test_without_reconstruction_there_are_two_players() -> None:
    assert make("textgan", None, make_generator(None, latent_size=1)).trains == (
        "generator",
        "discriminator",
        "reconstructor",
    )
    two = make("textgan", None, make_generator(None, latent_size=1), reconstruction=0.0)
    assert two.trains == ("generator", "discriminator")
    assert two.own_state() == {}
    assert game(None).couples == ("generator", "discriminator")
    assert set(game(None).own_state()) == {"reconstructor.weight", "reconstructor.bias"}
    assert game(None).reconstructor.weight.shape == (Z, F)


def test_it_works_with_several_representations() -> None:
    options = MultiRepresentationOptions(embedding_size=4, representations=2, filters=[3] * 4)
    settings = MultiRepresentationConfig(vocab_size=5, options=options.model_dump(mode="json"))
    d = roughened(MultiRepresentationDiscriminator(settings), seed=2)
    method = make("textgan", 3, make_generator(3, latent_size=Z), d)
    real = real_texts(3)
    fake = drawn(method, real, SEED)
    assert method.reconstructor.in_features == 2 * 12
    for player in method.trains:
        assert method.loss(player, real, fake, 0.0).total.isfinite()


def test_without_noise_it_is_an_error() -> None:
    with pytest.raises(UserError) as error:
        make("textgan", None, estimator="gumbel")
    assert str(error.value) == (
        "generator.latent_size: textgan makes texts from noise; set it to 1 or more"
    )
