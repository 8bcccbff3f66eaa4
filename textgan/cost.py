"""What masks and choices by weight cost, by the exact weights of all texts that were drawn."""

import math

import torch
from torch import Tensor


class Cost:
    """Sums over texts, so that memory doesn't grow with their number."""

    def __init__(self) -> None:
        self.texts = self.tokens = self.choices = 0
        self.total = self.sizes = 0.0
        self.log_sum = self.log_squares = -math.inf

    def add(self, log_weight: Tensor, tokens: int) -> None:
        """Count texts by their log w (B,), which have so many tokens together."""
        log_weight = log_weight.detach().cpu().double()
        self.texts += len(log_weight)
        self.tokens += tokens
        self.total += float(log_weight.sum())
        self.log_sum = _added(self.log_sum, log_weight)
        self.log_squares = _added(self.log_squares, 2 * log_weight)

    def choose(self, sizes: Tensor) -> None:
        """Count choices by the effective sample size of each one's candidates (B,)."""
        self.choices += len(sizes)
        self.sizes += float(sizes.sum())

    @property
    def per_token(self) -> float:
        """E_q[log q - log pi - log f], nats a token."""
        return -self.total / max(1, self.tokens)

    @property
    def effective(self) -> float:
        """(sum w)² / sum w², from 1 to the number of texts."""
        return math.exp(2 * self.log_sum - self.log_squares)

    @property
    def log_share(self) -> float:
        """log of the mean weight, an estimate of log Z: how rare the form is, left to itself."""
        return self.log_sum - math.log(self.texts)

    @property
    def effective_candidates(self) -> float:
        """Mean effective sample size of a text's candidates: near their number the weights change
        little, near 1 there are too few.
        """
        return self.sizes / max(1, self.choices)

    def of_choices(self, each: int) -> str:
        """A line, of choices among so many candidates."""
        return f"effective sample size: {self.effective_candidates:.1f} of {each} candidates a text"

    def of_masks(self, truncated: bool) -> str:
        """A line; where tokens were truncated too, weights say nothing of what was left out."""
        line = f"masks cost {self.per_token:.2f} nats a token over {self.texts} texts drawn"
        if truncated:
            return line
        digits = -self.log_share / math.log(10)
        rare = f"{math.exp(-self.log_share):,.0f}" if digits < 6 else f"10^{digits:.0f}"
        return (
            f"{line}; effective sample size {self.effective:.1f} of {self.texts}; left to itself "
            f"the model keeps the form about once in {rare} texts"
        )


def _added(log_sum: float, logs: Tensor) -> float:
    """log of a sum and of more terms."""
    return float(torch.logaddexp(torch.tensor(log_sum, dtype=logs.dtype), logs.logsumexp(dim=0)))
