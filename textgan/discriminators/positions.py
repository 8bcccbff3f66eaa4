"""Where a token stands, for networks that can't tell by themselves."""

import math

import torch
from torch import Tensor


def waves(like: Tensor, size: int) -> Tensor:
    """Sine and cosine waves of falling frequency (Vaswani et al. 2017, 1706.03762, §3.5).

    Args:
        like: (B, T, ...), whose positions, device and precision they have.
        size: how many numbers a position gets.

    Returns:
        (T, size); they are computed, so a text may be of any length.
    """
    t = torch.arange(like.shape[1], device=like.device, dtype=like.dtype)
    half = torch.arange(-(-size // 2), device=like.device, dtype=like.dtype)
    angle = t[:, None] * torch.exp(half * (-2 * math.log(10_000) / size))
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :size]
