"""A recurrent discriminator, as in GSGAN (arXiv 1611.04051): it reads a text to its end.

With one logit a token it is ScratchGAN's (1905.09922) and judges every prefix.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from textgan.data.sequences import Sequences
from textgan.data.vectors import VectorOptions
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.discriminators.positions import waves


class RNNOptions(DiscriminatorOptions, VectorOptions):
    """A recurrent discriminator."""

    name: Literal["rnn"] = "rnn"
    """Which discriminator."""
    cell: Literal["lstm", "gru"] = "lstm"
    """Kind of recurrent layer."""
    embedding_size: int = Field(default=64, ge=1)
    """Size of a word vector."""
    hidden_size: int = Field(default=128, ge=1)
    """Units a layer."""
    layers: int = Field(default=1, ge=1)
    """Recurrent layers, one above the other."""
    dropout: float = Field(default=0.25, ge=0, lt=1)
    """Share of features dropped while training."""
    layer_norm: bool = False
    """Normalise what the recurrent layers give, token by token (Ba et al. 2016, 1607.06450)."""
    positions: int = Field(default=0, ge=0)
    """Numbers behind every word vector that say where it stands, as sine waves."""
    per_token: bool = False
    """A logit behind every token, as ScratchGAN has it, instead of one behind the last."""


class RNNConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a recurrent discriminator."""

    model_type = "textgan_rnn"


class RNNDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """Word vectors, recurrent layers, dropout, a logit behind the last token or behind each."""

    config_class = RNNConfig
    Options = RNNOptions

    def __init__(self, config: RNNConfig) -> None:
        super().__init__(config)
        o = self.options = RNNOptions.model_validate(config.options)
        network = {"lstm": nn.LSTM, "gru": nn.GRU}[o.cell]
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.recurrent = network(
            o.embedding_size + o.positions, o.hidden_size, num_layers=o.layers, batch_first=True
        )
        self.norm = nn.LayerNorm(o.hidden_size) if o.layer_norm else nn.Identity()
        self.dropout = nn.Dropout(o.dropout)
        self.output = nn.Linear(o.hidden_size, 1)
        self.row_bytes = 4 * 32 * o.layers * (o.embedding_size + 8 * o.hidden_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Torch's own first weights: uniform within 1 / sqrt(units)."""
        if isinstance(module, nn.Embedding | nn.RNNBase | nn.Linear):
            module.reset_parameters()

    @property
    def per_token(self) -> bool:
        return self.options.per_token

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        if self.options.positions:
            places = waves(embedded, self.options.positions)
            embedded = torch.cat([embedded, places.expand(len(embedded), -1, -1)], dim=2)
        with torch.backends.cudnn.flags(enabled=self.training):  # else it has no gradient
            outputs = self.norm(self.recurrent(embedded)[0])
        if self.per_token:
            tokens: Tensor = outputs
            return tokens
        rows = torch.arange(len(s), device=outputs.device)
        last: Tensor = outputs[rows, s.lengths - 1]
        return last
