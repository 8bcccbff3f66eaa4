"""Words to use and to avoid, and lines not to copy, as small machines over tokens."""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

Word = tuple[int, ...]
"""Tokens, one a character."""


class Words:
    """Which words have been read, a token at a time; a line's end begins anew.

    Its state is the longest beginning of a word that the last tokens are: ``()`` at first.

    Args:
        use: each word in all its spellings; one of them must stand in the poem.
        avoid: none of these may.
    """

    def __init__(self, use: Iterable[Iterable[Word]], avoid: Iterable[Word]) -> None:
        self.use, self.avoid = [tuple(spellings) for spellings in use], tuple(avoid)
        every = [*(word for spellings in self.use for word in spellings), *self.avoid]
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
        if ends & {*self.avoid}:
            return None
        read = sum(1 << i for i, spellings in enumerate(self.use) if ends & {*spellings})
        return max(ends & self.begin, key=len, default=()), read

    def wanted(self, done: int) -> list[Word]:
        """Words still to be used, in all spellings."""
        return [w for i, spellings in enumerate(self.use) if not done >> i & 1 for w in spellings]


class Lines(NamedTuple):
    """Lines as a tree: ``nodes[n]`` are the tokens behind a beginning, and their nodes."""

    nodes: list[dict[int, int]]

    @classmethod
    def of(cls, lines: Iterable[Word]) -> "Lines":
        """A tree of some lines, 0 its root."""
        nodes: list[dict[int, int]] = [{}]
        for line in lines:
            at = 0
            for token in line:
                if token not in nodes[at]:
                    nodes.append({})
                    nodes[at][token] = len(nodes) - 1
                at = nodes[at][token]
        return cls(nodes)
