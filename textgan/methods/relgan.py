"""RelGAN: Relational Generative Adversarial Networks for Text Generation (Nie et al., ICLR 2019).

A relational memory writes (generators/relational_memory.py), Gumbel-softmax lets the gradient
through, and a CNN reads each text in R representations (discriminators/multi_representation.py):

    y_t = softmax(beta (o_t + g_t)),  g_t = -log(-log u),  the next input is argmax(o_t + g_t)
    L_D = (1/R) sum_r softplus(d_r(y) - d_r(x)),  L_G = (1/R) sum_r softplus(d_r(x) - d_r(y))
    beta = beta_max^(n / N), step n of N

beta_max is 1 / final_temperature, and N is horizon times the phase's length.
"""

from typing import ClassVar, Literal

from pydantic import Field

from textgan.losses.adversarial import LossName
from textgan.methods.base import MethodOptions
from textgan.methods.soft import SoftGame, SoftOptions


class RelGANOptions(SoftOptions):
    """A relativistic game over Gumbel-softmax samples that harden as they learn."""

    name: Literal["relgan"] = "relgan"
    """Which method."""
    loss: LossName = "rsgan"
    """The two-player loss."""
    final_temperature: float | None = Field(default=0.01, gt=0)
    """tau at the end, 1 / beta_max; null: it stays."""


class RelGAN(SoftGame):
    """Gumbel-softmax, a relativistic loss, and an inverse temperature that grows exponentially."""

    Options: ClassVar[type[MethodOptions]] = RelGANOptions
