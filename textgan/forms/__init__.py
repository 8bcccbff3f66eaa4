"""Forms of verse as logits processors: English by syllables and rhyme, Chinese by tones."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from textgan.errors import UserError
from textgan.forms.chinese_shape import canonical
from textgan.forms.han import HAN
from textgan.forms.options import CHINESE, ENGLISH, FormOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from textgan.forms.base import Form

__all__ = ["FormOptions", "open_form"]


def open_form(
    options: FormOptions, tokenizer: "PreTrainedTokenizerBase", lines: Sequence[str] = ()
) -> "Form":
    """The form that is asked for, as a machine over a tokenizer's tokens.

    Its name says the language; without a name the tokenizer does.

    Args:
        options: what is asked for.
        tokenizer: what the model writes with.
        lines: training texts, for lines not to copy.

    Raises:
        UserError: it can't be had, or there is no such form.
    """
    language = language_of(options.form) if options.form else spoken(tokenizer)
    module = import_module(f"textgan.forms.{language}")  # each brings tables of its own
    opened: Any = getattr(module, f"open_{language}")
    form: Form = opened(options, tokenizer, lines)
    return form


def language_of(name: str) -> str:
    """The language of a form.

    Raises:
        UserError: there is no such form.
    """
    if name.strip().lower() in ENGLISH:
        return "english"
    if canonical(name):
        return "chinese"
    both = ", ".join(f"{form} ({plain})" for plain, form in CHINESE.items())
    raise UserError(f"--form: no {name!r}; there are {', '.join(ENGLISH)}, {both}")


def spoken(tokenizer: "PreTrainedTokenizerBase") -> str:
    """The language that more of a tokenizer's tokens are in."""
    tokens = [token for token in tokenizer.get_vocab() if any(map(str.isalpha, token))]
    return "chinese" if 2 * sum(bool(HAN.search(t)) for t in tokens) > len(tokens) else "english"
