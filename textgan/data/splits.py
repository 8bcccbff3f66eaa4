"""Which texts train, validate and test.

Division goes by each text's hash: it doesn't depend on the order of the file, and texts that are
the same word for word never stand in two splits.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from textgan.data import cache, cards
from textgan.data.files import TABLES, files_of, kind, read_texts
from textgan.data.oracle import OracleOptions
from textgan.data.records import Text, Unit
from textgan.errors import UserError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MOST_HELD = 10_000
"""More validate nothing better, and every evaluation waits for them."""
MOST_LABELS = 1000
"""More are no classes but texts, or numbers of rows."""


class CorpusOptions(BaseModel):
    """Where the texts come from and how they are divided."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    card: str | None = None
    """A public corpus: the name of a card in corpora/cards, or a card of yours (.yaml). It is
    fetched once, and says what isn't said here: files, unit, columns."""
    path: str = "corpora/poems_en.txt"
    """A text file, .jsonl, .csv, .tsv or .parquet, also .gz; a folder of such files; or OWNER/NAME
    of a dataset on the Hugging Face Hub."""
    unit: Unit = "line"
    """A text is a line, or lines up to a blank one (line breaks are kept), or a whole file with its
    white space; a document longer than max_length is cut into several texts. A field of a table is
    one text."""
    text_column: str = "text"
    """The column, or field of a .jsonl object, that holds the text."""
    label_column: str | None = None
    """The column, or field of a .jsonl object, that holds the text's class."""
    validation_path: str | None = None
    """Own validation texts; default: a share of the file."""
    test_path: str | None = None
    """Own test texts; default: a share of the file."""
    validation_share: float = Field(default=0.05, gt=0, lt=0.5)
    """Share of the different texts that validates (at least one, at most 10,000
    different ones)."""
    test_share: float = Field(default=0.05, gt=0, lt=0.5)
    """Share of the different texts that tests (at least one, at most 10,000 different
    ones)."""
    max_length: int = Field(default=64, ge=2)
    """Longest text in tokens, its end included; longer ones are cut off
    (documents: cut into several)."""
    oracle: OracleOptions | None = None
    """A language whose density is known, instead of files: none of the other keys is read."""

    @model_validator(mode="before")
    @classmethod
    def _card_says_the_rest(cls, tree: Any) -> Any:
        return cards.fill(tree)

    @model_validator(mode="after")
    def _something_left(self) -> "CorpusOptions":
        if self.validation_share + self.test_share >= 0.9:
            raise ValueError("validation_share and test_share leave too little to train on")
        return self

    @property
    def key(self) -> str:
        """The key that says where the texts come from."""
        return "corpus.oracle" if self.oracle else "corpus.path"

    @property
    def place(self) -> str:
        """Where the texts come from, in a few words."""
        if self.oracle:
            return self.oracle.place
        return self.path

    @property
    def own_files(self) -> dict[Split, str]:
        """The splits that have a file of their own."""
        paths: dict[Split, str | None] = {
            "validation": self.validation_path,
            "test": self.test_path,
        }
        return {split: path for split, path in paths.items() if path}


class Division:
    """The texts of a corpus and their splits; what it holds of a text is a hash, in a file.

    Nothing is read before it is asked for; only a card's files are fetched at once.

    Raises:
        UserError: a file is missing, empty, not UTF-8 or too small.
    """

    def __init__(self, options: CorpusOptions) -> None:
        self.options = cards.resolve(options)
        self._labels: set[str] = set()

    @cached_property
    def places(self) -> list[Path]:
        """All files, those of one split behind the others."""
        paths = [self.options.path, *self.options.own_files.values()]
        columns = self.options.text_column, self.options.label_column
        return [file.place for path in paths for file in files_of(path, *columns)]

    @cached_property
    def large(self) -> bool:
        """True if the texts are too many to be held in memory."""
        return sum(place.stat().st_size for place in self.places) >= cache.SMALL

    def texts(self) -> Iterator[tuple[Split, Text]]:
        """Every text, in the order of the files: the corpus's, then those of one split only."""
        for text in self._read(self.options.path):
            yield self._split(text.text), text
        for split, path in self.options.own_files.items():
            yield from ((split, text) for text in self._read(path))

    def training(self) -> Iterator[str]:
        """The texts that train."""
        for text, _ in self._read(self.options.path):
            if self._split(text) == "train":
                yield text

    @cached_property
    def notes(self) -> dict[str, int]:
        """Counts of texts that stand twice."""
        notes = {"texts twice": len(self._hashes) - _count(self._hashes)}
        for split, path in self.options.own_files.items():
            found = _common(self._read_hashes(path), self._hashes)
            notes[f"{split} texts that stand in the training file"] = found
        return notes

    @cached_property
    def labels(self) -> list[str]:
        """The labels of all files, sorted; [] without corpus.label_column."""
        _ = self._hashes, self.notes  # they have read every file
        if self.options.label_column and len(self._labels) < 2:
            raise UserError(
                f"corpus.label_column: every text of '{self.options.path}' has the label "
                f"'{''.join(self._labels)}'; one class is none, leave corpus.label_column out"
            )
        return sorted(self._labels)

    def _split(self, text: str) -> Split:
        hash_ = _hash(text)
        return next((split for split, last in self._limits.items() if hash_ <= last), "train")

    @cached_property
    def _hashes(self) -> np.ndarray:
        return self._read_hashes(self.options.path)

    @cached_property
    def _limits(self) -> dict[Split, int]:
        return _hold_out(self.options, self._hashes)

    def _read(self, path: str) -> Iterator[Text]:
        options = self.options
        return read_texts(path, options.unit, options.text_column, options.label_column)

    def _read_hashes(self, path: str) -> np.ndarray:
        """(N,) the hashes of a path's texts, ascending, in a file that has no name any more."""
        hashes = map(self._note, self._read(path))
        with tempfile.TemporaryFile(dir=cache.home() if self.large else None) as file:
            while block := list(islice(hashes, 1 << 14)):
                file.write(np.array(block, dtype=np.uint64).data)
            file.flush()
            found = np.memmap(file, dtype=np.uint64, mode="r+")
        found.sort()
        return found

    def _note(self, text: Text) -> int:
        if text.label is not None and text.label not in self._labels:
            self._labels.add(text.label)
            if len(self._labels) > MOST_LABELS:
                raise UserError(
                    f"corpus.label_column: '{self.options.label_column}' has more than "
                    f"{MOST_LABELS:,} different labels; name a column of classes"
                )
        return _hash(text.text)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _hold_out(options: CorpusOptions, hashes: np.ndarray) -> dict[Split, int]:
    """The last hash of each split that is held out; the smallest test, the next ones validate.

    Args:
        options: the shares.
        hashes: (N,) ascending.

    Raises:
        UserError: nothing is left to train on.
    """
    different = _count(hashes)
    shares: dict[Split, float] = {
        "test": options.test_share,
        "validation": options.validation_share,
    }
    ends: dict[Split, int] = {}
    end = 0
    for split, share in shares.items():
        if split not in options.own_files:
            end += min(MOST_HELD, max(1, round(share * different)))
            ends[split] = end
    if end >= different:
        stanzas = options.unit == "stanza" and kind(PurePath(options.path)) not in TABLES
        mend = "; --corpus.unit line makes each line a text" if stanzas else ""
        raise UserError(
            f"corpus.path: '{options.path}' has {different} different text(s) (unit: "
            f"{options.unit}), too few to train, validate and test on; add texts{mend}"
        )
    smallest = _smallest(hashes, end)
    return {split: smallest[end - 1] for split, end in ends.items()}


def _different(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Ascending hashes without repeats, part by part."""
    last = None
    for start in range(0, len(hashes), 1 << 20):
        part = np.unique(hashes[start : start + (1 << 20)])
        yield part[1:] if part[0] == last else part
        last = part[-1]


def _count(hashes: np.ndarray) -> int:
    """How many different ones there are."""
    return sum(map(len, _different(hashes)))


def _smallest(hashes: np.ndarray, count: int) -> list[int]:
    """The smallest different ones."""
    return list(islice((int(hash_) for part in _different(hashes) for hash_ in part), count))


def _common(own: np.ndarray, hashes: np.ndarray) -> int:
    """How many of some hashes are among others; both ascending."""
    found = 0
    for start in range(0, len(own), 1 << 20):
        part = own[start : start + (1 << 20)]
        places = np.searchsorted(hashes, part).clip(max=len(hashes) - 1)
        found += int((hashes[places] == part).sum())
    return found
