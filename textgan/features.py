"""The features a convolutional discriminator reads off a text (Kim 2014; Zhang & LeCun 2015).

They stand below both players: LeakGAN's discriminator leaks them to its generator.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvolutionFeatures(nn.Module):
    """Filters of several widths over word vectors, the largest response of each, one highway.

    Padding never counts: a text has the same features in a batch of any width. A text shorter
    than a filter is filled up with zeros to that filter's width.
    """

    def __init__(self, embedding_size: int, widths: list[int], filters: list[int]) -> None:
        super().__init__()
        self.widths = widths
        self.convolutions = nn.ModuleList(
            nn.Linear(width * embedding_size, count)
            for width, count in zip(widths, filters, strict=True)
        )
        self.size = sum(filters)
        self.highway = nn.Linear(self.size, 2 * self.size)
        """Transform and gate of the highway layer, one matrix product."""

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Word vectors (B, T, E), zero at padding, and lengths (B,) -> features (B, F)."""
        pooled = torch.cat(
            [self.pool(embedded, lengths, i) for i in range(len(self.widths))], dim=1
        )
        transform, gate = self.highway(pooled).chunk(2, dim=1)
        carry = torch.sigmoid(gate)
        return carry * F.relu(transform) + (1 - carry) * pooled

    def pool(self, embedded: Tensor, lengths: Tensor, i: int) -> Tensor:
        """The largest response of each filter of the i-th width: (B, filters)."""
        width, convolution = self.widths[i], self.convolutions[i]
        embedded = F.pad(embedded, (0, 0, 0, max(0, width - embedded.shape[1])))
        response = F.linear(_Windows.apply(embedded, width), convolution.weight)
        starts = torch.arange(response.shape[1], device=response.device)
        outside = starts > (lengths - width).clamp(min=0)[:, None]
        response = response.masked_fill(outside[..., None], -torch.inf)
        # The bias and the rectifier are monotone: once a text instead of once a window.
        return F.relu(response.amax(dim=1) + convolution.bias)


class _Windows(torch.autograd.Function):
    """(B, T, E) -> (B, T - width + 1, width * E), every run of ``width`` word vectors.

    One copy of whole runs feeds one large GEMM: 125 GFLOP/s where conv1d reaches 90 and conv2d 35.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: int) -> Tensor:
        x = x.contiguous()
        size, length, depth = x.shape
        ctx.width, ctx.shape = width, x.shape
        shape = (size, length - width + 1, width * depth)
        return x.as_strided(shape, (length * depth, depth, 1)).contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        x = gradient.new_zeros(ctx.shape)
        count, depth = gradient.shape[1], ctx.shape[2]
        for offset in range(ctx.width):
            x[:, offset : offset + count] += gradient[
                ..., offset * depth : (offset + 1) * depth
            ]
        return x, None
