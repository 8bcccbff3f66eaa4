"""A folder for what is made from large corpora once: TEXTGAN_CACHE, or ~/.cache/textgan.

Everything in it can be deleted at any time, and is made again.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from textgan.errors import UserError

SMALL = 10_000_000
"""Bytes of files below which a corpus stays in memory and is made anew each time."""
VERSION = 1
"""Of what is stored: another one makes everything anew."""


def home() -> Path:
    """The cache's folder, made if need be.

    Raises:
        UserError: it can't be.
    """
    place = Path(os.environ.get("TEXTGAN_CACHE") or Path.home() / ".cache" / "textgan")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(_unwritable(place, error)) from None
    return place


def entry(key: str, write: Callable[[Path], None], what: str) -> Path:
    """The folder of a key; if there is none, ``write`` fills one beside it, which is then renamed.

    Of two processes that do so at a time each writes its own; the first one's stays.

    Args:
        key: names all that the content depends on.
        write: fills an empty folder.
        what: said on stderr before.

    Raises:
        UserError: the cache can't be written.
    """
    place = home() / key
    if place.is_dir():
        return place
    print(f"corpus: {what} into {place}; once", file=sys.stderr, flush=True)
    new = None
    try:
        new = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=home()))
        write(new)
        for file in filter(Path.is_file, new.rglob("*")):
            with file.open("rb") as written:
                os.fsync(written.fileno())  # what is renamed is whole, also after a power cut
        new.rename(place)
    except OSError as error:
        if not place.is_dir():
            raise UserError(_unwritable(home(), error)) from None
    finally:
        if new:
            shutil.rmtree(new, ignore_errors=True)
    return place


def _unwritable(place: Path, error: OSError) -> str:
    return (
        f"corpus: {place} can't be written ({error.strerror}); name another folder in TEXTGAN_CACHE"
    )


def key(*parts: object) -> str:
    """A short name for all that something depends on."""
    return hashlib.blake2b(repr((VERSION, *parts)).encode(), digest_size=12).hexdigest()


def content(places: Iterable[Path]) -> str:
    """Hexadecimal digits of some files' names and bytes.

    Raises:
        UserError: one can't be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for place in places:
        try:
            with place.open("rb") as file:
                digest.update(hashlib.file_digest(file, hashlib.blake2b).digest())
        except OSError as error:
            raise UserError(f"corpus: '{place}' can't be read: {error.strerror}") from None
    return digest.hexdigest()
