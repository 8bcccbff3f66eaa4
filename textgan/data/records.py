"""One text with its label, from an object of a .jsonl or a row of a table."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from textgan.errors import UserError

Unit = Literal["line", "stanza", "document"]


class Text(NamedTuple):
    """A text, and its class where the corpus has classes."""

    text: str
    label: str | None = None


def text_of(
    row: Mapping[str, Any], where: str, unit: Unit, column: str, label: str | None
) -> Text | None:
    """The text that a field holds, and the label in another; None if the field is blank.

    Args:
        row: the fields by name.
        where: what errors call the row.
        unit: a document keeps the white space around it, but for one final newline.
        column: the field with the text.
        label: the field with the label, if there is one.

    Raises:
        UserError: a field is no text, or there is no label.
    """
    text = row[column]
    if not isinstance(text, str):
        raise UserError(
            f"{where}: field '{column}' is no text; mend the line or set corpus.text_column"
        )
    if "\0" in text:
        raise UserError(nul(where))
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise UserError(
            f"{where}: has half of a surrogate pair, which is no character; mend the line"
        )
    text = text.replace("\r\n", "\n").removesuffix("\n") if unit == "document" else text.strip()
    if not text.strip():
        return None
    return Text(text, None if label is None else _label(row.get(label), where, label))


def nul(where: str) -> str:
    """What is said of a NUL byte."""
    return f"{where}: has a NUL byte, so it is damaged or no text; give a file of UTF-8 text"


def _label(value: Any, where: str, label: str) -> str:
    if not isinstance(value, str | int | float) or value in ("", None) or value != value:
        raise UserError(
            f"{where}: no label in '{label}'; give every text one, or leave corpus.label_column out"
        )
    return str(value)
