"""The stabilisers of a discriminator, on judges whose gradients are known, and on real ones."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.discriminators.rnn import RNNConfig, RNNDiscriminator
from textgan.losses.regularizers import gradient_penalty, squared_slope
from textgan.methods import METHODS, SeqGAN
from textgan.methods.seqgan import SeqGANOptions

CNN = {"embedding_size": 3, "widths": [1, 2], "filters": [3, 2], "dropout": 0.0}
RNN = {"embedding_size": 3, "hidden_size": 4, "dropout": 0.0}


def judge(kind: str, **options: Any) -> Any:
    runtime.seed("judge")
    if kind == "cnn":
        return CNNDiscriminator(CNNConfig(vocab_size=6, options={"name": "cnn", **CNN, **options}))
    return RNNDiscriminator(RNNConfig(vocab_size=6, options={"name": "rnn", **RNN, **options}))


def texts(seed: int) -> Sequences:
    ids = np.random.default_rng(seed).integers(3, 6, (4, 5))
    ids[1, 2], ids[2, 0] = 2, 2
    return Sequences(torch.tensor(ids), 2)


def method(discriminator: Any, **options: Any) -> SeqGAN:
    chosen = SeqGANOptions(output_l2=0.0, **options)
    return SeqGAN(chosen, torch.nn.Identity(), discriminator)  # type: ignore[arg-type]


def test_a_linear_judges_slope_is_its_weights_norm() -> None:
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    points = torch.randn(4, 5, 3, dtype=torch.float64)

    def linear(x: Tensor) -> Tensor:
        return (x * weight).sum(dim=(1, 2))

    slope = squared_slope(linear, points)
    torch.testing.assert_close(slope, weight.square().sum().expand(4))
    runtime.seed(0)
    penalty = gradient_penalty(linear, points, points.flip(0))
    torch.testing.assert_close(penalty, (weight.norm() - 1).square().expand(4))
    (found,) = torch.autograd.grad(penalty.sum(), weight)
    torch.testing.assert_close(found, 8 * (weight.norm() - 1) * weight / weight.norm())


def test_the_penalty_is_taken_between_the_texts() -> None:
    """Of the judge |x|²/2 the slope is x: its norm tells where it was taken."""
    real, fake = torch.ones(500, 1, 1), -torch.ones(500, 1, 1)
    runtime.seed(0)
    penalty = gradient_penalty(lambda x: 0.5 * x.square().sum(dim=(1, 2)), real, fake)
    x = 1 - penalty.sqrt()  # |x| of a uniform x in [-1, 1]
    assert 0.45 < x.mean() < 0.55
    assert x.min() < 0.05 < 0.95 < x.max()


def test_a_flat_judge_is_penalised_and_its_gradient_stays_a_number() -> None:
    weight = torch.zeros(5, 3, requires_grad=True)
    points = torch.ones(4, 5, 3)
    penalty = gradient_penalty(lambda x: (x * weight).sum(dim=(1, 2)), points, points)
    torch.testing.assert_close(penalty, torch.ones(4))
    (slope,) = torch.autograd.grad(penalty.sum(), weight)
    assert slope.isfinite().all()


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
@pytest.mark.parametrize("option", ["r1", "r2", "gradient_penalty"])
def test_penalties_have_the_gradient_that_finite_differences_find(kind: str, option: str) -> None:
    game = method(judge(kind).double(), **{option: 3.0})
    plain = method(game.discriminator)
    real, fake = texts(0), texts(1)

    def extra() -> float:
        runtime.seed("penalty")
        with_penalty = game.discriminator_loss(real, fake, 0.0).total
        return (with_penalty - plain.discriminator_loss(real, fake, 0.0).total).item()

    assert extra() > 1e-4
    weights = dict(game.discriminator.named_parameters())
    deep = {"cnn": "convolution.convolutions.1.weight", "rnn": "recurrent.weight_ih_l0"}[kind]
    for weight in (weights["output.weight"], weights[deep]):
        runtime.seed("penalty")
        total = game.discriminator_loss(real, fake, 0.0).total
        total = total - plain.discriminator_loss(real, fake, 0.0).total
        (found,) = torch.autograd.grad(total, weight)
        for i in range(3):
            found_at = []
            for step in (1e-5, -2e-5, 1e-5):
                weight.data[0, i] += step
                found_at.append(extra())
            slope = (found_at[0] - found_at[1]) / 2e-5
            assert found[0, i].item() == pytest.approx(slope, abs=1e-6)


def test_r1_looks_at_real_texts_and_r2_at_generated_ones() -> None:
    real, fake, other = texts(0), texts(1), texts(2)

    def extra(option: str, real: Sequences, fake: Sequences) -> float:
        discriminator = judge("cnn")
        plain, game = method(discriminator), method(discriminator, **{option: 1.0})
        totals = [m.discriminator_loss(real, fake, 0.0).total for m in (game, plain)]
        return (totals[0] - totals[1]).item()

    assert extra("r1", real, fake) == pytest.approx(extra("r1", real, other), rel=1e-3)
    assert extra("r2", real, fake) == pytest.approx(extra("r2", other, fake), rel=1e-3)
    assert extra("r1", real, fake) != pytest.approx(extra("r1", other, fake), rel=1e-2)
    discriminator = judge("cnn")
    slope = squared_slope(
        lambda x: discriminator.head(discriminator.read(x, real)), discriminator.embed(real)
    )
    assert extra("r1", real, fake) == pytest.approx(0.5 * slope.mean().item(), rel=1e-3)


def test_instance_noise_falls_to_nothing() -> None:
    discriminator, real = judge("cnn"), texts(0)
    game = method(discriminator, instance_noise=0.5)
    clean = discriminator.embed(real)
    for progress, std in ((0.0, 0.5), (0.5, 0.25)):
        runtime.seed("noise")
        many = Sequences(real.ids.repeat(500, 1), 2)
        found = (game.embedded(many, 5, progress) - discriminator.embed(many)).std()
        assert found.item() == pytest.approx(std, rel=0.02)
    assert torch.equal(game.embedded(real, 5, 1.0), clean)


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_spectral_norm_bounds_every_matrix_and_is_saved(kind: str, tmp_path: Any) -> None:
    discriminator = judge(kind, spectral_norm=True)
    for _ in range(50):  # the power iteration moves a step each time
        discriminator.train()(texts(0))
    discriminator.eval()
    layers = [m for m in discriminator.modules() if isinstance(m, torch.nn.Linear)]
    assert layers
    for layer in layers:
        assert torch.linalg.svdvals(layer.weight)[0].item() == pytest.approx(1, abs=0.02)
    discriminator.save_pretrained(tmp_path)
    again = type(discriminator).from_pretrained(tmp_path).eval()
    torch.testing.assert_close(again(texts(1)), discriminator(texts(1)))
    assert METHODS["seqgan"] is SeqGAN
