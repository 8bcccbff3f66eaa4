"""Distances between the features of real and of generated texts, over the global batch.

Both compare texts of a batch, so that one process counts them (``runtime.once``), while every
process's texts get their gradient.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from textgan import runtime
from textgan.precision import in_fp32


@in_fp32
def mean_distance(real: Tensor, fake: Tensor) -> Tensor:
    """‖E f(real) - E f(fake)‖² (Salimans et al. 2016, 1606.03498, §3.1): (B, ...) -> scalar."""
    distance = runtime.global_mean(real) - runtime.global_mean(fake)
    return runtime.once(distance.square().sum())


@in_fp32
def squared_mmd(real: Tensor, fake: Tensor, bandwidths: Sequence[float]) -> Tensor:
    """‖E φ(real) - E φ(fake)‖² in the space of a Gaussian kernel (Gretton et al. 2012).

        E k(x, x') + E k(y, y') - 2 E k(x, y),  k(x, y) = sum_s exp(-‖x - y‖² / (2 s²))

    Pairs of a text with itself count, as in TextGAN's code: biased, and never negative.

    Args:
        real: (B, ...) features.
        fake: (C, ...).
        bandwidths: s.
    """
    parts = [runtime.gather(part).flatten(1) for part in (real, fake)]
    both, count = torch.cat(parts), len(parts[0])
    squares = both.square().sum(dim=1)
    distance = (squares[:, None] + squares - 2 * both @ both.t()).clamp(min=0)
    kernel = torch.stack([torch.exp(-distance / (2 * s * s)) for s in bandwidths]).sum(dim=0)
    of_real, of_fake = kernel[:count, :count].mean(), kernel[count:, count:].mean()
    return runtime.once(of_real + of_fake - 2 * kernel[:count, count:].mean())
