"""Words to use and to avoid, and lines not to copy, as small machines over tokens."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

Word = tuple[int, ...]
"""Tokens, one a character."""
Node = tuple[int, int, int]
"""A beginning of lines: the first and the last but one that begin so, and its characters."""


class Words:
    """Which words have been read, a token at a time; a line's end begins anew.

    Its state is the longest beginning of a word that the last tokens are: ``()`` at first.

    Args:
        use: each word in all its spellings; one of them must stand in the poem.
        avoid: none of these may.
    """

    def __init__(self, use: Iterable[Iterable[Word]] = (), avoid: Iterable[Word] = ()) -> None:
        self.use, self.avoid = [frozenset(spellings) for spellings in use], frozenset(avoid)
        every = self.avoid.union(*self.use)
        self.letters = frozenset(token for word in every for token in word)
        self.begin = frozenset(word[:end] for word in every for end in range(len(word)))
        self.known: dict[tuple[Word, int], tuple[Word, int] | None] = {}

    @cached_property
    def all(self) -> int:
        """Every word to use, a bit each."""
        return (1 << len(self.use)) - 1

    def step(self, state: Word, token: int) -> tuple[Word, int] | None:
        """The state behind a token, and the words that it ends, as bits; None if it mustn't be."""
        if token not in self.letters:
            return (), 0
        if (state, token) not in self.known:
            self.known[state, token] = self._step((*state, token))
        return self.known[state, token]

    def _step(self, text: Word) -> tuple[Word, int] | None:
        ends = {text[start:] for start in range(len(text))}
        if ends & self.avoid:
            return None
        read = sum(1 << i for i, spellings in enumerate(self.use) if ends & spellings)
        return max(ends & self.begin, key=len, default=()), read


class Lines:
    """Lines not to copy, all of one length: what they have at a place behind a beginning.

    Args:
        lines: at least one.
    """

    def __init__(self, lines: Iterable[Word]) -> None:
        self.rows = np.unique(np.array([*lines]), axis=0)  # sorted: a beginning is a run of rows
        self.root: Node = (0, len(self.rows), 0)

    def step(self, node: Node, token: int) -> Node | None:
        """The beginning that is one token longer; None if no line begins so."""
        low, high, column = node
        found = self.rows[low:high, column]
        first, last = (int(np.searchsorted(found, token, side)) for side in ("left", "right"))
        return (low + first, low + last, column + 1) if first < last else None

    def follow(self, node: Node) -> frozenset[int]:
        """The tokens that some line has behind a beginning."""
        low, high, column = node
        return frozenset(np.unique(self.rows[low:high, column]).tolist())

    @cached_property
    def widest(self) -> list[int]:
        """By column: how many tokens follow one beginning, at most."""
        found = []
        for column in range(self.rows.shape[1]):
            more = np.unique(self.rows[:, : column + 1], axis=0)
            _, count = np.unique(more[:, :column], axis=0, return_counts=True)
            found.append(int(count.max()) if column else len(more))
        return found
