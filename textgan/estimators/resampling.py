"""Texts of a reweighted generator, p(x) ∝ pi(x) w(x), by importance sampling.

Of N draws of pi one is chosen, with probability softmax(log w). Each text has N candidates of its
own, so texts are independent; their law tends to p as N grows, and N = 1 is pi alone (residual EBM,
Deng et al., arXiv 2004.11714, algorithm 1, without top-k). Shapes: B texts, N candidates for each.
"""

import math

import torch
from torch import Tensor

from textgan import runtime


def effective_sample_size(log_weight: Tensor) -> Tensor:
    """(sum w)² / sum w², from 1 (one candidate has all the weight) to N: (..., N) -> (...)."""
    return 1 / torch.softmax(log_weight, dim=-1).square().sum(dim=-1)


def log_partition(log_weight: Tensor) -> Tensor:
    """log Z, Z = E_pi[e^d], from draws of pi: (..., N) -> (...). Too small on average (Jensen)."""
    return log_weight.logsumexp(dim=-1) - math.log(log_weight.shape[-1])


def chosen(log_weight: Tensor) -> Tensor:
    """One of each text's candidates by its share of the weight: (B, N) -> (B,) rows of B N."""
    size, candidates = log_weight.shape
    below = torch.softmax(log_weight, dim=1).cumsum(dim=1)[:, :-1]
    place = (below <= runtime.uniform(size, 1, log_weight.device)).sum(dim=1)  # 0 .. N - 1
    return torch.arange(size, device=log_weight.device) * candidates + place
