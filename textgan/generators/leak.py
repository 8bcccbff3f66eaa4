"""A frozen copy of a discriminator's eyes, which reads a text token by token.

The features of a prefix are those that the discriminator would see if the text ended there. Largest
responses are running maxima, so a new token adds only the windows that end in it.
"""

from operator import attrgetter
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textgan.features import ConvolutionFeatures, FeatureOptions

LeakState = tuple[Tensor, Tensor, Tensor]
"""The last word vectors (B, W - 1, E), W the widest filter's; the largest responses (B, F); how
many words were read (B,), -1 before ``<bos>``."""


class Leak(nn.Module):
    """Word vectors and convolution of a discriminator, as buffers: saved and moved with whoever
    holds them, never trained.
    """

    def __init__(self, vocabulary: int, options: FeatureOptions) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, options.embedding_size)
        self.convolution = ConvolutionFeatures(
            options.embedding_size, options.widths, options.filters
        )
        self.kinds = list(zip(options.widths, options.filters, strict=True))
        for part in self.modules():
            for name, parameter in list(part.named_parameters(recurse=False)):
                delattr(part, name)
                part.register_buffer(name, parameter.detach())

    @torch.no_grad()
    def copy_from(self, discriminator: nn.Module) -> None:
        """Take on the weights of a discriminator's ``embedding`` and ``convolution``."""
        for name, buffer in self.named_buffers():
            buffer.copy_(attrgetter(name)(discriminator))

    def begin(self, size: int) -> LeakState:
        """The state before ``<bos>``, which is no part of the text."""
        table = self.embedding.weight
        before = max(self.convolution.widths) - 1
        return (
            table.new_zeros(size, before, table.shape[1]),
            table.new_zeros(size, self.convolution.size),
            torch.full((size,), -1, device=table.device),
        )

    @torch.no_grad()
    def forward(self, vectors: Tensor, state: LeakState) -> tuple[Tensor, LeakState]:
        """Word vectors (B, T, E) -> features behind each of them (B, T, F), last state."""
        recent, largest, read = state
        count = read[:, None] + torch.arange(1, 1 + vectors.shape[1], device=read.device)
        whole = torch.cat([recent, vectors], dim=1)
        wide = torch.cat([read.new_full((n,), width) for width, n in self.kinds])  # (F,)
        responses = self.responses(whole, count)
        columns = []
        for response, words in zip(responses.unbind(1), count.unbind(1), strict=True):
            # Up to a filter's width there is one window, filled up with zeros: the whole prefix.
            several = words[:, None] > wide
            largest = torch.where(several, torch.maximum(largest, response), response)
            columns.append(largest)
        bias = torch.cat([cast(Tensor, part.bias) for part in self.convolution.convolutions])
        pooled = F.relu(torch.stack(columns, dim=1) + bias)
        behind = whole[:, vectors.shape[1] :]
        return self.convolution.through_highway(pooled), (behind, largest, count[:, -1])

    def responses(self, whole: Tensor, count: Tensor) -> Tensor:
        """What each filter says to the window that ends in the newest word.

        Args:
            whole: (B, W - 1 + T, E) earlier word vectors and the T new ones.
            count: (B, T) words of the prefix that ends in each new one.

        Returns:
            (B, T, F).
        """
        length = count.shape[1]
        last = torch.arange(length, device=count.device)[:, None] + whole.shape[1] - length
        rows = torch.arange(len(whole), device=count.device)[:, None, None]
        parts = []
        for width, filters in zip(
            self.convolution.widths, self.convolution.convolutions, strict=True
        ):
            first = last + 1 - count.clamp(max=width)[..., None]  # (B, T, 1)
            place = first + torch.arange(width, device=count.device)  # (B, T, width)
            windows = whole[rows, place.clamp(max=whole.shape[1] - 1)]
            windows = windows * (place <= last)[..., None]  # (B, T, width, E)
            parts.append(windows.flatten(2) @ filters.weight.t())  # type: ignore[operator]
        return torch.cat(parts, dim=2)
