"""Score-function losses: their gradient is an estimate of the expected reward's gradient."""

from typing import Literal

import torch
from torch import Tensor

from textgan import runtime

Reduction = Literal["sum", "mean"]


def policy_gradient(log_prob: Tensor, reward: Tensor, mask: Tensor, reduction: Reduction) -> Tensor:
    """-sum_b sum_t log pi(x_t | x_<t) Q_t over real tokens (Williams 1992, REINFORCE).

    Args:
        log_prob: (B, T), differentiable.
        reward: (B, T), taken as a constant.
        mask: (B, T), padding never counts.
        reduction: ``sum`` over batch and time, as SeqGAN's official code has it (hence its
            learning rate 0.01 with clipping at 5), or ``mean`` over the global batch's tokens.
    """
    total = -(log_prob * reward.detach() * mask).sum()
    return total if reduction == "sum" else total / tokens(mask)


def clipped_ratio(
    log_prob: Tensor,
    old: Tensor,
    advantage: Tensor,
    mask: Tensor,
    clip: float,
    reduction: Reduction,
) -> Tensor:
    """-sum min(rho A, clip(rho, 1 - eps, 1 + eps) A), rho = pi / pi_old a token (PPO, 1707.06347).

    Args:
        log_prob: (B, T), differentiable.
        old: (B, T) under the policy that sampled, its temperature and truncation included.
        advantage: (B, T), taken as a constant.
        mask: (B, T).
        clip: eps.
        reduction: as in ``policy_gradient``.
    """
    ratio = torch.exp((log_prob - old.detach()) * mask)
    advantage = advantage.detach()
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    total = -(gain * mask).sum()
    return total if reduction == "sum" else total / tokens(mask)


def expected_reward(logits: Tensor, rewards: Tensor, mask: Tensor, reduction: Reduction) -> Tensor:
    """-sum_b sum_t sum_v pi(v | x_<t) r(v | x_<t): next tokens are summed over, not drawn.

    Args:
        logits: (B, T, V), differentiable.
        rewards: (B, T, V), taken as a constant.
        mask: (B, T).
        reduction: as in ``policy_gradient``.
    """
    gain = (torch.softmax(logits, dim=2) * rewards.detach()).sum(dim=2)  # (B, T)
    total = -(gain * mask).sum()
    return total if reduction == "sum" else total / tokens(mask)


def negative_log_likelihood(log_prob: Tensor, mask: Tensor) -> Tensor:
    """Mean over the global batch's tokens, ``<eos>`` included, padding not: nats a token."""
    return -(log_prob * mask).sum() / tokens(mask)


def sampled_entropy(log_prob: Tensor, mask: Tensor) -> Tensor:
    """Mean of -log pi over the global batch's tokens, (B, T) -> scalar: of the policy's own draws
    an estimate of its entropy, nats a token.
    """
    return -runtime.global_sum(log_prob * mask) / tokens(mask)


def tokens(mask: Tensor) -> Tensor:
    """How many real tokens the global batch has: a scalar."""
    return runtime.global_sum(mask.float())
