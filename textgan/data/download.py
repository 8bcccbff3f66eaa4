"""A public file, over HTTP or from the Hugging Face Hub, as a stream of bytes."""

import json
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import urlopen

from textgan.data.tables import quiet, rows_of, short
from textgan.errors import UserError

TIMEOUT = 30.0
"""Seconds without a byte after which an address is given up."""
SHOWN_SECONDS = 3.0
"""How often a line says how far a file has come."""
BLOCK = 1 << 16


class Failed(Exception):
    """An address, and what is wrong with it, in one line."""


def tell(text: str) -> None:
    """A line for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def fetch(addresses: Iterable[str]) -> Iterator[bytes]:
    """The files at some addresses, one after the other, unpacked.

    What ends in ``.gz`` is unzipped; a ``.json`` is a list of objects, which become lines of a
    .jsonl. Everything else comes as it is.

    Raises:
        Failed: an address doesn't answer, breaks off, or gives something else.
    """
    last = b"\n"
    for address in addresses:
        if not last.endswith(b"\n"):
            yield b"\n"
        try:
            for data in _unpacked(address):
                last = data or last
                yield data
        except (OSError, HTTPException, zlib.error, ValueError) as error:
            raise Failed(f"{address}: {_reason(error)}") from None


def _unpacked(address: str) -> Iterator[bytes]:
    blocks = _blocks(address)
    if address.endswith(".json"):
        rows = json.loads(b"".join(blocks))
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("no list of JSON objects")
        for row in rows:
            yield _json_line({key: _joined(value) for key, value in row.items()})
    elif address.endswith(".gz"):
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        for data in blocks:
            yield gzip.decompress(data)
        if not gzip.eof:
            raise OSError("the file is cut off")
    else:
        yield from blocks


def _blocks(address: str) -> Iterator[bytes]:
    progress = Progress(f"fetching {address}")
    done = 0
    with urlopen(quote(address, safe=":/?&=%#+,@~"), timeout=TIMEOUT) as answer:
        size = int(answer.headers.get("Content-Length") or 0)
        while data := answer.read(BLOCK):
            done += len(data)
            progress.show(f"{100 * done // size}%" if size else f"{done / 1e6:.1f} MB")
            yield data
    if done < size:  # read() takes a broken connection for the end
        raise OSError(f"broke off after {done:,} of {size:,} bytes")


def fetch_from_hub(name: str, split: str, columns: list[str]) -> Iterator[bytes]:
    """Columns of a split of a dataset on the Hugging Face Hub, as lines of a .jsonl.

    Raises:
        Failed: the Hub can't be reached, or has no such dataset or split.
        UserError: it has no such column.
    """
    from datasets import load_dataset  # two seconds to import
    from huggingface_hub import dataset_info

    progress = Progress(f"fetching {name} ({split}) from the Hugging Face Hub")
    try:
        dataset_info(name, timeout=TIMEOUT)  # without a network `datasets` tries for half a minute
        with quiet():
            rows = load_dataset(name, split=split, streaming=True)
            for number, row in enumerate(rows_of(rows, columns, name), 1):
                progress.show(f"{number:,} texts")
                yield _json_line(row)
    except UserError:
        raise
    except Exception as error:  # of several libraries: HTTP, data formats, the Hub's own
        raise Failed(f"Hugging Face Hub, {name}, split {split}: {short(error)}") from None


class Progress:
    """Lines that say how far something has come, not too many."""

    def __init__(self, title: str) -> None:
        self.title, self.shown = title, time.monotonic()
        tell(title)

    def show(self, figure: str) -> None:
        """A line, if there has been none for a while."""
        if time.monotonic() - self.shown >= SHOWN_SECONDS:
            self.shown = time.monotonic()
            tell(f"{self.title}  {figure}")


def _json_line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _joined(value: Any) -> Any:
    """A list of lines as one text."""
    texts = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "\n".join(value) if texts else value


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"{error.code} {error.reason}"
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return f"no answer for {TIMEOUT:g} seconds"
    return getattr(error, "strerror", None) or short(error)
