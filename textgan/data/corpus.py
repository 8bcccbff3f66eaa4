"""A corpus: three splits of ids, their tokenizer, and the order in which they are gone through.

Texts are read and forgotten: the memory a corpus takes is that of its ids and of one hash a text.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from textgan.data.sequences import Sequences
from textgan.data.splits import SPLITS, CorpusOptions, Division, Split
from textgan.data.tokenizers import TokenizerOptions, train_tokenizer


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
    splits: dict[Split, Ids]
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

    The corpus's file is read three times: for its texts' hashes, for a tokenizer, for their ids.

    Raises:
        UserError: a file is missing, empty, not UTF-8 or too small.
    """
    division = Division(options)
    if tokenizer is None:
        tokenizer = train_tokenizer(division.training(), tokenizer_options)
    encoder = _Encoder(tokenizer, options.max_length)
    splits = encoder.encode(division.texts())
    notes = division.notes() | {
        "texts cut off at corpus.max_length": encoder.cut,
        "unknown tokens": encoder.unknown,
    }
    return Corpus(options, tokenizer, splits, notes)


class _Encoder:
    """Texts to ids, counting what is lost."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, max_length: int) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self.cut = self.unknown = 0

    def encode(self, texts: Iterator[tuple[Split, str]]) -> dict[Split, Ids]:
        flat = {split: array("i") for split in SPLITS}
        starts = {split: array("q", [0]) for split in SPLITS}
        while block := list(islice(texts, 1000)):
            for split, ids in zip((s for s, _ in block), self._ids(block), strict=True):
                flat[split].extend(ids)
                starts[split].append(len(flat[split]))
        return {
            split: Ids(
                np.frombuffer(flat[split], dtype=np.int32),
                np.frombuffer(starts[split], dtype=np.int64),
            )
            for split in SPLITS
        }

    def _ids(self, block: list[tuple[Split, str]]) -> Iterator[list[int]]:
        texts = [text for _, text in block]
        encoded = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        for ids in encoded:
            self.cut += len(ids) >= self.max_length
            self.unknown += ids.count(self.tokenizer.unk_token_id)
            yield [*ids[: self.max_length - 1], self.tokenizer.eos_token_id]


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
