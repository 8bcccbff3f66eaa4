"""A file of texts becomes three splits of ids.

A file is read several times over, first for its texts' hashes, then for their tokens, and kept as
ids only: the memory a corpus takes is that of its ids and of one hash a text.
"""

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from transformers import PreTrainedTokenizerFast

from textgan.config import find
from textgan.data.sequences import Sequences
from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.errors import UserError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class CorpusOptions(BaseModel):
    """Where the texts come from and how they are divided."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    path: str = "corpora/poems_en.txt"
    """A text file, or .jsonl with one object a line."""
    unit: Literal["line", "stanza"] = "line"
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


@dataclass
class Ids:
    """Many texts, end to end: token ids and where each text begins."""

    flat: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def text(self, i: int) -> list[int]:
        """The ids of the i-th text, its end included."""
        return self.flat[self.starts[i] : self.starts[i + 1]].tolist()  # type: ignore[no-any-return]


@dataclass
class Corpus:
    """Three splits of ids, their tokenizer, and what was noticed on the way."""

    options: CorpusOptions
    tokenizer: PreTrainedTokenizerFast
    splits: dict[str, Ids]
    notes: dict[str, int] = field(default_factory=dict)
    """Counts: texts, duplicates, overlaps of train and test, texts cut off, unknown tokens."""

    def __len__(self) -> int:
        return len(self.splits["train"])

    @property
    def length(self) -> int:
        """T: tokens of the longest text, its end included."""
        return max(int(np.diff(ids.starts).max()) for ids in self.splits.values())

    def batch(self, split: Split, rows: Iterable[int]) -> Sequences:
        """Some texts as (B, T), T being the longest of them."""
        texts = [self.splits[split].text(int(i)) for i in rows]
        eos, pad = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        ids = torch.full((len(texts), max(map(len, texts))), pad)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
        return Sequences(ids=ids, eos=eos)

    def tokens(self, split: Split) -> list[list[str]]:
        """The split's texts as token strings, without the end: what metrics compare."""
        ids = self.splits[split]
        to_tokens = self.tokenizer.convert_ids_to_tokens
        return [list(to_tokens(ids.text(i)[:-1])) for i in range(len(ids))]

    def texts(self, split: Split) -> list[str]:
        """The split's texts as they read after tokenisation."""
        ids = self.splits[split]
        decode = self.tokenizer.decode
        return [str(decode(ids.text(i), skip_special_tokens=True)) for i in range(len(ids))]

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of all splits' ids: a run goes on with the same texts only."""
        data = b"".join(
            part.tobytes()
            for name in SPLITS
            for part in (self.splits[name].flat, self.splits[name].starts)
        )
        return hashlib.blake2b(data, digest_size=8).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of the test split's ids: which texts a figure was taken on."""
        ids = self.splits["test"]
        data = ids.flat.tobytes() + ids.starts.tobytes()
        return hashlib.blake2b(data, digest_size=4).hexdigest()

    def describe(self) -> str:
        """One line for people."""
        sizes = ", ".join(f"{len(self.splits[s]):,} {s}" for s in SPLITS)
        notes = ", ".join(f"{count:,} {name}" for name, count in self.notes.items() if count)
        return (
            f"{self.options.path}: {sizes} texts; {len(self.tokenizer):,} kinds of token, "
            f"longest text {self.length}" + (f"; {notes}" if notes else "")
        )


def load_corpus(
    options: CorpusOptions,
    tokenizer_options: TokenizerOptions,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Corpus:
    """Read, divide, fit a tokenizer to the training texts (if none is given), encode.

    Division goes by each text's hash: it doesn't depend on the order of the file, and texts that
    are the same word for word never stand in two splits.

    Raises:
        UserError: a file is missing, empty, not UTF-8 or too small.
    """
    hashes = np.fromiter(map(_hash, read_texts(options.path, options)), dtype=np.uint64)
    split_of = _divide(options, hashes)
    if tokenizer is None:
        train = (t for t, s in _labelled(options, split_of) if s == "train")
        tokenizer = train_tokenizer(train, tokenizer_options)
    notes = {"texts twice": len(hashes) - len(np.unique(hashes))}
    encoder = _Encoder(tokenizer, options.max_length)
    splits: dict[str, Ids] = {}
    for name in SPLITS:
        splits[name] = encoder.encode(_split_texts(options, split_of, name))
    for name, path in (("validation", options.validation_path), ("test", options.test_path)):
        if path:
            other = np.fromiter(map(_hash, read_texts(path, options)), dtype=np.uint64)
            found = int(np.isin(other, hashes).sum())
            notes[f"{name} texts that stand in the training file"] = found
    notes["texts cut off at corpus.max_length"] = encoder.cut
    notes["unknown tokens"] = encoder.unknown
    return Corpus(options, tokenizer, splits, notes)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _divide(options: CorpusOptions, hashes: np.ndarray) -> dict[int, str]:
    """Hash -> split for the texts that don't train; the smallest hashes test, then validate."""
    unique = np.unique(hashes)
    held: dict[int, str] = {}
    start = 0
    for name, path, share in (
        ("test", options.test_path, options.test_share),
        ("validation", options.validation_path, options.validation_share),
    ):
        count = 0 if path else max(1, round(share * len(unique)))
        held |= dict.fromkeys(unique[start : start + count].tolist(), name)
        start += count
    if start >= len(unique):
        raise UserError(
            f"corpus.path: '{options.path}' has {len(unique)} different text(s) (unit: "
            f"{options.unit}), too few to train, validate and test on; add texts"
        )
    return held


def _labelled(options: CorpusOptions, split_of: dict[int, str]) -> Iterator[tuple[str, str]]:
    for text in read_texts(options.path, options):
        yield text, split_of.get(_hash(text), "train")


def _split_texts(options: CorpusOptions, split_of: dict[int, str], name: str) -> Iterator[str]:
    own = {"validation": options.validation_path, "test": options.test_path}.get(name)
    if own:
        yield from read_texts(own, options)
    else:
        yield from (text for text, split in _labelled(options, split_of) if split == name)


class _Encoder:
    """Texts to ids, counting what is lost."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, max_length: int) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self.cut = self.unknown = 0

    def encode(self, texts: Iterator[str]) -> Ids:
        flat, starts = array("i"), array("q", [0])
        eos, unk = self.tokenizer.eos_token_id, self.tokenizer.unk_token_id
        while block := list(islice(texts, 1000)):
            encoded = self.tokenizer(block, add_special_tokens=False, verbose=False)["input_ids"]
            for ids in encoded:
                self.cut += len(ids) >= self.max_length
                self.unknown += ids.count(unk)
                flat.extend(ids[: self.max_length - 1])
                flat.append(eos)
                starts.append(len(flat))
        return Ids(np.frombuffer(flat, dtype=np.int32), np.frombuffer(starts, dtype=np.int64))


def read_texts(path: str, options: CorpusOptions) -> Iterator[str]:
    """The texts of a file, one after the other, blanks around them removed.

    Raises:
        UserError: the file is missing, has no text, or a line isn't UTF-8 or JSON.
    """
    lines = _read_lines(path)
    if path.endswith(".jsonl"):
        texts = _json_texts(path, lines, options.text_column)
    elif options.unit == "stanza":
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


def _read_lines(path: str) -> Iterator[str]:
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


class Order:
    """The order of texts: a new one every epoch, the same in every process and after a resume.

    It depends on ``seed``, the stream's name and the epoch alone, so that a position in the data
    is one number: how many batches were taken.
    """

    def __init__(self, texts: int, seed: int) -> None:
        self.texts, self.seed = texts, seed
        self._epoch: tuple[str, int] | None = None
        self._rows = np.arange(0)

    def take(self, stream: str, start: int, count: int) -> np.ndarray:
        """``count`` rows from the ``start``-th text of a stream on, into the next epochs."""
        found = [np.arange(0)]
        while count > 0:
            epoch, place = divmod(start, self.texts)
            found.append(self.rows(stream, epoch, self.texts)[place : place + count])
            start, count = start + len(found[-1]), count - len(found[-1])
        return np.concatenate(found)

    def rows(self, stream: str, index: int, batch_size: int) -> np.ndarray:
        """Rows of the ``index``-th batch of a stream; an epoch's last batch may be smaller."""
        batches = -(-self.texts // batch_size)
        epoch, place = divmod(index, batches)
        if self._epoch != (stream, epoch):
            key = hashlib.blake2b(repr((self.seed, stream, epoch)).encode(), digest_size=8).digest()
            generator = np.random.default_rng(int.from_bytes(key, "little"))
            self._epoch, self._rows = (stream, epoch), generator.permutation(self.texts)
        return self._rows[place * batch_size : (place + 1) * batch_size]
