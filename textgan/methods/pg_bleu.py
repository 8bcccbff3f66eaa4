"""PG-BLEU: SeqGAN's loss with BLEU as the reward; that paper's baseline (arXiv 1609.05473, §4).

    Q_t = (1/N) sum_n BLEU(x_1:t + rollout_n; R) for t < T, Q_T = BLEU(x; R)
    L_G = -sum_t Q_t log pi(x_t | x_<t)

There is no discriminator. The references R are the real texts of the update, others each time:
nothing has to be collected or saved, and the mean reward is that of a random set of references, as
in Texygen's code (20 training texts drawn anew for every batch).
"""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.estimators.bleu import References
from textgan.generators.base import Generator
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions


class PGBLEUOptions(PolicyOptions):
    """SeqGAN without a discriminator; its loss, smoothing and penalties have no effect."""

    name: Literal["pg_bleu"] = "pg_bleu"
    """Which method."""
    reward: Literal["bleu"] = "bleu"  # type: ignore[assignment]
    """What a text earns."""
    order: int = Field(default=3, ge=1)
    """The longest n-grams that BLEU compares."""
    values: Literal["rollout", "terminal"] = "rollout"
    """What a token is worth: the mean reward of completions of its prefix, or its text's reward."""


class PGBLEU(PolicyGradient):
    """Rewards are BLEU against the real texts of the update."""

    Options: ClassVar[type[MethodOptions]] = PGBLEUOptions
    options: PGBLEUOptions
    trains = ("generator", "critic")

    def __init__(
        self, options: PGBLEUOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        self.couples = self.trains  # the references are the batch's

    def loss(self, player: str, real: Sequences, fake: Sequences, progress: float) -> Loss:
        config = self.generator.config
        ids = runtime.gather(real.plain(config.length).ids)
        self.references = References(
            Sequences(ids, real.eos), config.vocab_size, self.options.order
        )
        return super().loss(player, real, fake, progress)

    def reward(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        return self.references.bleu(s)
