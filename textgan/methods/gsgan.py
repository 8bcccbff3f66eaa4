"""GSGAN: GANs for sequences with the Gumbel-softmax distribution (Kusner & Hernández-Lobato 2016,
arXiv 1611.04051).

An LSTM writes, an LSTM reads; a token is drawn as

    y = softmax((o + g) / tau),  g = -log(-log u)

and y goes on as the next input. tau falls as they learn: large, the gradient has little variance;
small, y is nearly a one-hot. (The toolkit Texygen has a model of this name that adds noise to the
hidden state: that is another one.)
"""

from typing import ClassVar, Literal

from pydantic import Field

from textgan.generators.soft import Feed
from textgan.losses.adversarial import LossName
from textgan.methods.base import MethodOptions
from textgan.methods.soft import SoftGame, SoftOptions


class GSGANOptions(SoftOptions):
    """A game over Gumbel-softmax samples, their temperature falling."""

    name: Literal["gsgan"] = "gsgan"
    """Which method."""
    loss: LossName = "non_saturating"
    """The two-player loss."""
    feed: Feed = "soft"
    """What the generator reads next: the chosen token's word vector, or the relaxed one's."""
    temperature: float = Field(default=5.0, gt=0)
    """tau at the start of the phase."""
    final_temperature: float | None = Field(default=1.0, gt=0)
    """tau at the end; null: it stays."""
    schedule: Literal["linear", "exponential"] = "linear"
    """How tau moves from one to the other."""


class GSGAN(SoftGame):
    """Gumbel-softmax samples that harden as they learn."""

    Options: ClassVar[type[MethodOptions]] = GSGANOptions
