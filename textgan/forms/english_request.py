"""What is asked for of English verse, as the tables of a plan."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from textgan.errors import UserError
from textgan.forms.english_lines import Lines
from textgan.forms.english_machine import EnglishForm
from textgan.forms.english_plan import Plan
from textgan.forms.english_shape import Line
from textgan.forms.english_vocabulary import WORD, Array, Vocabulary, plain
from textgan.forms.options import FormOptions
from textgan.forms.phones import sound

MOST = 3
"""Words to use: looking ahead shares them out among the lines in every way."""


class Request:
    """What is asked for, of a vocabulary."""

    def __init__(
        self,
        options: FormOptions,
        vocabulary: Vocabulary,
        lines: tuple[Line, ...],
        copied: Sequence[tuple[int, ...]] = (),
    ) -> None:
        self.options, self.vocabulary = options, vocabulary
        self.lines, self.copied = lines, copied

    def but(self, lines: tuple[Line, ...] | None = None, **changed: Any) -> "Request":
        """The same with other options or other lines."""
        options = self.options.model_copy(update=changed)
        copied = self.copied if options.new_lines else ()
        return Request(options, self.vocabulary, lines or self.lines, copied)

    @property
    def possible(self) -> bool:
        """True if there is any such poem."""
        return EnglishForm(self.plan).possible

    @cached_property
    def plan(self) -> Plan:
        """It all as tables."""
        return Plan(
            lines=self.lines,
            vocabulary=self.vocabulary,
            verse=self.verse,
            use=self.use,
            copied=Lines(self.copied) if self.copied else None,
            metre=self.options.metre,
        )

    @cached_property
    def verse(self) -> Array:
        """(V,) the words that may stand in the poem."""
        found = np.zeros(self.vocabulary.size, dtype=bool)
        found[[*self.vocabulary.words]] = True
        for word in map(plain, self.options.avoid):
            single("avoid", word)
            found[self.vocabulary.tokens.get(word, [])] = False
        if not found.any():
            raise UserError("--avoid: leaves no word; avoid fewer")
        return found

    @cached_property
    def use(self) -> tuple[frozenset[int], ...]:
        """The tokens of each word to use."""
        words = [*dict.fromkeys(map(plain, self.options.use))]
        if len(words) > MOST:
            raise UserError(f"--use: {len(words)} words; ask for {MOST} at most")
        return tuple(frozenset(self.spelt(word)) for word in words)

    def spelt(self, word: str) -> list[int]:
        """The tokens of a word to use.

        Raises:
            UserError: there are none that may stand in the poem.
        """
        single("use", word)
        found = [t for t in self.vocabulary.tokens.get(word, []) if self.verse[t]]
        if found:
            return found
        if word in map(plain, self.options.avoid):
            raise UserError(f"--use: {word} is to be avoided, too; choose")
        why = "this model doesn't know it" if sound(word) else "the dictionary hasn't got its sound"
        raise UserError(f"--use: {word}: {why}; take another")


def single(option: str, word: str) -> None:
    """See whether something is one word.

    Raises:
        UserError: it isn't.
    """
    if not WORD.fullmatch(word):
        raise UserError(f"--{option}: {word!r} is no single word; give each its own --{option}")
