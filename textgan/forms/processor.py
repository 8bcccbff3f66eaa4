"""A form as a logits processor: ours and transformers' `generate` decode with it alike."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor

from textgan.forms.base import Form, State

KEPT = 2**15
"""Texts whose states are kept."""


class FormProcessor(LogitsProcessor):
    """Adds a form's log factors to the logits.

    Stateless as far as callers see: rows may come in any order and number, as in beam search. What
    it keeps is the state behind each text of late, so that a step reads one token a row.

    Args:
        form: the form.
        skip: tokens that stand before a text: ``<bos>``, and padding on the left.
    """

    def __init__(self, form: Form, skip: Sequence[int]) -> None:
        self.form, self.skip = form, frozenset(skip)
        self.known: OrderedDict[tuple[int, ...], State] = OrderedDict()

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Token ids so far (B, T) and logits (B, V) -> logits (B, V)."""
        # One transfer a step: which tokens a row may take is a matter of tables, not of arithmetic.
        states = [self.state(self.text(row)) for row in input_ids.tolist()]
        known = {state: number for number, state in enumerate(dict.fromkeys(states))}
        factors = torch.stack([self.form.factors(state) for state in known])
        if spare := scores.shape[1] - factors.shape[1]:  # rows of a matrix that mean no token
            factors = torch.nn.functional.pad(factors, (0, spare), value=-torch.inf)
        rows = torch.tensor([known[state] for state in states])
        return scores + factors[rows].to(scores.device, scores.dtype)

    def text(self, row: list[int]) -> tuple[int, ...]:
        """A row without what stands before the text, cut behind its end."""
        begin = next((i for i, token in enumerate(row) if token not in self.skip), len(row))
        end = row.index(self.form.eos, begin) + 1 if self.form.eos in row[begin:] else len(row)
        return tuple(row[begin:end])

    def state(self, text: tuple[int, ...]) -> State:
        """The state behind a text, from that of one token less where that is known."""
        if text not in self.known:
            before = self.known.get(text[:-1]) if text else None
            if before is None:
                state, _ = self.form.after(text)
            else:
                state = self.form.step(before, text[-1])
            self.known[text] = state
            if len(self.known) > KEPT:
                self.known.popitem(last=False)
        return self.known[text]
