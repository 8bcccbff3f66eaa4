"""ScratchGAN: Training Language GANs from Scratch (de Masson d'Autume et al., arXiv 1905.09922).

No likelihood anywhere: the game begins with random weights. The discriminator judges every prefix,
so a token is paid soon after it came, and large batches and a baseline keep the noise down:

    L_D = -mean_t log D(x_t | x_<t) of real texts - mean_t log(1 - D(x_t | x_<t)) of generated ones
    r_t = 2 D(x_t | x_<t) - 1,  R_t = sum_(s >= t) gamma^(s - t) r_s
    L_G = -mean (R_t - b) log pi(x_t | x_<t),  b <- lambda b + (1 - lambda) mean R, lambda = 0.08

All are switches of ``PolicyGradient``; what is here is the choice.
"""

from typing import ClassVar, Literal

from pydantic import Field

from textgan.estimators.advantage import Baseline
from textgan.losses.adversarial import LossName
from textgan.losses.policy_gradient import Reduction
from textgan.methods.base import MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions


class ScratchGANOptions(PolicyOptions):
    """Policy gradient on dense rewards, from random weights."""

    name: Literal["scratchgan"] = "scratchgan"
    """Which method."""
    reward: Literal["probability", "centred"] | LossName = "centred"
    """What a logit d earns: 2 sigmoid(d) - 1 in the paper; the others as in seqgan."""
    values: Literal["token", "all_tokens"] = "token"
    """What a token is worth: the discounted rewards from it on, or its own reward, expected over
    every next token (discriminator: projection)."""
    discount: float = Field(default=0.23, gt=0, le=1)
    """Weight of a reward one token later."""
    baseline: Baseline = "moving_average"
    """What is expected anyway, and subtracted."""
    baseline_decay: float = Field(default=0.08, ge=0, lt=1)
    """Weight of the old moving average, lambda."""
    reduction: Reduction = "mean"
    """Mean over tokens, or sum over batch and time."""


class ScratchGAN(PolicyGradient):
    """Dense rewards with a short horizon, and no pretraining."""

    Options: ClassVar[type[MethodOptions]] = ScratchGANOptions
