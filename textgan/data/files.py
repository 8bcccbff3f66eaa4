"""A file as texts: lines, stanzas or the objects of a .jsonl, one after the other."""

import json
from collections.abc import Iterable, Iterator
from typing import Literal

from textgan.config import find
from textgan.errors import UserError

Unit = Literal["line", "stanza"]


def read_texts(path: str, unit: Unit, column: str) -> Iterator[str]:
    """The texts of a file, blanks around them removed.

    Args:
        path: a text file, or .jsonl with one object a line.
        unit: what a text is in a text file.
        column: the field of a .jsonl object that holds the text.

    Raises:
        UserError: the file is missing, has no text, or a line isn't UTF-8 or JSON.
    """
    lines = _lines(path)
    if path.endswith(".jsonl"):
        texts = _json_texts(path, lines, column)
    elif unit == "stanza":
        texts = _stanzas(lines)
    else:
        texts = (line.strip() for line in lines)
    empty = True
    for text in texts:
        if text:
            empty = False
            yield text
    if empty:
        raise UserError(f"corpus: '{path}' has no text in it; give a file with some")


def _lines(path: str) -> Iterator[str]:
    place = find(path)
    if not place.is_file():
        what = "is a folder" if place.is_dir() else "is not there"
        raise UserError(f"corpus: file '{path}' {what}; give a text file, as in --corpus.path FILE")
    try:
        with place.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    raise UserError(
                        f"corpus: '{path}', line {number}: not UTF-8; save the file as UTF-8"
                    ) from None
    except OSError as error:
        raise UserError(f"corpus: '{path}' can't be read: {error.strerror}") from None


def _stanzas(lines: Iterable[str]) -> Iterator[str]:
    stanza: list[str] = []
    for line in lines:
        if line.strip():
            stanza.append(line.strip())
        elif stanza:
            yield "\n".join(stanza)
            stanza = []
    yield "\n".join(stanza)


def _json_texts(path: str, lines: Iterable[str], column: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row[column], str):
                raise UserError(
                    f"corpus: '{path}', line {number}: field '{column}' is no text; mend the line "
                    "or set corpus.text_column"
                )
            yield row[column].strip()
        except json.JSONDecodeError:
            raise UserError(
                f"corpus: '{path}', line {number}: not JSON; each line must be one object"
            ) from None
        except (KeyError, TypeError):
            has = ", ".join(row) if isinstance(row, dict) else type(row).__name__
            raise UserError(
                f"corpus: '{path}', line {number}: no field '{column}' (it has: {has}); "
                "set corpus.text_column"
            ) from None
