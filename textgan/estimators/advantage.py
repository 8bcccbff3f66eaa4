"""From rewards to advantages: how much better a token did than expected.

Shapes: B texts, T tokens; ``mask`` (B, T) is true at real tokens. Means over the batch are over the
global one.
"""

from typing import Literal

import torch
from torch import Tensor

from textgan import runtime

EPSILON = 1e-4
"""A deviation of this size is none: where a group's is smaller, dividing by it amplifies noise."""
Baseline = Literal[
    "none", "moving_average", "leave_one_out", "group", "group_std", "critic", "prefix"
]


def terminal(reward: Tensor, mask: Tensor) -> Tensor:
    """Every token earns what its text earned: (B,) -> (B, T)."""
    return reward[:, None] * mask


def discounted(rewards: Tensor, mask: Tensor, discount: float) -> Tensor:
    """R_t = sum over s >= t of discount^(s - t) r_s: (B, T) -> (B, T)."""
    columns: list[Tensor] = []
    total = torch.zeros_like(rewards[:, 0])
    for reward in reversed((rewards * mask).unbind(dim=1)):
        total = reward + discount * total
        columns.append(total)
    return torch.stack(columns[::-1], dim=1) * mask


def leave_one_out(values: Tensor, counts: Tensor) -> Tensor:
    """A_i = r_i - mean of the others' r_j (RLOO; Kool et al. 2019, Ahmadian et al. 2402.14740).

    Args:
        values: (B, T), each column a batch of its own.
        counts: (B, T), true where a text takes part; alone it has the baseline 0.

    Returns:
        (B, T), 0 where a text takes no part.
    """
    total, number = _column_sums(values, counts)
    others = (total - values) / (number - 1).clamp(min=1)
    return (values - others) * counts


def over_prefix(values: Tensor, mask: Tensor, every: int = 1) -> Tensor:
    """A_t = Q_t - Q_s, s the longest completed prefix before x_t (VinePPO, 2410.01679): (B, T).

    Q_s comes from completions of its own, which know nothing of x_t: no bias. The empty prefix has
    none: what begins behind it is compared with the other texts.

    Args:
        values: (B, T) of ``rollout_values``, by rollouts at every ``every``-th prefix.
        mask: (B, T).
    """
    start = torch.arange(values.shape[1], device=values.device) // every * every  # s
    before = values[:, (start - 1).clamp(min=0)]
    first = leave_one_out(values[:, :1], mask[:, :1])  # (B, 1)
    return torch.where(start > 0, values - before, first) * mask


def group_relative(values: Tensor, counts: Tensor, std: bool, epsilon: float = EPSILON) -> Tensor:
    """(r - mean) / (std + epsilon), the batch being the group (GRPO, 2402.03300); without ``std``
    r - mean (Dr. GRPO, 2503.20783). Arguments as in ``leave_one_out``.
    """
    total, number = _column_sums(values, counts)
    number = number.clamp(min=1)
    centred = (values - total / number) * counts
    if not std:
        return centred
    squares, _ = _column_sums(centred.square(), counts)
    return centred / ((squares / number).sqrt() + epsilon)


def flat_groups(values: Tensor, counts: Tensor) -> Tensor:
    """Share of groups (columns) whose texts all have one value: a scalar. Arguments as above."""
    several = _column_sums(values, counts)[1] > 1
    squares, number = _column_sums(group_relative(values, counts, std=False).square(), counts)
    flat = (squares / number.clamp(min=1)).sqrt() < EPSILON
    return (flat & several).sum() / several.sum().clamp(min=1)


def spread(values: Tensor, mask: Tensor) -> Tensor:
    """Standard deviation, over the global batch, of texts' mean values: (B, T) -> a scalar."""
    texts = (values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
    texts = runtime.gather(texts.detach())
    return texts.std(correction=0)


def _column_sums(values: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of what takes part and how many do, over the global batch: (T,) each."""
    counted = counts.to(values.dtype)
    both = torch.stack([values.detach() * counted, counted], dim=1)  # (B, 2, T)
    total, number = runtime.gather(both).sum(dim=0)
    return total, number
