"""What methods with a gradient through sampling have in common, and the switches between them.

A token is relaxed as it is drawn: y = softmax((o + g) / tau) instead of a one-hot, o the logits, g
noise. The discriminator reads y through its word vectors, so its gradient goes back to o:

    L_G = E loss(d(real), d(y)) + weight * distance(E f(real), E f(y))

A paper is a choice of estimator, temperature, loss and distance.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.errors import UserError
from textgan.estimators.gumbel import Estimator, relax
from textgan.generators.base import Generator
from textgan.generators.soft import Feed, sample_soft
from textgan.losses.adversarial import PAIRED, generator_loss, texts
from textgan.losses.matching import mean_distance, squared_mmd
from textgan.methods.base import Loss
from textgan.methods.game import Game, GameOptions


class SoftOptions(GameOptions):
    """How a token lets the gradient through, and what the generator does with it."""

    estimator: Estimator = "gumbel"
    """Gumbel-softmax; straight-through (a one-hot forward); that averaged over draws of the same
    token (rao_blackwell), or to second order (reinmax); or softmax, without noise of its own."""
    feed: Feed = "hard"
    """What the generator reads next: the chosen token's word vector, or the relaxed one's."""
    temperature: float = Field(default=1.0, gt=0)
    """tau at the start of the phase; RelGAN writes beta for 1 / tau."""
    final_temperature: float | None = Field(default=None, gt=0)
    """tau at the end; null: it stays."""
    schedule: Literal["linear", "exponential"] = "exponential"
    """How tau moves from one to the other."""
    horizon: float = Field(default=1.0, gt=0)
    """When tau gets there, in lengths of the phase: 0.5 halfway, more than 1 never."""
    adversarial: float = Field(default=1.0, ge=0)
    """Weight of the two-player loss in the generator's."""
    feature_matching: float = Field(default=0.0, ge=0)
    """Weight of the distance between features of real and of generated texts."""
    matching: Literal["mean", "mmd"] = "mean"
    """That distance: between mean features, or between kernel mean embeddings."""
    bandwidths: list[float] = Field(default=[20.0], min_length=1)
    """Standard deviations of the Gaussian kernels that are summed (matching: mmd)."""


class SoftGame(Game):
    """A game whose generated texts are relaxed."""

    relaxes = True
    options: SoftOptions

    def __init__(
        self, options: SoftOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        if options.estimator == "softmax" and not generator.latent_size:
            raise UserError(
                "method.estimator: 'softmax' draws nothing, all texts would be the same; set "
                "generator.latent_size to 1 or more, or choose 'gumbel'"
            )
        if options.feature_matching and discriminator.per_token:
            raise UserError(
                "method.feature_matching: compares features of texts; set "
                "discriminator.per_token to false"
            )
        if options.loss == "ragan" or options.feature_matching:
            self.couples = (*self.couples, "generator")

    def tau(self, progress: float) -> float:
        """The temperature, a function of progress through the phase alone."""
        o = self.options
        first, last = o.temperature, o.final_temperature or o.temperature
        part = min(1.0, progress / o.horizon)
        if o.schedule == "linear":
            return first + (last - first) * part
        return float(first * (last / first) ** part)

    def play(self, real: Sequences, progress: float) -> Sequences:
        relaxed = relax(self.options.estimator, self.tau(progress))
        return sample_soft(self.generator, len(real), relaxed, self.options.feed)

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        o, total = self.options, fake.ids.new_zeros((), dtype=torch.float32)
        width = max(real.ids.shape[1], fake.ids.shape[1])
        pair = real.plain(width), fake.plain(width)
        with runtime.evaluating(self.discriminator):
            of_fake = self.discriminator.read(self.embedded(fake, width, progress), pair[1])
            d_real = d_fake = self.discriminator.head(of_fake)
            if o.feature_matching or o.loss in PAIRED:
                with torch.no_grad():
                    of_real = self.discriminator.read(self.embedded(real, width, progress), pair[0])
                    d_real = self.discriminator.head(of_real)
        if o.adversarial:
            masks = (pair[0].mask, pair[1].mask) if self.discriminator.per_token else None
            total = total + o.adversarial * generator_loss(o.loss, d_real, d_fake, masks)
        if o.feature_matching:
            total = total + o.feature_matching * self.distance(of_real, of_fake)
        tau = total.new_full((), self.tau(progress))
        return Loss(
            total,
            {"g_loss": runtime.global_sum(total), "temperature": tau},
            terms=texts(d_real, d_fake),
        )

    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        """Between features of real and of generated texts."""
        if self.options.matching == "mean":
            return mean_distance(real, fake)
        return squared_mmd(real, fake, self.options.bandwidths)
