"""Log-probabilities of chosen tokens under a softmax over a large vocabulary, in few passes."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from textgan import runtime, threads
from textgan.precision import in_fp32


@in_fp32
def token_log_prob(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, bounded: bool = False
) -> Tensor:
    """log softmax(hidden @ weight.T + bias) at the targets.

    Args:
        hidden: (N, H).
        weight: (V, H).
        bias: (V,).
        targets: (N,) token ids.
        bounded: exp of every logit is a number, so the largest needn't be looked for.

    Returns:
        (N,) log-probabilities, differentiable once in hidden, weight and bias.

    Memory bounds this: log_softmax and its gradient go over (N, V) nine times where N V is far
    larger than the cache. Here logits are worked on a few rows at a time, and what they leave
    behind is their gradient up to one factor a row, which the backward pass feeds to two products.
    Where all of (N, V) would be too much to keep till then, it is worked out once more.
    """
    log_prob: Tensor = _TokenLogProb.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, targets, bounded
    )
    return log_prob


class _TokenLogProb(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, bounded: bool
    ) -> Tensor:
        index = targets[:, None]
        # The bias rides in the products, as a unit that is always 1: to add it is another pass.
        hidden = F.pad(hidden, (0, 1), value=1.0)
        weight = torch.cat([weight, bias[:, None]], dim=1)
        size = 4 * len(hidden) * len(weight)
        kept = size <= runtime.LARGE * runtime.budget(hidden.device)
        excess = hidden.new_empty(len(hidden) if kept else 0, len(weight))
        total = hidden.new_empty(len(hidden), 1)
        log_prob = hidden.new_empty(len(hidden), 1)

        def part(rows: slice) -> None:
            p = _logits(hidden[rows], weight, bounded, excess[rows] if kept else None)
            chosen = p.gather(1, index[rows])
            torch.sum(p.exp_(), dim=1, keepdim=True, out=total[rows])
            torch.sub(chosen, total[rows].log(), out=log_prob[rows])

        few = runtime.rows_in_cache(4 * len(weight), hidden.device)
        threads.each(part, runtime.chunks(len(hidden), few), hidden.device)
        if kept:  # softmax less one-hot, times the total
            excess.scatter_add_(1, index, -total)
        ctx.kept, ctx.bounded = kept, bounded
        ctx.save_for_backward(hidden, weight, excess, total, index)
        return log_prob.squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        hidden, weight, excess, total, index = ctx.saved_tensors
        scale = gradient[:, None] / -total
        if ctx.kept:
            d_hidden = (excess @ weight[:, :-1]).mul_(scale)
            d_weight = (hidden * scale).t() @ excess
            return d_hidden, d_weight[:-1].t(), d_weight[-1], None, None
        d_hidden = torch.empty_like(hidden[:, :-1])
        d_weight = torch.zeros_like(weight.t())
        some = runtime.rows_at_once(4 * len(weight), hidden.device)
        for rows in runtime.chunks(len(hidden), some):
            p = _logits(hidden[rows], weight, ctx.bounded).exp_()
            p.scatter_add_(1, index[rows], -total[rows])
            torch.mul(p @ weight[:, :-1], scale[rows], out=d_hidden[rows])
            d_weight.addmm_((hidden[rows] * scale[rows]).t(), p)
        return d_hidden, d_weight[:-1].t(), d_weight[-1], None, None


def _logits(hidden: Tensor, weight: Tensor, bounded: bool, out: Tensor | None = None) -> Tensor:
    """Logits (rows, V), less the largest of each row unless they are bounded."""
    p = torch.mm(hidden, weight.t(), out=out)
    return p if bounded else p.sub_(p.amax(dim=1, keepdim=True))
