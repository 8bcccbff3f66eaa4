"""Penalties that keep a player from running away."""

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan import runtime
from textgan.precision import in_fp32


def l2(parameters: Iterable[Tensor]) -> Tensor:
    """Half the sum of squares, as TensorFlow's ``l2_loss`` has it: a scalar."""
    return torch.stack([0.5 * parameter.square().sum() for parameter in parameters]).sum()


@in_fp32
def squared_slope(
    judge: Callable[[Tensor], Tensor], points: Tensor, table: Tensor | None = None
) -> Tensor:
    """Squared norm of a judge's gradient at each text's word vectors: (B, T, E) -> (B,).

    Its mean over real texts is twice R1, over generated ones twice R2 (Mescheder et al. 2018,
    1801.04406). Differentiable in the judge's weights.

    With the word vectors' table (V, E) the gradient is by (relaxed) one-hots y, points = y table,
    and differentiable in the table: a judge that scales its word vectors doesn't escape it.
    """
    if table is None or not points.requires_grad:
        points = points.detach().requires_grad_()
    with torch.backends.cudnn.flags(enabled=False):  # it has no gradient of a gradient
        (slope,) = torch.autograd.grad(judge(points).sum(), points, create_graph=True)
    # d/dy = table g, V numbers a token: its square is g' (table' table) g
    by_y = slope if table is None else slope @ (table.t() @ table)
    return (by_y * slope).flatten(1).sum(dim=1)


def gradient_penalty(
    judge: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, table: Tensor | None = None
) -> Tensor:
    """(‖∇ d‖ - 1)² between each real and generated text: (B,) (WGAN-GP, 1704.00028, alg. 1).

    Args:
        judge: word vectors (B, T, E) -> one logit a text (B,).
        real: (B, T, E).
        fake: (B, T, E).
        table: (V, E) word vectors, for the gradient by one-hots; as in ``squared_slope``.
    """
    share = runtime.uniform(len(real), 1, real.device)[..., None]
    between = share * real + (1 - share) * fake
    return ((squared_slope(judge, between, table) + 1e-12).sqrt() - 1).square()


@in_fp32
def largest_singular_value(matrix: Tensor, left: Tensor) -> Tensor:
    """sigma(W), its spectral norm, by one round of power iteration: a scalar with a gradient.

    Args:
        matrix: (U, V).
        left: (U,) an estimate of its left singular vector; takes on a better one. Kept from one
            update to the next it follows the weights (Miyato et al. 2018, 1802.05957, alg. 1).
    """
    with torch.no_grad():
        right = F.normalize(left @ matrix, dim=0)
        better = F.normalize(matrix @ right, dim=0)
        left.copy_(better)
    return better @ matrix @ right


def entropy(log_prob: Tensor) -> Tensor:
    """-sum p log p over the last dimension: logits' log-softmax (..., V) -> (...)."""
    return -(log_prob.exp() * log_prob).sum(dim=-1)
