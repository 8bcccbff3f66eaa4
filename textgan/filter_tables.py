"""What every filter says to every word, worked out once for all texts that are read with it.

A filter of width w over a window of word vectors is a sum of w products, one a word:

    sum_o K_o · e(x_{t+o}),  o = 0 .. w - 1

and K_o · e(x) depends on the word and its place in the window alone. Rollouts read tens of
thousands of texts with the same weights: looked up and added, the products cost a fourth.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.features import ConvolutionFeatures

MOST = 512 << 20
"""Bytes that tables may take."""


class FilterTables:
    """Tables of a convolution's filters, kept for as long as the weights are what they were."""

    def __init__(self, embedding: nn.Embedding, convolution: ConvolutionFeatures) -> None:
        self.embedding, self.convolution = embedding, convolution
        self.numbers = sum(layer.weight.numel() for layer in convolution.filters())
        self.tables: list[Tensor] = []
        self.weights: list[Tensor] = []
        self.used = False
        """True while texts are read by tables."""

    def pay(self, texts: int, width: int) -> bool:
        """True if a batch of texts has more windows than the vocabulary has words, and tables of
        the whole vocabulary aren't too large, on a CPU: an accelerator multiplies faster than it
        looks up.
        """
        words, size = self.embedding.weight.shape
        small = 4 * words * self.numbers // size <= MOST
        return (
            runtime.passes_count(self.embedding.weight.device) and small and texts * width >= words
        )

    def forget(self) -> None:
        """Give the memory back."""
        self.tables, self.weights = [], []

    @contextmanager
    def using(self) -> Iterator[None]:
        """Inside, ``features`` are there for any number of threads; dropout must be off."""
        self.renew()
        self.used = True
        try:
            yield
        finally:
            self.used = False

    @torch.no_grad()
    def renew(self) -> None:
        """Work the tables out again if a weight isn't what it was then.

        Numbers are compared: not every optimizer counts a tensor's version up.
        """
        parts = self.embedding, self.convolution
        weights = list(chain(*((*part.parameters(), *part.buffers()) for part in parts)))
        same = len(weights) == len(self.weights) and all(map(torch.equal, weights, self.weights))
        if not same:
            self.forget()
            self.tables = list(self.worked_out())
            self.weights = [weight.clone() for weight in weights]

    def worked_out(self) -> Iterator[Tensor]:
        """For each width w (V w + 1, F): row v w + o is the o-th summand of a window with word v
        there, and the last one is of padding.
        """
        vectors = self.embedding.weight
        for width, layer in zip(self.convolution.widths, self.convolution.filters(), strict=True):
            kernels = layer.weight.view(-1, width, vectors.shape[1]).permute(2, 1, 0).flatten(1)
            table = vectors.new_zeros(len(vectors) * width + 1, len(layer.weight))
            torch.mm(vectors, kernels, out=table[:-1].view(len(vectors), -1))
            yield table

    @torch.no_grad()
    def features(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """Features of texts, (B, F), as ``ConvolutionFeatures`` has them, without gradient."""
        pooled = [self.pool(s, i, prefix, copies) for i in range(len(self.tables))]
        return self.convolution.through_highway(torch.cat(pooled, dim=1))

    def pool(self, s: Sequences, i: int, prefix: int, copies: int) -> Tensor:
        """The largest response of each filter of the i-th width, rectified: (B, filters)."""
        first = max(0, prefix - self.convolution.widths[i] + 1)
        response = self.response(s.ids[:, first:], s.lengths - first, i)
        if first:
            shared = self.response(s.ids[::copies, :prefix], s.lengths[::copies], i)
            response = torch.maximum(response, shared.repeat_interleave(copies, dim=0))
        return F.relu(response + cast(Tensor, self.convolution.filters()[i].bias))

    def response(self, ids: Tensor, lengths: Tensor, i: int) -> Tensor:
        """The largest sum of each filter of the i-th width over a window: (B, filters)."""
        width, table = self.convolution.widths[i], self.tables[i]
        ids = F.pad(ids, (0, max(0, width - ids.shape[1])))
        starts = torch.arange(ids.shape[1], device=ids.device)
        rows = (ids * width).unfold(1, width, 1) + starts[:width]  # (B, n, w)
        inside = (starts < lengths[:, None]).unfold(1, width, 1)
        rows = torch.where(inside, rows, len(table) - 1)
        summed = F.embedding_bag(rows.flatten(0, 1), table, mode="sum")
        response = summed.view(*rows.shape[:2], -1)  # (B, n, filters)
        outside = starts[: rows.shape[1]] > (lengths - width).clamp(min=0)[:, None]  # (B, n)
        response += response.new_zeros(outside.shape).masked_fill_(outside, -torch.inf)[..., None]
        return response.amax(dim=1)
