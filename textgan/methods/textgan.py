"""TextGAN: Adversarial Feature Matching for Text Generation (Zhang et al. 2017, arXiv 1706.03850).

Noise z makes a text, tokens are soft-argmax, and the generator matches the distribution of the
discriminator's features f, which must hold z and set real and generated texts apart:

    y_t = softmax(L o_t), the next input is y_t's mean word vector          L = 1 / temperature
    L_MMD = ‖E φ(f(x)) - E φ(f(y))‖²,  φ of a Gaussian kernel
    L_G = L_MMD
    L_D = -E log D(x) - E log(1 - D(y)) + lambda_r E ‖z^(f(y)) - z‖² - lambda_m L_MMD

z^ is a linear layer, a player of its own (``reconstructor``): it minimises the same ‖z^ - z‖².
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.errors import UserError
from textgan.estimators.gumbel import Estimator
from textgan.generators.base import Generator
from textgan.generators.soft import Feed
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.game import average
from textgan.methods.soft import SoftGame, SoftOptions


class TextGANOptions(SoftOptions):
    """Feature matching over soft-argmax samples."""

    name: Literal["textgan"] = "textgan"
    """Which method."""
    estimator: Estimator = "softmax"
    """How a token lets the gradient through; softmax: without noise of its own."""
    feed: Feed = "soft"
    """What the generator reads next: the chosen token's word vector, or the relaxed one's."""
    temperature: float = Field(default=0.001, gt=0)
    """tau, 1 / L."""
    adversarial: float = Field(default=0.0, ge=0)
    """Weight of the two-player loss in the generator's."""
    feature_matching: float = Field(default=1.0, gt=0)
    """Weight of the distance between features of real and of generated texts."""
    matching: Literal["mean", "mmd"] = "mmd"
    """That distance: between mean features, or between kernel mean embeddings."""
    spread: float = Field(default=0.001, ge=0)
    """lambda_m: weight of that distance in the discriminator's loss, which makes it larger."""
    reconstruction: float = Field(default=0.001, ge=0)
    """lambda_r: weight of the squared distance between z and what the features say of it."""


class TextGAN(SoftGame):
    """The generator matches features; the discriminator spreads them and remembers the noise."""

    Options: ClassVar[type[MethodOptions]] = TextGANOptions
    options: TextGANOptions
    trains = ("generator", "discriminator", "reconstructor")

    @classmethod
    def players(cls, options: Any) -> tuple[str, ...]:
        return cls.trains if options.reconstruction else cls.trains[:2]

    def __init__(
        self, options: TextGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        if not generator.latent_size:
            raise UserError(
                "generator.latent_size: textgan makes texts from noise; set it to 1 or more"
            )
        self.couples = ("generator", "discriminator")
        if options.reconstruction:
            any_text = torch.zeros(1, generator.config.length, dtype=torch.long)
            with torch.no_grad(), runtime.evaluating(discriminator):
                features = discriminator.features(Sequences(any_text.to(generator.device), None))
            self.reconstructor = nn.Linear(features.numel(), generator.latent_size)

    def added(self, features: Tensor, real: Sequences, fake: Sequences) -> Tensor:
        o, count = self.options, len(real)
        added = super().added(features, real, fake)
        if o.spread:
            added = added - o.spread * self.distance(features[:count], features[count:])
        if o.reconstruction:
            added = added + o.reconstruction * self.missed(features[count:], fake)
        return added

    def missed(self, features: Tensor, fake: Sequences) -> Tensor:
        """‖z^ - z‖², the mean over texts."""
        found: Tensor = self.reconstructor(features.flatten(1))  # (B, Z)
        assert fake.noise is not None, "texts made of nothing"
        return average((found - fake.noise).square().sum(dim=1))

    def reconstructor_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        """The reconstructor's own share of the discriminator's loss."""
        with torch.no_grad(), runtime.evaluating(self.discriminator):
            features = self.discriminator.features(fake)
        loss = self.missed(features, fake)
        count = runtime.global_sum(torch.ones_like(fake.lengths))
        return Loss(loss, {"reconstruction": runtime.global_sum(loss)}, terms=count)
