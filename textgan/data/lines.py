"""Text files and .jsonl, line by line, so that a mistake can be shown where it stands."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from textgan.data.records import Text, Unit, nul, text_of
from textgan.errors import UserError


def lines(place: Path, name: str) -> Iterator[str]:
    """The lines of a file, gzipped or not, without their ends and without a byte order mark.

    Args:
        place: the file.
        name: what errors call it.

    Raises:
        UserError: it can't be read, or a line isn't UTF-8 or has a NUL byte.
    """
    try:
        with gzip.open(place) if place.suffix == ".gz" else place.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield _decode(line, number, name)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UserError(damaged(name)) from None
    except OSError as error:
        raise UserError(f"corpus: '{name}' can't be read: {error.strerror}") from None


def damaged(name: str) -> str:
    """What is said of a compressed file that can't be unpacked."""
    return f"corpus: '{name}' is cut off, or no gzip file; fetch or compress it again"


def _decode(line: bytes, number: int, name: str) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise UserError(
            f"corpus: '{name}', line {number}: not UTF-8; save the file as UTF-8"
        ) from None
    if "\0" in text:
        raise UserError(nul(f"corpus: '{name}', line {number}"))
    return text.rstrip("\r\n")


def plain_texts(found: Iterable[str], unit: Unit) -> Iterator[Text]:
    """The texts of a text file's lines.

    A document is the whole file: blanks and blank lines stay, the one final newline doesn't.
    """
    if unit == "stanza":
        yield from map(Text, _stanzas(found))
    elif unit == "document":
        yield Text("\n".join(found))
    else:
        yield from (Text(line.strip()) for line in found)


def _stanzas(found: Iterable[str]) -> Iterator[str]:
    stanza: list[str] = []
    for line in found:
        if line.strip():
            stanza.append(line.strip())
        elif stanza:
            yield "\n".join(stanza)
            stanza = []
    yield "\n".join(stanza)


def json_texts(
    found: Iterable[str], name: str, unit: Unit, column: str, label: str | None
) -> Iterator[Text]:
    """The texts of one JSON object a line."""
    for number, line in enumerate(found, 1):
        if not line.strip():
            continue
        where = f"corpus: '{name}', line {number}"
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            raise UserError(f"{where}: not JSON; each line must be one object") from None
        if not isinstance(row, dict) or column not in row:
            has = ", ".join(row) if isinstance(row, dict) else type(row).__name__
            raise UserError(f"{where}: no field '{column}' (it has: {has}); set corpus.text_column")
        if text := text_of(row, where, unit, column, label):
            yield text
