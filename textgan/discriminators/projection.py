"""A recurrent discriminator that scores all next tokens at once, by one product with its word
vectors: a projection discriminator (Miyato & Koyama 2018, arXiv 1802.05637) whose class is the
next token and whose picture is the prefix.

    d(v | x_<t) = w · (K h_t * e_v) + u · h_t + c

h_t: what a recurrent layer made of the tokens before t; e_v: a word vector; *: element by element.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.data.vectors import VectorOptions
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.precision import widened


class ProjectionOptions(DiscriminatorOptions, VectorOptions):
    """A discriminator of every next token."""

    name: Literal["projection"] = "projection"
    """Which discriminator."""
    cell: Literal["lstm", "gru"] = "lstm"
    """Kind of recurrent layer."""
    embedding_size: int = Field(default=64, ge=1)
    """Size of a word vector."""
    hidden_size: int = Field(default=128, ge=1)
    """Units of the recurrent layer."""
    dropout: float = Field(default=0.25, ge=0, lt=1)
    """Share of features dropped while training."""


class ProjectionConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a projection discriminator."""

    model_type = "textgan_projection"


class ProjectionDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """One logit a token, that of the token that came, or of every token that could have come."""

    config_class = ProjectionConfig
    Options = ProjectionOptions
    every_token = True

    def __init__(self, config: ProjectionConfig) -> None:
        super().__init__(config)
        o = ProjectionOptions.model_validate(config.options)
        network = {"lstm": nn.LSTM, "gru": nn.GRU}[o.cell]
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.recurrent = network(o.embedding_size, o.hidden_size, batch_first=True)
        self.key = nn.Linear(o.hidden_size, o.embedding_size)
        self.dropout = nn.Dropout(o.dropout)
        self.output = nn.Linear(o.embedding_size + o.hidden_size, 1)
        self.row_bytes = 4 * 32 * (3 * o.embedding_size + 9 * o.hidden_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Torch's own first weights: uniform within 1 / sqrt(units)."""
        if isinstance(module, nn.Embedding | nn.RNNBase | nn.Linear):
            module.reset_parameters()

    @property
    def per_token(self) -> bool:
        return True

    def prefixes(self, embedded: Tensor) -> Tensor:
        """Word vectors (B, T, E) -> what was read before each of them, (B, T, H)."""
        before = torch.cat([torch.zeros_like(embedded[:, :1]), embedded[:, :-1]], dim=1)
        with torch.backends.cudnn.flags(enabled=self.training):  # else it has no gradient
            outputs: Tensor = self.recurrent(before)[0]
        return outputs

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        outputs = self.prefixes(embedded)
        return torch.cat([self.key(outputs) * embedded, outputs], dim=2)

    @torch.no_grad()
    def all_tokens(self, s: Sequences) -> Tensor:
        """Logits d(v | x_<t) of every token at every place, dropout off: (B, T, V)."""
        table = self.embedding.weight
        with runtime.evaluating(self):
            outputs = self.prefixes(self.embed(s))
            w, u = self.output.weight[0].tensor_split([table.shape[1]])
            logits = widened((self.key(outputs) * w) @ table.t())
            return logits.add_((outputs @ u + self.output.bias)[..., None])
