"""What a Chinese poem has to be, as tables over places and tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from textgan.forms.chinese_patterns import FREE, patterns, tones
from textgan.forms.chinese_words import Lines, Words

Array = np.ndarray
LEVEL, OBLIQUE, RESCUED, RHYME = "平", "仄", "?", "韵"
"""What a place may want; ``?`` is level if the place two before it isn't, else free."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A poem's shape and what stands where; V tokens, G groups that it may rhyme by.

    Places are numbered through the poem, marks left out.

    Attributes:
        lines: how many.
        characters: of each.
        marks: the token behind each line; None without one.
        eos: the token that ends a poem.
        verse: (V,) characters that may stand in it.
        level: (V,) those that can be read level.
        oblique: (V,) those that can be read oblique.
        groups: (G, V) those of each group that it may rhyme by; empty if it needn't rhyme.
        names: what these are called.
        strict: regulated verse.
        soft: tones out of place are unlikelier.
        forced: the tokens that may stand at a place.
        words: to use and to avoid.
        copied: lines that mustn't stand in it.
    """

    lines: int
    characters: int
    marks: tuple[int | None, ...]
    eos: int
    verse: Array
    level: Array
    oblique: Array
    groups: Array
    names: tuple[str, ...] = ()
    strict: bool = False
    soft: bool = False
    forced: Mapping[int, frozenset[int]] = field(default_factory=dict)
    words: Words = field(default_factory=Words)
    copied: Lines | None = None

    @property
    def size(self) -> int:
        """Places."""
        return self.lines * self.characters

    @cached_property
    def slots(self) -> list[int | None]:
        """The poem token by token: the mark that stands there; None for a place."""
        found: list[int | None] = []
        for mark in self.marks:
            found += [None] * self.characters + ([] if mark is None else [mark])
        return found

    @cached_property
    def wants(self) -> list[str]:
        """By tone pattern, what each place wants: four patterns of strict verse, else one."""
        every = patterns(self.lines) if self.strict else (FREE * self.lines,)
        return ["".join(map(self._line, kinds, range(self.lines))) for kinds in every]

    def _line(self, kind: str, line: int) -> str:
        found = tones(kind, self.characters) if self.strict else FREE * self.characters
        rhymes = found.endswith(LEVEL) if self.strict else line % 2 == 1
        return found[:-1] + RHYME if rhymes and len(self.groups) else found

    @cached_property
    def wishes(self) -> list[str]:
        """By tone pattern, what each place would be where tones are only wished for."""
        every = patterns(self.lines) if self.soft else ()
        found = ["".join(tones(kind, self.characters) for kind in kinds) for kinds in every]
        return [tones.replace(RESCUED, FREE) for tones in found]

    def may(self, want: str, place: int) -> Array:
        """(V,) the characters that may stand at a place which wants that."""
        of = {LEVEL: self.level, OBLIQUE: self.oblique, FREE: self.verse}
        found = self.verse & (self.groups.any(axis=0) if want == RHYME else of[want])
        return found & among(len(found), self.forced[place]) if place in self.forced else found


def among(size: int, tokens: frozenset[int]) -> Array:
    """(size,) True for some tokens."""
    found = np.zeros(size, dtype=bool)
    found[[*tokens]] = True
    return found
