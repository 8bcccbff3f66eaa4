"""A small classifier of texts: logistic regression on the words that occur.

A text is the set of its words, as a vector of length one; pairs of words, tried on news_en, add
nothing there. So it can't see the order of words. The loss is convex and is
minimised from 0 on the whole set at once: the same texts give the same classifier, without a seed.

torch is imported inside: it takes seconds, and the other metrics do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from textgan.metrics.base import Tokens, TooFew

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray

STEPS = 100
DECAY = 0.1
"""Weight of half the squared weights beside the sum over texts; .03 is as good on news_en."""


@dataclass(frozen=True)
class Classifier:
    """Texts -> chances of labels."""

    labels: list[str]
    """C names, sorted."""
    words: dict[str, int]
    """V words that the texts had."""
    weight: Tensor
    """(V, C)."""
    bias: Tensor
    """(C,)."""

    def chances(self, texts: Sequence[Tokens]) -> Array:
        """p(label | text): (M, C)."""
        logits = _scores(self.weight, *_bags(texts, self.words)) + self.bias
        return logits.softmax(dim=1).numpy()

    def guesses(self, texts: Sequence[Tokens]) -> list[str]:
        """The likeliest label of each text."""
        return [self.labels[i] for i in self.chances(texts).argmax(axis=1)]


def fit(texts: Sequence[Tokens], labels: Sequence[str]) -> Classifier:
    """Maximum likelihood with a penalty on the weights.

    Raises:
        UserError: fewer than two labels.
    """
    import torch
    from torch.nn import functional

    names = sorted(set(labels))
    if len(names) < 2:
        raise TooFew(f"categories: need texts of at least 2 categories, got {len(names)}")
    words = {word: i for i, word in enumerate(sorted({word for text in texts for word in text}))}
    bags = _bags(texts, words)
    target = torch.tensor([names.index(label) for label in labels])
    weight = torch.zeros(max(1, len(words)), len(names), dtype=torch.float64)
    bias = torch.zeros(len(names), dtype=torch.float64)
    learnt = [weight.requires_grad_(), bias.requires_grad_()]
    solver = torch.optim.LBFGS(learnt, max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        logits = _scores(weight, *bags) + bias
        total = functional.cross_entropy(logits, target, reduction="sum")
        total = (total + DECAY / 2 * weight.square().sum()) / len(texts)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    return Classifier(names, words, weight.detach(), bias.detach())


def _bags(texts: Sequence[Tokens], words: dict[str, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Known words of all texts, where each text's begin, and their shares of it."""
    import torch

    rows = [[words[word] for word in sorted(set(text)) if word in words] for text in texts]
    sizes = torch.tensor([len(row) for row in rows])
    ids = torch.tensor([i for row in rows for i in row], dtype=torch.long)
    return ids, sizes.cumsum(0) - sizes, sizes.double().rsqrt().repeat_interleave(sizes)


def _scores(weight: Tensor, ids: Tensor, begins: Tensor, shares: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.embedding_bag(ids, weight, begins, mode="sum", per_sample_weights=shares)
