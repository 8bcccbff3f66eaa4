"""RankGAN: Adversarial Ranking for Language Generation (Lin et al., arXiv 1705.11001).

The discriminator is a ranker: with features y of a text it says how near that is to a reference u
(real), beside the texts of a comparison set C:

    s(x|u) = cos(y_x, y_u)                                                      (eq. 3)
    P(x|u, C) = exp(gamma s(x|u)) / sum over x' in C + {x} of exp(gamma s(x'|u))  (eq. 4)
    R(x|U, C) = mean over u in U of P(x|u, C)                                   (eq. 5)
    L_D = -E_real log R(x|U, C-) - E_fake log(1 - R(x|U, C+))                   (eq. 2)

C- are the generated texts of the update, C+ the real ones. The generator's reward is R(x|U, C+), a
token's value the mean of that over rollouts, the loss SeqGAN's.
"""

import math
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.losses.adversarial import accuracy
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions
from textgan.precision import in_fp32


class RankGANOptions(PolicyOptions):
    """Policy gradient under a ranker, which has no output layer: penalties have no effect."""

    name: Literal["rankgan"] = "rankgan"
    """Which method."""
    loss: Literal["rank"] = "rank"  # type: ignore[assignment]
    """The two-player loss."""
    reward: Literal["rank"] = "rank"  # type: ignore[assignment]
    """What a text earns: R(x|U, C+)."""
    values: Literal["rollout", "terminal"] = "rollout"
    """What a token is worth: the mean reward of completions of its prefix, or its text's reward."""
    gamma: float = Field(default=1.0, gt=0)
    """Inverse temperature of the ranking: larger values tell the texts of a set further apart."""
    references: int = Field(default=16, ge=1)
    """|U|, taken from the update's real texts, at most half of them; the others are C+."""


class RankGAN(PolicyGradient):
    """A ranker for a discriminator; rewards through rollouts."""

    Options: ClassVar[type[MethodOptions]] = RankGANOptions
    options: RankGANOptions

    def __init__(
        self, options: RankGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        self.couples = self.trains  # C+ and U are the batch's

    def loss(self, player: str, real: Sequences, fake: Sequences, progress: float) -> Loss:
        if player != "discriminator":
            references, compared = self.sets(runtime.gather(self.features(real)))
            self.against = references, self.crowd(compared, references)
        return super().loss(player, real, fake, progress)

    def sets(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Features of all real texts (B, F) -> those of U and of C+ (which are U's if B is 1)."""
        r = self.references(len(y))
        return y[: max(r, 1)], y[r:]

    def references(self, real: int) -> int:
        """How many of so many real texts are references."""
        return min(self.options.references, real // 2)

    # The ranking

    @in_fp32
    def similarity(self, y: Tensor, references: Tensor) -> Tensor:
        """gamma cos: features (B, F), (R, F) -> (B, R)."""
        return self.options.gamma * F.normalize(y, dim=1) @ F.normalize(references, dim=1).t()

    def crowd(self, compared: Tensor, references: Tensor) -> Tensor:
        """log of the sum of exp(gamma s) over a comparison set, by reference: (R,)."""
        return self.similarity(compared, references).logsumexp(dim=0)

    def log_rank(self, y: Tensor, references: Tensor, crowd: Tensor) -> Tensor:
        """log R(x|U, C) from features: (B, F) -> (B,)."""
        own = self.similarity(y, references)
        log_p = own - torch.logaddexp(own, crowd)  # (B, R)
        return log_p.logsumexp(dim=1) - math.log(len(references))

    # Rewards

    def reward(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        return self.log_rank(self.features(s, prefix, copies), *self.against).exp()

    def features(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """Features of texts, as ``Discriminator.judge`` gives their logits."""
        d = self.discriminator
        return d.in_parts(lambda part, together: d.features(part, prefix, together), s, copies)

    # The ranker

    def discriminator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        both, embedded = self.both(real, fake, progress)
        features = self.discriminator.dropout(self.discriminator.read(embedded, both))
        y_real, y_fake = features[: len(real)], features[len(real) :]  # (B, F)
        every_fake = runtime.gather(y_fake)
        references, compared = self.sets(runtime.gather(y_real))
        of_real = self.log_rank(y_real, references, self.crowd(every_fake, references))
        of_fake = self.log_rank(y_fake, references, self.crowd(compared, references))
        start, count = runtime.share(len(real))
        rows = start + torch.arange(len(real), device=y_real.device)
        masks = rows >= self.references(count), torch.ones_like(of_fake)
        loss = runtime.mean(-of_real, masks[0])
        loss = loss - runtime.mean(torch.log1p(-of_fake.exp()), masks[1])
        # By chance a text would have the rank 1 / (|C| + 1).
        beyond = of_real + math.log(len(every_fake) + 1), of_fake + math.log(len(compared) + 1)
        return Loss(
            loss,
            {
                "d_loss": runtime.global_sum(loss),
                "d_accuracy": accuracy(*beyond, masks),
            },
        )
