"""From what a poet asks for to a form of Chinese verse."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgan.errors import UserError
from textgan.forms.chinese_conflict import conflict
from textgan.forms.chinese_machine import ChineseForm
from textgan.forms.chinese_request import Request
from textgan.forms.chinese_vocabulary import Vocabulary
from textgan.forms.options import FormOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def open_chinese(
    options: FormOptions, tokenizer: "PreTrainedTokenizerBase", lines: Sequence[str]
) -> ChineseForm:
    """The form that is asked for, as a machine over a tokenizer's tokens.

    Args:
        options: what is asked for.
        tokenizer: of single characters.
        lines: training texts, for lines not to copy.

    Raises:
        UserError: it can't be had, what stands in the way, and the nearest that can.
    """
    return opened(options, Vocabulary.of(tokenizer), lines)


def opened(options: FormOptions, vocabulary: Vocabulary, lines: Sequence[str] = ()) -> ChineseForm:
    """The same of a tokenizer that has been read already."""
    for option, value, instead in (
        ("metre", options.metre, "--tones is the like in Chinese"),
        ("syllables", options.syllables, "--form says how many characters a line has"),
    ):
        if value:
            raise UserError(f"--{option}: is for English verse; {instead}")
    request = Request(options, vocabulary, lines)
    form = ChineseForm(request.plan)
    if not form.start().alive:
        raise conflict(request)
    return form
