"""Drawing tokens by inverting the cumulative distribution, one uniform number a token.

torch.multinomial costs 40 times as much on a CPU. The search runs in two levels, over the sums of
blocks and then inside one block: passes over (B, V) are what a draw costs, and a full cumulative
sum, or the division of a softmax, would be one more.
"""

import torch
from torch import Tensor

BLOCK = 64
"""Tokens summed at once: about the root of the vocabulary, whole vector registers."""


def blocks(vocabulary: int) -> int:
    """How many blocks a vocabulary has; the last may be short."""
    return -(-vocabulary // BLOCK)


def weigh_(logits: Tensor, sums: Tensor, bounded: bool = False) -> None:
    """Turn logits (B, V) into weights, in place; their blocks' ``sums`` (B, blocks).

    ``bounded``: exp of every logit is a number, so the largest needn't be looked for.
    """
    if not bounded:
        logits.sub_(logits.amax(dim=1, keepdim=True))
    weight = logits.exp_()
    whole = weight.shape[1] // BLOCK
    sums[:, :whole] = weight[:, : whole * BLOCK].reshape(len(weight), whole, BLOCK).sum(dim=2)
    if whole < sums.shape[1]:
        sums[:, whole] = weight[:, whole * BLOCK :].sum(dim=1)


def pick(weight: Tensor, sums: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """One token a row, its chance the share of its weight.

    Args:
        weight: (B, V).
        sums: (B, blocks) of the weights.
        uniform: (B,) in [0, 1).

    Returns:
        token (B,) and its log-probability (B,).
    """
    final = weight.shape[1] - 1
    above = sums.cumsum(dim=1)
    total = above[:, -1:]
    target = uniform[:, None].to(weight.dtype) * total
    block = torch.searchsorted(above, target, right=True).clamp_(max=sums.shape[1] - 1)
    # Rounding may make the rest negative: a leading token of weight 0 would then be drawn.
    rest = (target - (above - sums).gather(1, block)).clamp_(min=0)
    first = block * BLOCK
    tokens = (first + torch.arange(BLOCK, device=weight.device)).clamp_(max=final)
    inside = weight.gather(1, tokens).cumsum(dim=1)
    # Rounding may point just past the last token that has any weight: step back to it.
    last = torch.searchsorted(inside, inside[:, -1:].contiguous())
    column = torch.minimum(torch.searchsorted(inside, rest, right=True), last)
    token = (first + column).clamp_(max=final)
    log_prob = weight.gather(1, token).div_(total).log_()
    return token.squeeze(1), log_prob.squeeze(1)
