"""From what a poet asks for to a form of English verse."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from textgan.errors import UserError
from textgan.forms.english_conflict import conflict
from textgan.forms.english_fill import places, templates
from textgan.forms.english_lines import Lines
from textgan.forms.english_machine import EnglishForm
from textgan.forms.english_plan import Plan
from textgan.forms.english_shape import Line, shape
from textgan.forms.english_vocabulary import WORD, Array, Vocabulary
from textgan.forms.options import FormOptions
from textgan.forms.phones import sound

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST = 3
"""Words to use: looking ahead shares them out among the lines in every way."""


def open_english(
    options: FormOptions, tokenizer: "PreTrainedTokenizerBase", lines: Sequence[str] = ()
) -> EnglishForm:
    """The form that is asked for, as a machine over a tokenizer's tokens.

    Args:
        options: what is asked for.
        tokenizer: of words, with a line break.
        lines: training texts, for lines not to copy.

    Raises:
        UserError: it can't be had, and what stands in the way.
    """
    for option, other, instead in (
        ("tones", options.tones != "off", "--metre is the like in English"),
        ("rhyme-book", options.rhyme_book != "pingshui", "leave it out"),
    ):
        if other:
            raise UserError(f"--{option}: is for Chinese verse; {instead}")
    wanted = shape(options)
    vocabulary = Vocabulary.of(tokenizer)
    wanted = filled(wanted, options, vocabulary, tokenizer)
    copied: list[tuple[int, ...]] = []
    if options.new_lines:
        if not lines:
            raise UserError("--new-lines: the text that the model was trained on isn't at hand")
        copied = [*vocabulary.runs(tokenizer, lines)]
    return opened(Request(options, vocabulary, wanted, copied))


def filled(
    lines: tuple[Line, ...],
    options: FormOptions,
    vocabulary: Vocabulary,
    tokenizer: "PreTrainedTokenizerBase",
) -> tuple[Line, ...]:
    """The lines of a shape, with the gaps that are to be filled.

    Their words count, and syllables only if they are asked for.

    Raises:
        UserError: there is something in them that can't be written.
    """
    gaps = [places(text, vocabulary, tokenizer) for text in templates(options.fill)]
    found = [line._replace(places=each) for line, each in zip(lines, gaps, strict=False)]
    if options.form is None and options.syllables is None:
        found = [free(line, vocabulary) for line in found]
    return (*found, *lines[len(found) :])


def free(line: Line, vocabulary: Vocabulary) -> Line:
    """A line with gaps, of any number of syllables."""
    return line._replace(low=1, high=(int(vocabulary.syllables.max()) + 1) * len(line.places))


def opened(request: "Request") -> EnglishForm:
    """The form of a request.

    Raises:
        UserError: there is no such poem.
    """
    form = EnglishForm(request.plan)
    if not form.possible:
        raise conflict(request)
    return form


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


def plain(word: str) -> str:
    """A word as the dictionary writes it."""
    return word.strip().lower().replace("’", "'")


def single(option: str, word: str) -> None:
    """See whether something is one word.

    Raises:
        UserError: it isn't.
    """
    if not WORD.fullmatch(word):
        raise UserError(f"--{option}: {word!r} is no single word; give words one by one")
