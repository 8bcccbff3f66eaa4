"""A recurrent discriminator, as in GSGAN (arXiv 1611.04051): it reads a text to its end."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from textgan.data.sequences import Sequences
from textgan.data.vectors import VectorOptions
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions


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


class RNNConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a recurrent discriminator."""

    model_type = "textgan_rnn"


class RNNDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """Word vectors, recurrent layers, dropout, one logit from behind the last real token."""

    config_class = RNNConfig
    Options = RNNOptions

    def __init__(self, config: RNNConfig) -> None:
        super().__init__(config)
        o = self.options = RNNOptions.model_validate(config.options)
        network = {"lstm": nn.LSTM, "gru": nn.GRU}[o.cell]
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.recurrent = network(
            o.embedding_size, o.hidden_size, num_layers=o.layers, batch_first=True
        )
        self.dropout = nn.Dropout(o.dropout)
        self.output = nn.Linear(o.hidden_size, 1)
        self.row_bytes = 4 * 32 * o.layers * (o.embedding_size + 8 * o.hidden_size)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Torch's own first weights: uniform within 1 / sqrt(units)."""
        if isinstance(module, nn.Embedding | nn.RNNBase | nn.Linear):
            module.reset_parameters()

    def features(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        outputs, _ = self.recurrent(self.embed(s))
        rows = torch.arange(len(s), device=outputs.device)
        last: Tensor = outputs[rows, s.lengths - 1]
        return last
