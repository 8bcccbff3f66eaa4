"""Which texts train, validate and test.

Division goes by each text's hash: it doesn't depend on the order of the file, and texts that are
the same word for word never stand in two splits.
"""

import hashlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from textgan.data.files import Unit, read_texts
from textgan.errors import UserError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class CorpusOptions(BaseModel):
    """Where the texts come from and how they are divided."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    path: str = "corpora/poems_en.txt"
    """A text file, or .jsonl with one object a line."""
    unit: Unit = "line"
    """A text is a line, or lines up to a blank one (line breaks are kept)."""
    text_column: str = "text"
    """The field of a .jsonl object that holds the text."""
    validation_path: str | None = None
    """Own validation texts; default: a share of the file."""
    test_path: str | None = None
    """Own test texts; default: a share of the file."""
    validation_share: float = Field(default=0.05, gt=0, lt=0.5)
    """Share of the different texts that validates (at least one)."""
    test_share: float = Field(default=0.05, gt=0, lt=0.5)
    """Share of the different texts that tests (at least one)."""
    max_length: int = Field(default=64, ge=2)
    """Longest text in tokens, its end included; longer ones are cut off."""

    @model_validator(mode="after")
    def _something_left(self) -> "CorpusOptions":
        if self.validation_share + self.test_share >= 0.9:
            raise ValueError("validation_share and test_share leave too little to train on")
        return self

    @property
    def own_files(self) -> dict[Split, str]:
        """The splits that have a file of their own."""
        paths: dict[Split, str | None] = {
            "validation": self.validation_path,
            "test": self.test_path,
        }
        return {split: path for split, path in paths.items() if path}


class Division:
    """The texts of a corpus and their splits; it holds a hash a text, and no text.

    Raises:
        UserError: a file is missing, empty, not UTF-8 or too small.
    """

    def __init__(self, options: CorpusOptions) -> None:
        self.options = options
        self._hashes = self._read_hashes(options.path)
        self._held = _hold_out(options, np.unique(self._hashes))

    def texts(self) -> Iterator[tuple[Split, str]]:
        """Every text, in the order of the files: the corpus's, then those of one split only."""
        for text in self._read(self.options.path):
            yield self._held.get(_hash(text), "train"), text
        for split, path in self.options.own_files.items():
            yield from ((split, text) for text in self._read(path))

    def training(self) -> Iterator[str]:
        """The texts that train."""
        for text in self._read(self.options.path):
            if _hash(text) not in self._held:
                yield text

    def notes(self) -> dict[str, int]:
        """Counts of texts that stand twice."""
        notes = {"texts twice": len(self._hashes) - len(np.unique(self._hashes))}
        for split, path in self.options.own_files.items():
            found = int(np.isin(self._read_hashes(path), self._hashes).sum())
            notes[f"{split} texts that stand in the training file"] = found
        return notes

    def _read(self, path: str) -> Iterator[str]:
        return read_texts(path, self.options.unit, self.options.text_column)

    def _read_hashes(self, path: str) -> np.ndarray:
        return np.fromiter(map(_hash, self._read(path)), dtype=np.uint64)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _hold_out(options: CorpusOptions, different: np.ndarray) -> dict[int, Split]:
    """Hash -> split for the texts that don't train; the smallest hashes test, then validate.

    Args:
        options: the shares.
        different: (N,) the hashes of the different texts, in ascending order.

    Raises:
        UserError: nothing is left to train on.
    """
    held: dict[int, Split] = {}
    start = 0
    shares: dict[Split, float] = {
        "test": options.test_share,
        "validation": options.validation_share,
    }
    for split, share in shares.items():
        if split not in options.own_files:
            count = max(1, round(share * len(different)))
            held |= dict.fromkeys(different[start : start + count].tolist(), split)
            start += count
    if start >= len(different):
        raise UserError(
            f"corpus.path: '{options.path}' has {len(different)} different text(s) (unit: "
            f"{options.unit}), too few to train, validate and test on; add texts"
        )
    return held
