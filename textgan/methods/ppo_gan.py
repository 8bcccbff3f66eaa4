"""PPO-GAN: Probability Ratio Clipping and Sample Reweighting (Wu et al., arXiv 2006.06900).

The generator approaches a target that is its own distribution, tilted by the critic f:

    q(x) = pi_old(x) e^f(x) / Z

By the reverse KL towards q, with PPO's clipping for the KL to pi_old, its step is on the ratio of
whole texts, several updates on the same ones (``players.generator.pool``):

    rho = pi(x) / pi_old(x)
    L_G = -E_pi_old min(rho A, clip(rho, 1 - eps, 1 + eps) A),    A = f(x) - mean of the others' f

The critic's fake term is an expectation under q, estimated by self-normalised weights:

    L_D = -E_real f(x) + sum_i w_i f(x_i),    w = softmax(f) over the generated texts, as constants
    (and the gradient penalty of WGAN-GP)

The gradient of the fake term is that of log E_pi e^f: bad texts hardly count.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.estimators.advantage import Baseline
from textgan.losses.adversarial import LossName, accuracy
from textgan.losses.policy_gradient import Reduction, clipped_ratio
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions


class PPOGANOptions(PolicyOptions):
    """Clipped ratios of whole texts; a critic that weighs the better fakes more."""

    name: Literal["ppo_gan"] = "ppo_gan"
    """Which method."""
    loss: Literal["wasserstein"] = "wasserstein"
    """The two-player loss, its fake term weighted by softmax(f)."""
    gradient_penalty: float = Field(default=5.0, ge=0)
    """Weight of (norm of the critic's gradient - 1)² between real and generated texts."""
    reward: Literal["probability"] | LossName = "wasserstein"
    """What a logit f earns: itself (wasserstein), as in the paper; else as in seqgan."""
    values: Literal["terminal"] = "terminal"
    """What a token is worth: its text's reward, as the ratio is the text's."""
    baseline: Baseline = "leave_one_out"
    """What is subtracted from the reward, as the level of f is arbitrary; as in seqgan."""
    clip_ratio: float = Field(default=0.4, gt=0, lt=1)
    """PPO's epsilon, for the ratio of whole texts."""
    reduction: Reduction = "mean"
    """Over the batch's texts."""


class PPOGAN(PolicyGradient):
    """PPO on whole texts against a critic trained under its own tilted target."""

    Options: ClassVar[type[MethodOptions]] = PPOGANOptions
    options: PPOGANOptions
    couples = ("generator", "discriminator")

    def step_towards(self, advantage: Tensor, log_prob: Tensor, fake: Sequences) -> Tensor:
        assert fake.log_prob is not None, "texts of nobody's policy"
        new, old = ((p * fake.chosen).sum(dim=1) for p in (log_prob, fake.log_prob))  # (B,)
        once = torch.ones_like(new)
        return clipped_ratio(
            new, old, advantage[:, 0], once, self.options.clip_ratio, self.options.reduction
        )

    def discriminator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        both, embedded = self.both(real, fake, progress)
        f = self.judge(embedded, both)
        f_real, f_fake = f[: len(real)], f[len(real) :]  # (B,)
        log_z = runtime.gather(f_fake.detach()).logsumexp(dim=0)
        weight = torch.exp(f_fake.detach() - log_z)  # (B,), sums to 1 over all processes
        count = runtime.global_sum(torch.ones_like(weight))
        loss = runtime.mean(-f_real, torch.ones_like(f_real)) + (weight * f_fake).sum()
        return Loss(
            loss + self.penalties(embedded, both, len(real)),
            {
                "d_loss": runtime.global_sum(loss),
                "d_accuracy": accuracy(f_real, f_fake),
                "ess": 1 / runtime.global_sum(weight.square()) / count,
            },
        )
