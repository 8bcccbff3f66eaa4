"""Logits processors that leave tokens out, and what each text lost by them."""

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList


class Masks(LogitsProcessor):
    """Processors, and the log of the mass that they left at each step of a draw.

    For one draw: ``Generator.complete`` asks for its texts in their order, step by step, maybe a
    few at a time and one batch behind the other, and by that the steps are put together again.

    Args:
        processors: what leaves tokens out.
        eos: the token that ends a text, behind which nothing counts; None: all end alike.
    """

    def __init__(self, processors: LogitsProcessorList, eos: int | None) -> None:
        self.processors, self.eos = processors, eos
        self.asked: list[tuple[int, Tensor]] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Token ids so far, ``<bos>`` first, (B, T) and logits (B, V) -> logits (B, V)."""
        whole = scores.logsumexp(dim=1)
        left: Tensor = self.processors(input_ids, scores)  # type: ignore[arg-type]
        mass = left.logsumexp(dim=1) - whole
        if self.eos is not None:
            mass = mass.masked_fill((input_ids[:, 1:] == self.eos).any(dim=1), 0.0)
        self.asked.append((input_ids.shape[1], mass))
        return left

    def log_mass(self) -> Tensor:
        """The sum over the steps of each text that was drawn: (B,)."""
        batches: list[dict[int, list[Tensor]]] = []
        last = 0
        for width, mass in self.asked:
            if width < last or not batches:
                batches.append({})
            batches[-1].setdefault(width, []).append(mass)
            last = width
        steps = ([torch.cat(some) for some in batch.values()] for batch in batches)
        return torch.cat([torch.stack(each).sum(dim=0) for each in steps])
