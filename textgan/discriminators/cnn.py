"""SeqGAN's discriminator: a CNN over word vectors with one highway layer (arXiv 1609.05473, §4)."""

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import init

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.data.vectors import VectorOptions
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.features import ConvolutionFeatures, FeatureOptions
from textgan.filter_tables import FilterTables


class CNNOptions(DiscriminatorOptions, VectorOptions, FeatureOptions):
    """A convolutional discriminator; the defaults are SeqGAN's official ones."""

    name: Literal["cnn"] = "cnn"
    """Which discriminator."""
    dropout: float = Field(default=0.25, ge=0, lt=1)
    """Share of features dropped while training."""
    init_std: float = Field(default=0.1, gt=0)
    """Standard deviation of the first weights (truncated normal in the official code)."""
    embedding_range: float = Field(default=1.0, gt=0)
    """First word vectors are uniform between minus this and this."""
    classes: int = Field(default=1, ge=1)
    """Logits a text: 1, or one a class (SentiGAN has k + 1)."""


class CNNConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a CNN discriminator."""

    model_type = "textgan_cnn"


class CNNDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """Word vectors, filters, highway, dropout, one logit a text."""

    config_class = CNNConfig
    Options = CNNOptions

    def __init__(self, config: CNNConfig) -> None:
        super().__init__(config)
        o = self.options = CNNOptions.model_validate(config.options)
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.convolution = ConvolutionFeatures(o.embedding_size, o.widths, o.filters)
        self.dropout = nn.Dropout(o.dropout)
        self.output = nn.Linear(self.convolution.size, o.classes)
        self.row_bytes = 4 * 10 * max(o.widths) * o.embedding_size
        self.tables = FilterTables(self.embedding, self.convolution)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            init.trunc_normal_(module.weight, std=self.options.init_std)
            init.constant_(module.bias, 0.1)
            if module is self.convolution.highway:
                # The gate starts nearly closed, so that features first pass unchanged.
                transform, gate = module.bias.chunk(2)
                init.zeros_(transform)
                init.constant_(gate, -2.0)
        elif isinstance(module, nn.Embedding):
            limit = self.options.embedding_range
            init.uniform_(module.weight, -limit, limit)

    @torch.no_grad()
    def in_parts(
        self, of: Callable[[Sequences, int], Tensor], s: Sequences, copies: int = 1
    ) -> Tensor:
        """As of every discriminator; where there are many rollouts, with tables."""
        if copies == 1 or s.soft is not None or not self.tables.pay(*s.ids.shape):
            return super().in_parts(of, s, copies)
        with runtime.evaluating(self), self.tables.using():
            return super().in_parts(of, s, copies)

    def features(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        if self.tables.used:
            return self.tables.features(s, prefix, copies)
        return super().features(s, prefix, copies)

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        if torch.is_grad_enabled():  # the weights are about to move
            self.tables.forget()
        features: Tensor = self.convolution(embedded, s.lengths, prefix, copies)
        return features
