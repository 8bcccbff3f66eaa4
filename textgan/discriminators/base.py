"""What every discriminator is: texts in, logits of "this is real" out."""

from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel

from textgan import runtime
from textgan.data.sequences import Sequences


class DiscriminatorOptions(BaseModel):
    """What all discriminators' options have in common; ``name`` says which one it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str


class DiscriminatorConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Vocabulary size, and the options of the recipe's ``discriminator`` section."""

    model_type = "textgan_discriminator"

    vocab_size: int = 0
    options: dict[str, Any] | None = None


class Discriminator(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A judge of texts: word vectors, features, dropout, a linear output.

    A subclass gives ``embedding``, ``features``, ``dropout`` and ``output``.
    """

    Options: ClassVar[type[DiscriminatorOptions]]
    config: DiscriminatorConfig
    config_class: type[DiscriminatorConfig]
    embedding: nn.Embedding
    dropout: nn.Dropout
    output: nn.Linear
    row_bytes: int
    """Memory that one text takes on its way through, in bytes (about)."""

    def embed(self, s: Sequences) -> Tensor:
        """Ids and relaxed one-hots through one embedding, zero at padding: (B, T, E)."""
        table = self.embedding.weight
        embedded = self.embedding(s.ids) if s.soft is None else s.soft @ table
        return embedded * s.mask[..., None]

    def features(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """(B, F): what matching, leaking and ranking read.

        Every ``copies`` texts in a row begin with the same ``prefix`` tokens: what depends on
        these alone may be computed once, nothing else changes.
        """
        raise NotImplementedError

    def head(self, features: Tensor) -> Tensor:
        """(B, F) -> logits (B,)."""
        logits: Tensor = self.output(self.dropout(features)).squeeze(1)
        return logits

    def output_parameters(self) -> list[Tensor]:
        """The output layer's weights, for penalties on them."""
        return [self.output.weight, self.output.bias]

    def forward(self, s: Sequences) -> Tensor:
        """Logits d (B,); the probability that a text is real is sigmoid(d)."""
        return self.head(self.features(s))

    @torch.no_grad()
    def probability(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """D = sigmoid(d) in [0, 1], (B,), dropout off, no gradient: the reward of a text.

        ``prefix`` and ``copies`` as in ``features``.
        """
        texts = max(1, runtime.rows_at_once(self.row_bytes, s.ids.device) // copies)
        with runtime.evaluating(self):
            logits = [
                self.head(self.features(s[rows], prefix, copies))
                for rows in runtime.chunks(len(s), texts * copies)
            ]
        return torch.sigmoid(torch.cat(logits))
