"""SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient (Yu et al., arXiv 1609.05473).

The generator is a policy, a text an episode, the discriminator's probability its reward; what a
token is worth is estimated by completing its prefix N times (Monte Carlo search).
"""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.estimators.rollout import rollout_values
from textgan.losses.adversarial import accuracy, minimax_discriminator, texts
from textgan.losses.policy_gradient import Reduction, policy_gradient, tokens
from textgan.losses.regularizers import l2
from textgan.methods.base import Loss, Method, MethodOptions


class PolicyOptions(MethodOptions):
    """What SeqGAN and its controls (``controls.py``) have in common."""

    rollouts: int = Field(default=16, ge=1)
    """Completions of each prefix."""
    reduction: Reduction = "sum"
    """Sum over batch and time, as the official code, or mean over tokens."""
    output_l2: float = Field(default=0.2, ge=0)
    """Weight of the L2 penalty on the discriminator's output layer."""


class SeqGANOptions(PolicyOptions):
    """Policy gradient with Monte Carlo rollouts under a discriminator's probability."""

    name: Literal["seqgan"] = "seqgan"
    """Which method."""


class SeqGAN(Method):
    """Eq. 4 (values), eq. 5 (discriminator) and eq. 8 (policy gradient) of the paper."""

    Options: ClassVar[type[MethodOptions]] = SeqGANOptions
    options: PolicyOptions

    def values(self, fake: Sequences) -> Tensor:
        """Q_t of every token under the discriminator: (B, T)."""
        return rollout_values(
            self.generator, self.discriminator.probability, fake, self.options.rollouts
        )

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        values = self.values(fake)
        # The policy that sampled had its dropout off: so has the one whose gradient is taken.
        with runtime.evaluating(self.generator):
            log_prob = self.generator.log_prob(fake)
        total = policy_gradient(log_prob, values, fake.mask, self.options.reduction)
        n = tokens(fake.mask)
        return Loss(
            total,
            {
                "g_loss": runtime.global_sum(total),
                "reward": runtime.global_sum(values * fake.mask) / n,
                "entropy": -runtime.global_sum(log_prob) / n,
            },
            terms=n if self.options.reduction == "mean" else None,
        )

    def discriminator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        # One pass for both: the fewer and larger its matrix products, the faster it is.
        width = max(real.ids.shape[1], fake.ids.shape[1])
        both = Sequences.cat([real.plain(width), fake.plain(width)])
        d_real, d_fake = self.discriminator(both).split([len(real), len(fake)])
        loss = minimax_discriminator(d_real, d_fake)
        penalty = self.options.output_l2 * l2(self.discriminator.output_parameters())
        total = loss + runtime.once(penalty)
        return Loss(
            total,
            {"d_loss": runtime.global_sum(loss), "d_accuracy": accuracy(d_real, d_fake)},
            terms=texts(d_real, d_fake),
        )
