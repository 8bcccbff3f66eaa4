"""From what a poet asks for to a form of English verse."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgan.errors import UserError
from textgan.forms.english_conflict import conflict
from textgan.forms.english_fill import places, templates
from textgan.forms.english_machine import EnglishForm
from textgan.forms.english_request import Request
from textgan.forms.english_shape import Line, shape
from textgan.forms.english_vocabulary import Vocabulary
from textgan.forms.options import FormOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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


def opened(request: Request) -> EnglishForm:
    """The form of a request.

    Raises:
        UserError: there is no such poem.
    """
    form = EnglishForm(request.plan)
    if not form.possible:
        raise conflict(request)
    return form
