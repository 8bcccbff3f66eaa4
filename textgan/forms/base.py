"""What a form of verse is to a decoder: a machine that says which tokens may come next.

A form reads a poem token by token. In each state it gives every token of the vocabulary a factor:
none, where the poem could no longer be finished in its form behind it; else 1, or the weight of
something that is only wished for, as metre is.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable

import torch
from torch import Tensor

State = Hashable
"""What a form knows of a poem so far. Poems of one state go on alike."""


class Form(ABC):
    """A machine over the tokens of one tokenizer.

    Attributes:
        length: tokens of the longest poem, the ``<eos>`` behind it included.
        eos: the token that ends a poem.
        weighted: True if some factors are neither none nor 1.
    """

    length: int
    eos: int
    weighted: bool

    @abstractmethod
    def start(self) -> State:
        """The state before the first token."""

    @abstractmethod
    def step(self, state: State, token: int) -> State:
        """The state behind a token that ``factors`` allowed."""

    @abstractmethod
    def factors(self, state: State) -> Tensor:
        """The log of every token's factor (V,), ``-inf`` where it can't be: kept, don't change it.

        From every state that is reached some token is possible, and ``<eos>`` alone behind the end.
        """

    def after(self, tokens: Iterable[int]) -> tuple[State, float]:
        """The state behind some tokens, and the log of their factors, ``-inf`` if they can't be."""
        state, log = self.start(), 0.0
        for token in tokens:
            factor = float(self.factors(state)[token])
            if factor == -torch.inf:
                return state, factor
            state, log = self.step(state, token), log + factor
        return state, log
