"""Texts of a generator that is reweighted: p(x) ∝ pi(x) e^{d(x)}, by importance sampling.

Shapes: B texts, N candidates for each. d are log-weights, up to a constant a text.
"""

import math

import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator


def effective_sample_size(log_weight: Tensor) -> Tensor:
    """(sum w)² / sum w², from 1 (one candidate has all the weight) to N: (..., N) -> (...)."""
    return 1 / torch.softmax(log_weight, dim=-1).square().sum(dim=-1)


def log_partition(log_weight: Tensor) -> Tensor:
    """log Z, Z = E_pi[e^d], from draws of pi: (..., N) -> (...). Too small on average (Jensen)."""
    return log_weight.logsumexp(dim=-1) - math.log(log_weight.shape[-1])


@torch.no_grad()
def resample(
    generator: Generator,
    discriminator: Discriminator,
    size: int,
    candidates: int,
    *,
    prefix: Tensor | None = None,
    category: Tensor | None = None,
) -> tuple[Sequences, Tensor]:
    """Draw texts of p ∝ pi e^d: of N draws of pi one, with probability softmax(d).

    Residual EBM (Deng et al., arXiv 2004.11714, algorithm 1, without top-k). Each text has N
    candidates of its own, so texts are independent; their law tends to p as N grows, and N = 1 is
    the generator alone.

    Args:
        generator: pi.
        discriminator: d, one logit a text; dropout is off.
        size: B.
        candidates: N.
        prefix: (B N, P) tokens that candidates begin with.
        category: (B N,) their kinds; default: drawn.

    Returns:
        B texts, and the effective sample size of each text's candidates, (B,), of at most N.
    """
    drawn = generator.sample(size * candidates, prefix=prefix, category=category)
    d = discriminator.judge(drawn).view(size, candidates)
    return drawn[chosen(d)], effective_sample_size(d)


def chosen(log_weight: Tensor) -> Tensor:
    """One of each text's candidates by its share of the weight: (B, N) -> (B,) rows of B N."""
    size, candidates = log_weight.shape
    below = torch.softmax(log_weight, dim=1).cumsum(dim=1)[:, :-1]
    place = (below <= runtime.uniform(size, 1, log_weight.device)).sum(dim=1)  # 0 .. N - 1
    return torch.arange(size, device=log_weight.device) * candidates + place
