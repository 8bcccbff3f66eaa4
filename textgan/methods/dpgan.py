"""DP-GAN: Diversity-Promoting GAN (Xu et al., arXiv 1802.01345; EMNLP 2018).

The discriminator is a language model p. What it finds surprising is rewarded, so that a generator
which repeats itself, and which p has soon learnt by heart, earns less than one with something new:

    R(x_t) = -log p(x_t | x_<t)         a word's reward       (discriminator.per_token: true)
    R(x) = (1/T) sum_t R(x_t)           a text's reward       (per_token: false, values: terminal)
    L_D = -E_real R + E_fake R          p is to find real texts surprising, generated ones not
    L_G = -sum_t R_t log pi(x_t | x_<t)

L_D is the table's ``wasserstein`` with R for d: a mean over words, or over texts where R is theirs.
"""

from typing import ClassVar, Literal

from pydantic import Field

from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.discriminators.language_model import LanguageModelDiscriminator
from textgan.errors import UserError
from textgan.generators.base import Generator
from textgan.losses.adversarial import LossName
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions


class DPGANOptions(PolicyOptions):
    """Policy gradient with a language model's surprise as the reward."""

    name: Literal["dpgan"] = "dpgan"
    """Which method."""
    loss: LossName = "wasserstein"
    """The two-player loss, R standing for the logit."""
    reward: Literal["wasserstein"] = "wasserstein"
    """What a text or word earns: R itself."""
    values: Literal["token", "terminal", "rollout"] = "token"
    """What a word is worth: its own reward, and discounted what comes behind it; its text's; or
    the mean over completions."""
    discount: float = Field(default=0.0, ge=0, le=1)
    """Weight of the next word's reward (values: token); 0: every word has its own alone."""


class DPGAN(PolicyGradient):
    """PolicyGradient's losses; the language model's surprise stands where a logit stood."""

    Options: ClassVar[type[MethodOptions]] = DPGANOptions

    def __init__(
        self, options: DPGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        if not isinstance(discriminator, LanguageModelDiscriminator):
            raise UserError(
                "discriminator.name: dpgan's discriminator is a language model; set it to "
                "language_model"
            )
        super().__init__(options, generator, discriminator)

    def discriminator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        loss = super().discriminator_loss(real, fake, progress)
        # Surprise is never negative: the sign says nothing of what is real.
        parts = {name: part for name, part in loss.parts.items() if name != "d_accuracy"}
        return loss._replace(parts=parts)
