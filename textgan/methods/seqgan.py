"""SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient (Yu et al., arXiv 1609.05473).

The generator is a policy, a text an episode, the discriminator's probability its reward; what a
token is worth is estimated by completing its prefix N times (Monte Carlo search):

    Q_t = (1/N) sum_n D(x_1:t + rollout_n) for t < T, Q_T = D(x)          (eq. 4)
    L_D = -E_real log D(x) - E_fake log(1 - D(x))                         (eq. 5)
    L_G = -sum_t Q_t log pi(x_t | x_<t)                                   (eq. 8)

All three are ``PolicyGradient``'s and ``Game``'s defaults; there is no baseline in the paper.
"""

from typing import ClassVar, Literal

from pydantic import Field

from textgan.methods.base import MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions


class SeqGANOptions(PolicyOptions):
    """Policy gradient with Monte Carlo rollouts under a discriminator's probability."""

    name: Literal["seqgan"] = "seqgan"
    """Which method."""
    output_l2: float = Field(default=0.2, ge=0)
    """Weight of the L2 penalty on the discriminator's output layer."""


class SeqGAN(PolicyGradient):
    """Rewards through rollouts, the discriminator by cross-entropy."""

    Options: ClassVar[type[MethodOptions]] = SeqGANOptions
