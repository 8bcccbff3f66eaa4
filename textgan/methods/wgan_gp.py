"""WGAN-GP for text: Adversarial Generation of Natural Language (Rajeswar et al., arXiv 1705.10929).

The generator's softmax goes straight into the critic beside real one-hots; no token is drawn, all
chance is in the noise z that a text is made from:

    y_t = softmax(o_t),  the next input is the likeliest token
    L_D = E d(y) - E d(x) + lambda E (‖grad d(x^)‖ - 1)²             (1704.00028, alg. 1)
    x^ = u x + (1 - u) y
    L_G = -E d(y)

The gradient is with respect to the (relaxed) one-hots x^, as it must be: with respect to word
vectors the critic would escape the penalty by scaling its embedding.
"""

from typing import ClassVar, Literal

from pydantic import Field

from textgan.estimators.gumbel import Estimator
from textgan.losses.adversarial import LossName
from textgan.methods.base import MethodOptions
from textgan.methods.soft import SoftGame, SoftOptions


class WGANGPOptions(SoftOptions):
    """A Wasserstein game over softmax outputs."""

    name: Literal["wgan_gp"] = "wgan_gp"
    """Which method."""
    loss: LossName = "wasserstein"
    """The two-player loss."""
    estimator: Estimator = "softmax"
    """How a token lets the gradient through; softmax: without noise of its own."""
    simplex_penalty: float = Field(default=10.0, ge=0)
    """Weight of (norm of the critic's gradient - 1)² between real one-hots and relaxed ones."""


class WGANGP(SoftGame):
    """Softmax outputs straight into a critic whose slope is held near 1."""

    Options: ClassVar[type[MethodOptions]] = WGANGPOptions
