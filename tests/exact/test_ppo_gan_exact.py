"""PPO-GAN on the enumerable language (tests/exact/enumerated.py).

The generator's surrogate is an expectation under the policy that sampled, the critic's loss one
under the tilted target; both are summed over all texts in NumPy and differentiated numerically.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    Array,
    Text,
    is_close,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
    token_log_probs,
)
from tests.exact.tables import batch_of, gradient, method_of, population
from textgan.data.sequences import Sequences
from textgan.losses.policy_gradient import clipped_ratio

EPSILON = 0.4


def scores(method: Any) -> dict[Text, float]:
    """f of every text."""
    return {x: float(np.log(p / (1 - p))) for x, p in method.discriminator.table().items()}


def surrogate(logits: Array, f: dict[Text, float], clip: float = EPSILON) -> float:
    """-E_pi_old min(rho f, clip(rho) f), the old policy being ``sixteenths()``."""
    total = 0.0
    for x, reward in f.items():
        old, new = probability(sixteenths(), x), probability(logits, x)
        rho = new / old
        total -= old * min(rho * reward, min(max(rho, 1 - clip), 1 + clip) * reward)
    return total


def moved(method: Any) -> Array:
    """The policy after some updates on the same texts: ratios on both sides of the clipping."""
    now = sixteenths() + np.random.default_rng(7).normal(size=sixteenths().shape) * 0.5
    method.generator.table.data = torch.tensor(now)
    return now


@functools.cache
def sampled(eos: int | None) -> Sequences:
    """The population, with the log-probability under the policy that sampled."""
    s = population(sixteenths(), eos)
    log_prob = torch.zeros(s.ids.shape, dtype=torch.float64)
    for row, (ids, n) in enumerate(zip(s.ids.tolist(), s.lengths.tolist(), strict=True)):
        log_prob[row, :n] = torch.tensor(token_log_probs(sixteenths(), tuple(ids[:n])))
    return Sequences(s.ids, eos, log_prob=log_prob)


@pytest.mark.parametrize("eos", ENDS)
def test_the_generator_climbs_the_clipped_surrogate_of_whole_texts(eos: int | None) -> None:
    method, fake = method_of("ppo_gan", eos, baseline="none"), sampled(eos)
    f = scores(method)
    now = moved(method)
    ratios = [probability(now, x) / probability(sixteenths(), x) for x in f]
    assert min(ratios) < 1 - EPSILON and max(ratios) > 1 + EPSILON
    assert min(f.values()) < 0 < max(f.values())
    loss = method.generator_loss(fake, fake, 0.0)
    assert loss.total.item() == pytest.approx(surrogate(now, f), rel=1e-6)
    expected = numerical_gradient(lambda logits: surrogate(logits, f), now)
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss.total, method), expected)
    for wrong in WRONG if eos is not None else WRONG[:-1]:
        assert not is_close(gradient(wrong(method, fake), method), expected), wrong.__name__


@pytest.mark.parametrize("eos", ENDS)
def test_its_first_update_is_the_policy_gradient_of_the_critic(eos: int | None) -> None:
    """At rho = 1; a level of f changes nothing, as the others' mean is subtracted."""
    method, fake = method_of("ppo_gan", eos), sampled(eos)
    f = scores(method)
    expected = numerical_gradient(
        lambda logits: -sum(probability(logits, x) * r for x, r in f.items()), sixteenths()
    )
    for level in (0.0, 50.0):
        method.discriminator.output.data[1] += level
        loss = method.generator_loss(fake, fake, 0.0).total
        assert is_close(gradient(loss, method) * 4095 / 4096, expected)
    raw = method_of("ppo_gan", eos, baseline="none")
    raw.discriminator.output.data[1] += 50.0
    some = fake[torch.arange(64)]
    noise = gradient(raw.generator_loss(some, some, 0.0).total, raw)
    calm = gradient(method.generator_loss(some, some, 0.0).total, method)
    assert np.abs(noise).max() > 5 * np.abs(calm).max()


def test_the_mean_is_over_texts_and_the_sum_is_as_many_times_as_much() -> None:
    fake = sampled(3)[torch.arange(50)]
    losses = []
    for reduction in ("mean", "sum"):
        method = method_of("ppo_gan", 3, reduction=reduction)
        moved(method)
        losses.append(method.generator_loss(fake, fake, 0.0))
    assert losses[1].total.item() == pytest.approx(50 * losses[0].total.item(), rel=1e-9)


# ---------------------------------------------------------------- known mistakes must fail


def parts(method: Any, fake: Sequences) -> tuple[Tensor, Tensor, Tensor]:
    """log rho and f of each text, and log rho of each token."""
    assert fake.log_prob is not None
    token = (method.generator.log_prob(fake) - fake.log_prob) * fake.mask
    return token.sum(dim=1), method.discriminator.judge(fake), token


def a_ratio_for_each_token(method: Any, fake: Sequences) -> Tensor:
    """PPO's own, as in seqgan's ``clip_ratio``: another surrogate."""
    _, f, token = parts(method, fake)
    zero = torch.zeros_like(token)
    clipped = clipped_ratio(token, zero, f[:, None], fake.mask, EPSILON, "sum")
    return clipped / len(fake)


def the_official_codes_side(method: Any, fake: Sequences) -> Tensor:
    """Of a bad text it takes the larger term: what is rare already is pushed down without end."""
    log_rho, f, _ = parts(method, fake)
    rho = log_rho.exp()
    free, clipped = rho * f, rho.clamp(1 - EPSILON, 1 + EPSILON) * f
    best = torch.where(f > 0, torch.minimum(free, clipped), torch.maximum(free, clipped))
    return -best.mean()


def without_clipping(method: Any, fake: Sequences) -> Tensor:
    log_rho, f, _ = parts(method, fake)
    return -(log_rho.exp() * f).mean()


def a_ratio_with_itself(method: Any, fake: Sequences) -> Tensor:
    """The old policy is asked now and not when it sampled: rho is 1 and nothing is clipped."""
    log_rho, f, _ = parts(method, fake)
    return -((log_rho - log_rho.detach()).exp() * f).mean()


def a_probability_for_a_score(method: Any, fake: Sequences) -> Tensor:
    log_rho, f, _ = parts(method, fake)
    once = torch.ones_like(f)
    return clipped_ratio(log_rho, 0 * log_rho, f.sigmoid(), once, EPSILON, "mean")


def padding_in_the_ratio(method: Any, fake: Sequences) -> Tensor:
    """Behind <eos> the policy is asked about words that nobody drew."""
    assert fake.log_prob is not None
    chosen = method.generator.logits(fake).log_softmax(2).gather(2, fake.ids[..., None])
    new, old = chosen.squeeze(2).sum(dim=1), fake.log_prob.sum(dim=1)
    f = method.discriminator.judge(fake)
    return clipped_ratio(new, old, f, torch.ones_like(f), EPSILON, "mean")


WRONG: list[Callable[[Any, Sequences], Tensor]] = [
    a_ratio_for_each_token,
    the_official_codes_side,
    without_clipping,
    a_ratio_with_itself,
    a_probability_for_a_score,
    padding_in_the_ratio,
]


# ---------------------------------------------------------------- the critic


def critic_loss(f: Array, real: Array, eos: int | None) -> float:
    """-E_real f + log E_pi e^f: its gradient is E_q of f's, q ~ pi e^f."""
    pi = np.array([probability(sixteenths(), x) for x in texts_of(eos)])
    return float(-f[real].mean() + np.log((pi * np.exp(f)).sum()))


@pytest.mark.parametrize("eos", ENDS)
def test_the_critics_gradient_is_an_expectation_under_the_tilted_target(eos: int | None) -> None:
    method, fake = method_of("ppo_gan", eos, gradient_penalty=0.0), population(sixteenths(), eos)
    texts = texts_of(eos)
    real = np.random.default_rng(5).integers(len(texts), size=30)
    real_texts = batch_of([texts[i] for i in real], eos)
    d = method.discriminator
    f = (d.output[0] * d.scores + d.output[1]).detach().numpy()
    expected = numerical_gradient(lambda x: critic_loss(x, real, eos), f) * d.output[0].item()
    loss = method.discriminator_loss(real_texts, fake, 0.0)
    (found,) = torch.autograd.grad(loss.total, [d.scores])
    assert np.abs(expected).max() > 0.01
    assert is_close(found.numpy(), expected)
    pi = np.array([probability(sixteenths(), x) for x in texts])
    q = pi * np.exp(f) / (pi @ np.exp(f))
    assert loss.parts["d_loss"].item() == pytest.approx(-f[real].mean() + q @ f, rel=1e-6)
    assert loss.parts["ess"].item() == pytest.approx(1 / (q**2 / pi).sum())
    for wrong in WRONG_CRITICS:
        total = wrong(d(real_texts), d(fake))
        (other,) = torch.autograd.grad(total, [d.scores])
        assert not is_close(other.numpy(), expected), wrong.__name__


def weights_with_a_gradient(real: Tensor, fake: Tensor) -> Tensor:
    return -real.mean() + (fake.softmax(0) * fake).sum()


def all_fakes_alike(real: Tensor, fake: Tensor) -> Tensor:
    """WGAN's own loss."""
    return fake.mean() - real.mean()


def a_second_mean(real: Tensor, fake: Tensor) -> Tensor:
    return -real.mean() + (fake.detach().softmax(0) * fake).mean()


def worse_fakes_weigh_more(real: Tensor, fake: Tensor) -> Tensor:
    return -real.mean() + ((-fake.detach()).softmax(0) * fake).sum()


def the_critics_sign(real: Tensor, fake: Tensor) -> Tensor:
    return real.mean() - (fake.detach().softmax(0) * fake).sum()


WRONG_CRITICS: list[Callable[[Tensor, Tensor], Tensor]] = [
    weights_with_a_gradient,
    all_fakes_alike,
    a_second_mean,
    worse_fakes_weigh_more,
    the_critics_sign,
]
