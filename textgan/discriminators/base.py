"""What every discriminator is: texts in, logits of "this is real" out."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from transformers import PreTrainedConfig, PreTrainedModel

from textgan import runtime, threads
from textgan.data.sequences import Sequences
from textgan.precision import in_fp32


class DiscriminatorOptions(BaseModel):
    """What all discriminators' options have in common; ``name`` says which one it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    spectral_norm: bool = False
    """Divide every matrix of filters, highway and output by its largest singular value (Miyato et
    al. 2018)."""


class DiscriminatorConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Vocabulary size, and the options of the recipe's ``discriminator`` section."""

    model_type = "textgan_discriminator"

    vocab_size: int = 0
    options: dict[str, Any] | None = None


class Discriminator(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A judge of texts: word vectors, features, dropout, a linear output.

    A subclass gives ``embedding``, ``read``, ``dropout`` and ``output``. Its logits are one a text
    (B,), unless its options ask for one a token (B, T), a representation (B, R) or a class (B, C).
    """

    Options: ClassVar[type[DiscriminatorOptions]]
    config: DiscriminatorConfig
    config_class: type[DiscriminatorConfig]
    embedding: nn.Embedding
    dropout: nn.Dropout
    output: nn.Linear
    row_bytes: int
    """Memory that a text of up to 32 tokens takes on its way through, in bytes (about)."""
    every_token: ClassVar[bool] = False
    """True if it scores every next token (``all_tokens``)."""

    @property
    def per_token(self) -> bool:
        """True if there is a logit a token; then ``Sequences.mask`` says which count."""
        return False

    def all_tokens(self, s: Sequences) -> Tensor:
        """What every token that could have come adds to the logit, or its own logit where there is
        one a token; dropout off, no gradient: (B, T, V).
        """
        raise NotImplementedError

    def post_init(self) -> None:
        """First weights, and then what bounds them."""
        super().post_init()  # type: ignore[no-untyped-call]
        if (self.config.options or {}).get("spectral_norm"):
            for module in [m for m in self.modules() if isinstance(m, nn.Linear)]:
                spectral_norm(module)

    def embed(self, s: Sequences) -> Tensor:
        """Ids and relaxed one-hots through one embedding, zero at padding: (B, T, E)."""
        table = self.embedding.weight
        embedded = self.embedding(s.ids) if s.soft is None else s.soft @ table
        return embedded * s.mask[..., None]

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """Word vectors (B, T, E) of texts -> features (B, F), or (B, T, F) of tokens.

        Every ``copies`` texts in a row begin with the same ``prefix`` tokens: what depends on
        these alone may be computed once, nothing else changes.
        """
        raise NotImplementedError

    def features(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """What matching, leaking and ranking read; ``read`` of the texts' own word vectors."""
        return self.read(self.embed(s), s, prefix, copies)

    @in_fp32
    def head(self, features: Tensor) -> Tensor:
        """(..., F) -> logits (...,), or (..., C) of classes."""
        logits: Tensor = self.output(self.dropout(features))
        return logits.squeeze(-1) if logits.shape[-1] == 1 else logits

    def output_parameters(self) -> list[Tensor]:
        """The output layer's weights, for penalties on them."""
        return [self.output.weight, self.output.bias]

    def forward(self, s: Sequences) -> Tensor:
        """Logits d; the probability that a text is real is sigmoid(d)."""
        return self.head(self.features(s))

    def judge(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """Logits d, dropout off, no gradient, a few texts at a time: what rewards are made of.

        ``prefix`` and ``copies`` as in ``read``.
        """
        return self.in_parts(
            lambda part, together: self.head(self.features(part, prefix, together)), s, copies
        )

    @torch.no_grad()
    def in_parts(
        self, of: Callable[[Sequences, int], Tensor], s: Sequences, copies: int = 1
    ) -> Tensor:
        """A function of texts, dropout off, no gradient, as many texts at a time as memory bears.

        It is told how many of the ``copies`` that begin alike are together: all, if they fit.
        """
        row_bytes = self.row_bytes * max(1, -(-s.ids.shape[1] // 32))
        texts = runtime.rows_at_once(row_bytes, s.ids.device)
        together = max(n for n in range(1, min(copies, texts) + 1) if copies % n == 0)
        texts = threads.shared(len(s), texts, s.ids.device)
        chunks = runtime.chunks(len(s), max(1, texts // together) * together)
        with runtime.evaluating(self):
            parts = threads.each(lambda rows: of(s[rows], together), chunks, s.ids.device)
        return torch.cat(parts)

    def probability(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """D = sigmoid(d) in [0, 1], as ``judge``: SeqGAN's reward of a text."""
        return torch.sigmoid(self.judge(s, prefix, copies))
