"""What is asked for of Chinese verse, as the tables of a plan."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from textgan.errors import UserError
from textgan.forms.chinese_plan import Array, Plan
from textgan.forms.chinese_rhyme import BOOKS, Tones, rhyming
from textgan.forms.chinese_shape import shape, word_of
from textgan.forms.chinese_vocabulary import Vocabulary
from textgan.forms.chinese_words import Lines, Word, Words
from textgan.forms.options import FormOptions
from textgan.forms.script import Script, script, simplified
from textgan.forms.xinyun import sounds_like

MOST = 8
"""Words to use: looking ahead takes time and memory for each set of them."""


class Request:
    """What is asked for, of a vocabulary."""

    def __init__(
        self, options: FormOptions, vocabulary: Vocabulary, lines: Sequence[str] = ()
    ) -> None:
        self.options, self.vocabulary, self.texts = options, vocabulary, lines
        self.shape = shape(options)

    def but(self, **changed: Any) -> "Request":
        """The same with other options."""
        options = self.options.model_copy(update=changed)
        return Request(options, self.vocabulary, self.texts)

    @cached_property
    def plan(self) -> Plan:
        """It all as tables."""
        options, vocabulary, shape = self.options, self.vocabulary, self.shape
        marks = [vocabulary.marks[line % 2] for line in range(shape.lines)]
        if vocabulary.between:
            marks[-1] = None
        tones = Tones(BOOKS[options.rhyme_book], vocabulary)
        groups: dict[str, Array] = {}
        if options.form or options.rhyme or options.tones == "strict":
            groups = rhyming(options, tones, self.verse, max(1, shape.lines // 2))
        return Plan(
            lines=shape.lines,
            characters=shape.characters,
            marks=tuple(marks),
            eos=vocabulary.eos,
            verse=self.verse,
            level=tones.level,
            oblique=tones.oblique,
            groups=np.array([*groups.values()], dtype=bool).reshape(-1, vocabulary.size),
            names=tuple(groups),
            strict=options.tones == "strict",
            soft=options.tones == "soft",
            forced=self.forced,
            words=Words(self.use, self.avoid),
            copied=self.copied,
        )

    @cached_property
    def verse(self) -> Array:
        """(V,) the characters that may stand in the poem."""
        found = np.zeros(self.vocabulary.size, dtype=bool)
        found[[*self.vocabulary.ids.values()]] = True
        found[[word[0] for word in self.avoid if len(word) == 1]] = False
        if not found.any():
            raise UserError("--avoid: leaves no character; avoid fewer")
        return found

    @cached_property
    def forced(self) -> dict[int, frozenset[int]]:
        """The tokens that may stand at places where something is prescribed."""
        found: dict[int, frozenset[int]] = {}
        for option, given in self.shape.given.items():
            of = self.script_of(option, "".join(given.values()))
            for place, character in given.items():
                found[place] = frozenset(self.spelt(option, character, of))
        return found

    @cached_property
    def use(self) -> list[list[Word]]:
        """Words to use, each in all its spellings."""
        found = [word_of("use", word) for word in self.options.use]
        for word in found:
            if len(word) > self.shape.characters:
                raise UserError(
                    f"--use: {word} has {len(word)} characters, a line {self.shape.characters}"
                )
        if len(found) > MOST:
            raise UserError(f"--use: {len(found)} words; ask for {MOST} at most")
        return [[*self.spellings("use", word)] for word in dict.fromkeys(found)]

    @cached_property
    def avoid(self) -> list[Word]:
        """Words to avoid, in all their spellings; what can't be written needn't be."""
        found = [word_of("avoid", word) for word in self.options.avoid]
        return [word for text in found for word in self.spellings(None, text)]

    def spellings(self, option: str | None, word: str) -> Iterable[Word]:
        """All ways to write a word; with an option it must be one that can be written."""
        of = self.script_of(option, word)
        return product(*(self.spelt(option, character, of) for character in word))

    def script_of(self, option: str | None, text: str) -> Script | None:
        """The script of a text.

        Raises:
            UserError: it mixes both, and not as the model does.
        """
        found = script(text)
        if option and found == "mixed" and not all(c in self.vocabulary.ids for c in text):
            both = "".join(map(simplified, text))
            raise UserError(f"--{option}: {text} mixes scripts; in simplified script it is {both}")
        return found

    def spelt(self, option: str | None, character: str, of: Script | None) -> list[int]:
        """The tokens that may stand for a character of a text in some script.

        Raises:
            UserError: there are none.
        """
        found = self.vocabulary.spellings(character, of)
        if found or option is None:
            return found
        like = sounds_like(character, self.vocabulary.ids)
        mend = f"it knows {like}, which sounds alike" if like else "take another"
        raise UserError(f"--{option}: this model doesn't know {character}; {mend}")

    @cached_property
    def copied(self) -> Lines | None:
        """The lines of the training text, if they aren't to be copied."""
        if not self.options.new_lines:
            return None
        if not self.texts:
            raise UserError("--new-lines: the text that the model was trained on isn't at hand")
        found = [*self.vocabulary.runs(self.texts, self.shape.characters)]
        return Lines(found) if found else None
