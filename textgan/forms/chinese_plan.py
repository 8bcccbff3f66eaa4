"""What a Chinese poem has to be, as tables over tokens, for the machine of ``chinese.py``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from textgan.forms.chinese_patterns import LINES, PARTNER, patterns, tones
from textgan.forms.chinese_words import Lines, Words

Array = np.ndarray
Place = tuple[int, int]
"""Line and column of a character."""

RHYME, CLOSED, FREE = "韵", "c", "·"
"""What a place wants besides 平 and 仄: a character of the rhyme; one that can't be read level."""


@dataclass(frozen=True)
class Plan:
    """A poem's shape and what stands where; V tokens, G groups that it may rhyme by.

    Attributes:
        lines: how many.
        characters: of each.
        marks: the token behind each line; None without one.
        eos: the token that ends a poem.
        verse: (V,) characters that may stand in it.
        level: (V,) those that can be read level.
        oblique: (V,) those that can be read oblique.
        groups: (G, V) those of each group that it may rhyme by; empty if it needn't rhyme.
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
    strict: bool = False
    soft: bool = False
    forced: Mapping[Place, frozenset[int]] = field(default_factory=dict)
    words: Words = field(default_factory=lambda: Words((), ()))
    copied: Lines | None = None

    @cached_property
    def slots(self) -> list[Place | int]:
        """The poem token by token: a place, or the mark that stands there."""
        found: list[Place | int] = []
        for line in range(self.lines):
            found += [(line, column) for column in range(self.characters)]
            mark = self.marks[line]
            found += [] if mark is None else [mark]
        return found

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """The tone patterns that it may have: of strict verse four, else one that asks nothing."""
        return patterns(self.lines) if self.strict else (FREE * self.lines,)

    def wants(self, pattern: str, place: Place) -> str:
        """What a pattern wants at a place: 平, 仄, ? (not the last level one alone), or above."""
        line, column = place
        if column == self.characters - 1 and self.rhymes(pattern[line], line):
            return RHYME
        if not self.strict:
            return FREE
        # A first line that can be read as ending level would be heard as rhyming.
        if column == self.characters - 1 and line == 0:
            return CLOSED
        return tones(pattern[line], self.characters)[column]

    def rhymes(self, kind: str, line: int) -> bool:
        """True if a line of that kind must rhyme."""
        if not len(self.groups):
            return False
        return kind in PARTNER.values() if self.strict else line % 2 == 1

    @cached_property
    def wishes(self) -> dict[str, str]:
        """The tones of every kind of line that is wished for, no fault looked at."""
        if not self.soft:
            return {}
        return {kind: tones(kind, self.characters).replace("?", FREE) for kind in LINES}
