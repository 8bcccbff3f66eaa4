"""Every two-player loss against its paper's formula in NumPy, and what it makes a generator do when
the discriminator is at its optimum.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import (
    ENDS,
    Array,
    is_close,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
)
from tests.exact.tables import batch_of, gradient, method_of
from textgan.losses.adversarial import (
    ADVERSARIAL,
    ENTROPIC,
    PAIRED,
    LossName,
    accuracy,
    discriminator_loss,
    generator_loss,
)


def sigmoid(d: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-d))
    return result


def cross_entropy(r: Array, f: Array) -> float:
    return float(np.concatenate([-np.log(sigmoid(r)), -np.log(1 - sigmoid(f))]).mean())


def relativistic(r: Array, f: Array) -> float:
    """Eq. 13 of 1807.00734: D~(x) = sigmoid(C(x) - mean of the other side)."""
    of_real = -np.log(sigmoid(r - f.mean())).mean()
    return float(of_real - np.log(1 - sigmoid(f - r.mean())).mean())


Loss = Callable[[Array, Array], float]
PAPERS: dict[LossName, tuple[Loss, Loss]] = {
    "minimax": (cross_entropy, lambda r, f: np.log(1 - sigmoid(f)).mean()),
    "non_saturating": (cross_entropy, lambda r, f: -np.log(sigmoid(f)).mean()),
    "least_squares": (
        lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(),
        lambda r, f: ((f - 1) ** 2).mean(),
    ),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(),
        lambda r, f: -f.mean(),
    ),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "rsgan": (
        lambda r, f: -np.log(sigmoid(r - f)).mean(),
        lambda r, f: -np.log(sigmoid(f - r)).mean(),
    ),
    "ragan": (relativistic, lambda r, f: relativistic(f, r)),
    "kl": (cross_entropy, lambda r, f: -np.exp(f).mean()),
    "reverse_kl": (cross_entropy, lambda r, f: -f.mean()),
    "js": (cross_entropy, lambda r, f: -np.log(1 + np.exp(f)).mean()),
}


def logits(seed: int = 0, count: int = 9) -> tuple[Array, Array]:
    chance = np.random.default_rng(seed)
    return chance.normal(0.3, 1.5, count), chance.normal(-0.4, 1.5, count)


def check(found: Callable[..., Any], expected: Loss) -> bool:
    """True if value and both gradients agree."""
    real, fake = logits()
    tensors = [torch.tensor(d, requires_grad=True) for d in (real, fake)]
    total = found(*tensors)
    gradients = torch.autograd.grad(total, tensors, allow_unused=True, materialize_grads=True)
    by_real = numerical_gradient(lambda r: expected(r, fake), real)
    by_fake = numerical_gradient(lambda f: expected(real, f), fake)
    return (
        abs(total.item() - expected(real, fake)) < 1e-9
        and is_close(gradients[0].numpy(), by_real)
        and is_close(gradients[1].numpy(), by_fake)
    )


def test_every_loss_is_checked() -> None:
    assert set(PAPERS) == set(ADVERSARIAL)


@pytest.mark.parametrize("name", PAPERS)
def test_both_players_losses_are_the_papers(name: LossName) -> None:
    of_discriminator, of_generator = PAPERS[name]
    assert check(lambda r, f: discriminator_loss(name, r, f), of_discriminator)
    assert check(lambda r, f: generator_loss(name, r, f), of_generator)


WRONG: list[tuple[LossName, Loss]] = [
    ("minimax", lambda r, f: -np.log(sigmoid(f)).mean()),  # the other generator's loss
    ("rsgan", lambda r, f: -np.log(sigmoid(r - f)).mean()),  # the discriminator's sign
    ("reverse_kl", lambda r, f: -np.exp(f).mean()),  # which divergence is which
    ("kl", lambda r, f: -f.mean()),  # "KL" in one repository
    ("ragan", lambda r, f: -np.log(sigmoid(f - r.mean())).mean()),  # half of it
]


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_wrong_generator_loss_fails_the_check(name: LossName, wrong: Loss) -> None:
    assert not check(lambda r, f: generator_loss(name, r, f), wrong)


@pytest.mark.parametrize("name", [n for n in PAPERS if n not in PAIRED])
def test_masked_terms_never_count(name: LossName) -> None:
    real, fake = (torch.tensor(d).view(3, 3) for d in logits())
    lengths = torch.tensor([1, 3, 2])
    mask = torch.arange(3) < lengths[:, None]
    of_discriminator, of_generator = PAPERS[name]
    kept = real[mask].numpy(), fake[mask].numpy()
    found = discriminator_loss(name, real, fake, mask=(mask, mask))
    assert found.item() == pytest.approx(of_discriminator(*kept))
    found = generator_loss(name, real, fake, mask=(mask, mask))
    assert found.item() == pytest.approx(of_generator(*kept))


def test_each_side_has_its_own_mask() -> None:
    real, fake = (torch.tensor(d).view(3, 3) for d in logits())
    of_real, of_fake = (torch.arange(3) < torch.tensor(n)[:, None] for n in ([1, 3, 2], [3, 1, 1]))

    def side(d: torch.Tensor, other: torch.Tensor, mask: torch.Tensor, sign: int) -> float:
        beyond = sign * (d - other.mean(dim=0))[mask].numpy()
        return float(np.log1p(np.exp(beyond)).mean())

    for player, sign in ((discriminator_loss, -1), (generator_loss, 1)):
        found = player("ragan", real, fake, mask=(of_real, of_fake))
        expected = side(real, fake, of_real, sign) + side(fake, real, of_fake, -sign)
        assert found.item() == pytest.approx(expected)


def test_a_logit_of_0_says_generated() -> None:
    real, fake = torch.tensor([2.0, 0.0, 0.5, -1.0]), torch.tensor([0.0, 3.0, -2.0, 0.5])
    assert accuracy(real, fake).item() == (2 + 2) / 8
    masks = torch.tensor([True, True, False, False]), torch.tensor([True, False, False, True])
    assert accuracy(real, fake, masks).item() == (1 + 1) / 4


@pytest.mark.parametrize("name", ENTROPIC)
def test_label_smoothing_is_one_sided(name: LossName) -> None:
    def smoothed(r: Array, f: Array) -> float:
        of_real = -0.9 * np.log(sigmoid(r)) - 0.1 * np.log(1 - sigmoid(r))
        return float(np.concatenate([of_real, -np.log(1 - sigmoid(f))]).mean())

    def on_both_sides(r: Array, f: Array) -> float:
        of_fake = -0.9 * np.log(1 - sigmoid(f)) - 0.1 * np.log(sigmoid(f))
        of_real = -0.9 * np.log(sigmoid(r)) - 0.1 * np.log(1 - sigmoid(r))
        return float(np.concatenate([of_real, of_fake]).mean())

    assert check(lambda r, f: discriminator_loss(name, r, f, 0.1), smoothed)
    assert not check(lambda r, f: discriminator_loss(name, r, f, 0.1), on_both_sides)


# ---------------------------------------------------------------- at the optimum d = log p / g


def densities(logits_: Array, eos: int | None) -> Array:
    return np.array([probability(logits_, text) for text in texts_of(eos)])


def divergence(name: str, p: Array, g: Array) -> float:
    m = (p + g) / 2
    return float(
        {
            "kl": (p * np.log(p / g)).sum(),
            "reverse_kl": (g * np.log(g / p)).sum(),
            "js": (p * np.log(p / m) + g * np.log(g / m)).sum(),  # twice the usual JS
        }[name]
    )


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "js"])
@pytest.mark.parametrize("eos", ENDS)
def test_at_the_optimal_discriminator_the_policy_follows_the_divergence(
    eos: int | None, name: str
) -> None:
    method = method_of("seqgan", eos, reward=name, values="terminal")
    p, texts = densities(sixteenths(7), eos), texts_of(eos)
    g = densities(sixteenths(), eos)
    with torch.no_grad():  # d = output[0] * score + output[1]
        method.discriminator.output.copy_(torch.tensor([1.0, 0.0]))
        method.discriminator.scores.copy_(torch.tensor(np.log(p / g)))
    found = sum(
        weight * gradient(method.generator_loss(s, s, 0.0).total, method)
        for weight, s in zip(g, (batch_of([text], eos) for text in texts), strict=True)
    )
    for other in ("kl", "reverse_kl", "js"):
        expected = numerical_gradient(
            lambda x, other=other: divergence(other, p, densities(x, eos)), sixteenths()
        )
        assert is_close(np.asarray(found), expected) == (other == name)


def test_a_loss_against_the_batchs_mean_is_not_worked_through_in_parts() -> None:
    assert "discriminator" in method_of("seqgan", None, loss="ragan").couples
    assert method_of("seqgan", None, loss="rsgan").couples == ()
