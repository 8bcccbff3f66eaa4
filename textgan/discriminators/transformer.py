"""A Transformer encoder as a discriminator (Vaswani et al. 2017, arXiv 1706.03762), as BERT and
RoBERTa read a text, and TextGAIL (2004.13796) judges with them: from behind one place in front of
it. With one logit a token it reads forwards only and judges every prefix.
"""

from typing import Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import init
from torch.nn.attention import SDPBackend, sdpa_kernel

from textgan.data.sequences import Sequences
from textgan.data.vectors import VectorOptions
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.discriminators.positions import waves


class TransformerOptions(DiscriminatorOptions, VectorOptions):
    """A discriminator of attention layers."""

    name: Literal["transformer"] = "transformer"
    """Which discriminator."""
    hidden_size: int = Field(default=128, ge=1)
    """Size of a word vector and of every layer."""
    layers: int = Field(default=2, ge=1)
    """Layers, one above the other."""
    heads: int = Field(default=4, ge=1)
    """Attention heads a layer; they divide hidden_size."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of elements dropped while training: attention, layers, features."""
    per_token: bool = False
    """A logit behind every token, which sees no later one, instead of one for the text."""

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of heads {self.heads}"
            )
        return self


class TransformerDiscriminatorConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a Transformer discriminator."""

    model_type = "textgan_transformer_discriminator"


class TransformerDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """Word vectors and places, attention, dropout, a logit a text or a token."""

    config_class = TransformerDiscriminatorConfig
    Options = TransformerOptions

    def __init__(self, config: TransformerDiscriminatorConfig) -> None:
        super().__init__(config)
        o = self.options = TransformerOptions.model_validate(config.options)
        size = o.hidden_size
        self.embedding = nn.Embedding(config.vocab_size, size)
        layer = nn.TransformerEncoderLayer(
            size, o.heads, 4 * size, o.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, o.layers, nn.LayerNorm(size), enable_nested_tensor=False
        )
        if not o.per_token:
            self.front = nn.Parameter(torch.zeros(size))
        self.dropout = nn.Dropout(o.dropout)
        self.output = nn.Linear(size, 1)
        self.row_bytes = 4 * 32 * o.layers * (16 * size + 32 * o.heads)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Word vectors of length one; the rest is as torch's own classes make it."""
        if isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.options.hidden_size**-0.5)

    @property
    def per_token(self) -> bool:
        return self.options.per_token

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        size, width = self.options.hidden_size, embedded.shape[1]
        x, padding, later = embedded * size**0.5 + waves(embedded, size), ~s.mask, None
        if self.per_token:
            later = torch.ones(width, width, dtype=torch.bool, device=x.device).triu(1)
        else:
            x = torch.cat([self.front.expand(len(x), 1, size), x], dim=1)
            padding = F.pad(padding, (1, 0), value=False)
        with sdpa_kernel(SDPBackend.MATH):  # the others have no gradient of a gradient
            tokens: Tensor = self.encoder(x, mask=later, src_key_padding_mask=padding)
        return tokens if self.per_token else tokens[:, 0]
