"""A discriminator of pairs of places, for forms of verse: what rhymes with what, and where.

    d(x) = c + sum_{i<j} sum_h w_h[i, j] <u_h(x_i), u_h(x_j)>

u_h(v): a short vector of token v, w_h[i, j]: how much head h minds that the tokens at the places i
and j are alike in it. It is a factorisation machine (Rendle 2010) whose fields are places, weighted
by pair (Pan et al. 2018, arXiv 1806.03514), several times over. All that it can know of a token is
a few numbers, so that it can't learn texts by heart as a CNN does, and two tokens that it never saw
together are judged by what it knows of each: which is what a rhyme is.

The logit is a sum over tokens, each token's part known from the tokens before it:

    d_j(v | x_<j) = sum_h <sum_{i<j} w_h[i, j] u_h(x_i), u_h(v)>
"""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.nn import init

from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.precision import in_fp32, widened


class PairsOptions(DiscriminatorOptions):
    """A discriminator of pairs of places."""

    name: Literal["pairs"] = "pairs"
    """Which discriminator."""
    length: int = Field(default=32, ge=2)
    """L, the places that it looks at; tokens behind them don't count."""
    heads: int = Field(default=8, ge=1)
    """H, kinds of likeness."""
    head_size: int = Field(default=8, ge=1)
    """K, numbers that a token is in each."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of these numbers dropped while training."""


class PairsConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a discriminator of pairs."""

    model_type = "textgan_pairs"


class PairsDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """One logit a text, a weighted sum over pairs of its tokens."""

    config_class = PairsConfig
    Options = PairsOptions
    every_token = True

    def __init__(self, config: PairsConfig) -> None:
        super().__init__(config)
        o = self.options = PairsOptions.model_validate(config.options)
        self.embedding = nn.Embedding(config.vocab_size, o.heads * o.head_size)
        self.dropout = nn.Dropout(o.dropout)
        self.output = nn.Linear(o.heads * o.length**2, 1)
        self.row_bytes = 4 * (3 * 32 * o.heads * o.head_size + 2 * o.heads * o.length**2)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """All pairs count a little: where both factors of a product are 0, neither learns."""
        if isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=0.3)
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, mean=0.1, std=0.02)
            init.zeros_(module.bias)

    def apart(self, embedded: Tensor) -> Tensor:
        """Word vectors (B, T, H K) -> (B, L, H, K), cut or filled up with zeros."""
        o = self.options
        vectors = F.pad(embedded, (0, 0, 0, o.length - embedded.shape[1]))
        return vectors.view(len(vectors), o.length, o.heads, o.head_size)

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """Likenesses of every place and every later one, 0 of other pairs: (B, H L L)."""
        u = self.apart(self.dropout(embedded))
        return torch.einsum("bihk,bjhk->bhij", u, u).triu(1).flatten(1)

    @in_fp32
    def head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.output(features)
        return logits.squeeze(-1)

    @torch.no_grad()
    def all_tokens(self, s: Sequences) -> Tensor:
        """What each token would add to the logit, at every place, dropout off: (B, T, V)."""
        o = self.options
        weight = self.output.weight.view(o.heads, o.length, o.length).triu(1)
        before = torch.einsum("bihk,hij->bjhk", self.apart(self.embed(s)), weight).flatten(2)
        before = F.pad(before, (0, 0, 0, s.ids.shape[1] - o.length))  # cut, or filled up
        return widened(before @ self.embedding.weight.t())
