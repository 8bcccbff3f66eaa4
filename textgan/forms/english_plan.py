"""What an English poem has to be, as tables over lines and tokens."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from textgan.forms.english_lines import Lines
from textgan.forms.english_shape import Line
from textgan.forms.english_vocabulary import Array, Vocabulary

Ends = int
"""Ends of lines as bits: bit e is ``Vocabulary.ends[e]``, and the bit above them any word's end."""


class Group(NamedTuple):
    """Words of one number of syllables, which nothing but their ends tells apart."""

    size: int
    ends: Ends
    counts: dict[int, int]
    """How many words have each end, those left out that can't end a line."""


class Want(NamedTuple):
    """What is asked of a word where it stands."""

    initial: str | None = None
    """The letter that it begins with; None asks for none."""
    words: frozenset[int] | None = None
    """Those among which it is; None: any."""

    @property
    def given(self) -> bool:
        """True if there is no choice."""
        return self.words is not None and len(self.words) == 1


@dataclass(frozen=True, eq=False)
class Plan:
    """A poem's lines and what may stand in them.

    Attributes:
        lines: what each must be.
        vocabulary: the words.
        verse: (V,) those that may stand in it.
        use: words that must, each by all its tokens.
        copied: lines that mustn't.
        metre: nats that a syllable out of iambic place costs.
    """

    lines: tuple[Line, ...]
    vocabulary: Vocabulary
    verse: Array
    use: tuple[frozenset[int], ...] = ()
    copied: Lines | None = None
    metre: float = 0.0
    known: dict[Want, dict[int, Group]] = field(default_factory=dict)

    @cached_property
    def bits(self) -> dict[int, int]:
        """The word to use that a token is, as a bit."""
        return {token: 1 << i for i, tokens in enumerate(self.use) for token in tokens}

    @property
    def all(self) -> int:
        """Every word to use, a bit each."""
        return (1 << len(self.use)) - 1

    @property
    def any(self) -> Ends:
        """The bit of any word's end."""
        return 1 << len(self.vocabulary.ends)

    def closes(self, token: int, want: Want) -> bool:
        """True if a word can end a line: it doesn't lean on the next, or is given there."""
        return want.given or not self.vocabulary.leaning[token]

    def ends(self, token: int, want: Want) -> Ends:
        """The ends that a word is where that is asked."""
        return self.any | 1 << int(self.vocabulary.end_of[token]) if self.closes(token, want) else 0

    def fits(self, token: int, want: Want) -> bool:
        """True if a word may stand where that is asked."""
        if want.words is not None and token not in want.words:
            return False
        begins = want.initial is None or self.vocabulary.words[token].startswith(want.initial)
        return begins and bool(self.verse[token])

    def groups(self, want: Want) -> dict[int, Group]:
        """The words that may stand there, but for those to use, by their syllables."""
        if want not in self.known:
            self.known[want] = self._groups(want)
        return self.known[want]

    def _groups(self, want: Want) -> dict[int, Group]:
        sizes: dict[int, int] = {}
        counts: dict[int, dict[int, int]] = {}
        for token in self.vocabulary.words if want.words is None else want.words:
            if token not in self.bits and self.fits(token, want):
                n, end = int(self.vocabulary.syllables[token]), int(self.vocabulary.end_of[token])
                sizes[n], of = sizes.get(n, 0) + 1, counts.setdefault(n, {})
                if self.closes(token, want):
                    of[end] = of.get(end, 0) + 1
        return {n: Group(sizes[n], self.bits_of(of), of) for n, of in sorted(counts.items())}

    def bits_of(self, counts: dict[int, int]) -> Ends:
        """Some ends as bits."""
        return sum(1 << end for end in counts) | (self.any if counts else 0)

    @cached_property
    def rhymes(self) -> list[int]:
        """The rhyme of each end, by its number."""
        number: dict[tuple[str, ...], int] = {}
        return [number.setdefault(end.rhyme, len(number)) for end in self.vocabulary.ends]

    @cached_property
    def ends_of(self) -> list[Ends]:
        """The ends that each rhyme has."""
        found = [0] * (max(self.rhymes, default=-1) + 1)
        for end, rhyme in enumerate(self.rhymes):
            found[rhyme] |= 1 << end
        return found

    def may(self, want: Want) -> Array:
        """(V,) the words that may stand where that is asked."""
        found = np.zeros(self.vocabulary.size, dtype=bool)
        found[[t for t in self.vocabulary.words if self.fits(t, want)]] = True
        return found
