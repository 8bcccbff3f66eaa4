"""Log-probabilities of chosen tokens under a softmax over a large vocabulary, in few passes."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

ROWS = 128
"""Rows whose logits are held at once: 128 x 5,000 floats stay in two cores' second-level cache."""


def token_log_prob(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """log softmax(hidden @ weight.T + bias) at the targets.

    Args:
        hidden: (N, H).
        weight: (V, H).
        bias: (V,).
        targets: (N,) token ids.

    Returns:
        (N,) log-probabilities, differentiable once in hidden, weight and bias.

    Memory bounds this: log_softmax and its gradient go over (N, V) nine times where N V is far
    larger than the cache. Here logits live for a few rows only, and what they leave behind is
    their gradient up to one factor a row, which the backward pass feeds to two products.
    """
    log_prob: Tensor = _TokenLogProb.apply(hidden, weight, bias, targets)  # type: ignore[no-untyped-call]
    return log_prob


class _TokenLogProb(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        index = targets[:, None]
        # The bias rides in the products, as a unit that is always 1: to add it is another pass.
        hidden = F.pad(hidden, (0, 1), value=1.0)
        weight = torch.cat([weight, bias[:, None]], dim=1)
        excess = hidden.new_empty(len(hidden), len(weight))
        total = hidden.new_empty(len(hidden), 1)
        log_prob = hidden.new_empty(len(hidden), 1)
        for start in range(0, len(hidden), ROWS):
            rows = slice(start, start + ROWS)
            p = torch.mm(hidden[rows], weight.t(), out=excess[rows])
            chosen, top = p.gather(1, index[rows]), p.amax(dim=1, keepdim=True)
            p.sub_(top).exp_()
            torch.sum(p, dim=1, keepdim=True, out=total[rows])
            torch.sub(chosen - top, total[rows].log(), out=log_prob[rows])
            # softmax less one-hot, times the total
            p.scatter_add_(1, index[rows], -total[rows])
        ctx.save_for_backward(hidden, weight, excess, total)
        return log_prob.squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        hidden, weight, excess, total = ctx.saved_tensors
        weight = weight[:, :-1]
        scale = gradient[:, None] / -total
        scaled = hidden * scale
        d_hidden = hidden.new_empty(len(hidden), weight.shape[1])
        d_weight = hidden.new_zeros(hidden.shape[1], len(weight))
        for start in range(0, len(hidden), ROWS):
            rows = slice(start, start + ROWS)
            torch.mm(excess[rows], weight, out=d_hidden[rows])
            d_weight.addmm_(scaled[rows].t(), excess[rows])
        return d_hidden.mul_(scale), d_weight[:-1].t(), d_weight[-1], None
