"""A discriminator that learns to tell real texts from generated ones, by any two-player loss."""

from collections.abc import Callable
from typing import Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.losses import regularizers
from textgan.losses.adversarial import ENTROPIC, LossName, accuracy, discriminator_loss, texts
from textgan.methods.base import Loss, Method, MethodOptions


class GameOptions(MethodOptions):
    """The two-player loss and what keeps the discriminator steady."""

    loss: LossName = "minimax"
    """The two-player loss."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """One-sided: real texts have the target 1 minus this (losses that are cross-entropies)."""
    output_l2: float = Field(default=0.0, ge=0)
    """Weight of the L2 penalty on the discriminator's output layer."""
    gradient_penalty: float = Field(default=0.0, ge=0)
    """Weight of (norm of the discriminator's gradient - 1)² between real and generated texts, by
    word vectors. These learn too: scaled, they escape it, r1 and r2, but not simplex_penalty."""
    simplex_penalty: float = Field(default=0.0, ge=0)
    """Weight of the same by one-hots, between real texts' and generated ones', relaxed or not."""
    r1: float = Field(default=0.0, ge=0)
    """Weight of half the squared gradient of the discriminator at real texts."""
    r2: float = Field(default=0.0, ge=0)
    """Weight of half the squared gradient of the discriminator at generated texts."""
    instance_noise: float = Field(default=0.0, ge=0)
    """Normal noise on all word vectors that the discriminator learns from; falls to 0 over the
    phase."""

    @model_validator(mode="after")
    def _smoothing_is_of_a_cross_entropy(self) -> Self:
        if self.label_smoothing and self.loss not in ENTROPIC:
            raise ValueError(
                f"label_smoothing needs a loss with targets ({', '.join(ENTROPIC)}), not "
                f"'{self.loss}'; set it to 0"
            )
        return self


class Game(Method):
    """A method whose discriminator judges texts one by one. A subclass has the generator's loss."""

    options: GameOptions

    def __init__(
        self, options: GameOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        # ragan compares texts; a mean over tokens doesn't fall into the means of a batch's parts
        if options.loss == "ragan" or discriminator.per_token:
            self.couples = (*self.couples, "discriminator")

    def discriminator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        both, embedded = self.both(real, fake, progress)
        features, n = self.discriminator.read(embedded, both), len(real)
        logits = self.discriminator.head(features)
        d_real, d_fake = logits[:n], logits[n:]
        masks = (both.mask[:n], both.mask[n:]) if self.discriminator.per_token else None
        o = self.options
        loss = discriminator_loss(o.loss, d_real, d_fake, o.label_smoothing, masks)
        total = loss + self.penalties(embedded, both, n) + self.added(features, real, fake)
        return Loss(
            total,
            {
                "d_loss": runtime.global_sum(loss),
                "d_accuracy": accuracy(d_real, d_fake, masks),
                **self.told(features[n:]),
            },
            terms=texts(d_real, d_fake),
        )

    def both(self, real: Sequences, fake: Sequences, progress: float) -> tuple[Sequences, Tensor]:
        """Real texts and behind them generated ones, and the word vectors to learn from.

        One pass for both: the fewer and larger its matrix products, the faster it is.
        """
        both = Sequences.joined(real, fake)
        width = both.ids.shape[1]
        return both, torch.cat([self.embedded(s, width, progress) for s in (real, fake)])

    def embedded(self, s: Sequences, width: int, progress: float) -> Tensor:
        """Word vectors of texts, filled up to a width: (B, width, E); noisy, if that is asked."""
        embedded = F.pad(self.discriminator.embed(s), (0, 0, 0, width - s.ids.shape[1]))
        std = self.options.instance_noise * (1 - progress)
        if std:
            noise = runtime.normal(len(embedded), embedded[0].numel(), embedded.device)
            embedded = embedded + std * noise.view_as(embedded)
        return embedded

    def judge(self, embedded: Tensor, s: Sequences) -> Tensor:
        """Logits of texts from their word vectors (B, T, E)."""
        return self.discriminator.head(self.discriminator.read(embedded, s))

    def added(self, features: Tensor, real: Sequences, fake: Sequences) -> Tensor:
        """What a paper adds to the loss; features of the real texts first, then the fake ones'."""
        return features.new_zeros(())

    def told(self, features: Tensor) -> dict[str, Tensor]:
        """What a paper's log shows besides, from the generated texts' features."""
        return {}

    def penalties(self, embedded: Tensor, both: Sequences, count: int) -> Tensor:
        """What is added to the loss; the first ``count`` texts are the real ones."""
        o, total = self.options, embedded.new_zeros(())
        if o.output_l2:
            total = total + o.output_l2 * runtime.once(
                regularizers.l2(self.discriminator.output_parameters())
            )
        # What lies between two texts has no end: every position counts.
        between = self.on(Sequences(both.ids[:count], None))
        vectors = self.discriminator.embedding.weight
        for weight, table in ((o.gradient_penalty, None), (o.simplex_penalty, vectors)):
            if weight:
                ends = embedded[:count], embedded[count:]
                penalty = regularizers.gradient_penalty(between, *ends, table)
                total = total + weight * average(penalty)
        for weight, rows in ((o.r1, slice(count)), (o.r2, slice(count, None))):
            if weight:
                slope = regularizers.squared_slope(self.on(both[rows]), embedded[rows])
                total = total + 0.5 * weight * average(slope)
        return total

    def on(self, s: Sequences) -> Callable[[Tensor], Tensor]:
        """The discriminator as a function of these texts' word vectors."""
        return lambda embedded: self.judge(embedded, s)


def average(values: Tensor) -> Tensor:
    """This process's share of the mean over the global batch."""
    return runtime.mean(values, torch.ones_like(values))
