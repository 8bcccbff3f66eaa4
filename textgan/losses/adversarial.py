"""Losses of the two-player game; d are discriminator logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan import runtime


def minimax_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(real) - log(1 - D(fake)), mean over all texts of both kinds (Goodfellow 2014).

    Args:
        real: (B,) logits of real texts.
        fake: (C,) logits of generated texts.
    """
    loss = F.softplus(-real).sum() + F.softplus(fake).sum()
    return loss / texts(real, fake)


def texts(real: Tensor, fake: Tensor) -> Tensor:
    """How many texts of both kinds the global batch has: a scalar."""
    return runtime.global_sum(torch.ones_like(torch.cat([real, fake])))


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Share of texts the discriminator puts on the right side, over the global batch: a scalar."""
    hits = (real > 0).sum() + (fake <= 0).sum()
    return runtime.global_sum(hits.float()) / texts(real, fake)
