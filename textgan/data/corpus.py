"""A corpus: three splits of ids, their tokenizer, and what was noticed on the way.

Texts are read and forgotten. The ids of a small corpus stay in memory; those of a large one lie in
files of the cache, from which the pages that are looked at come and go.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from textgan.data import cache
from textgan.data.encoding import encode, parts
from textgan.data.ids import Ids, read_ids
from textgan.data.order import Order
from textgan.data.sequences import Sequences
from textgan.data.splits import SPLITS, CorpusOptions, Division, Split
from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.errors import UserError

if TYPE_CHECKING:
    from textgan.generators.base import Generator

__all__ = ["Corpus", "Ids", "Order", "load_corpus"]


@dataclass
class Corpus:
    """Three splits of ids, their tokenizer, and what was noticed on the way."""

    options: CorpusOptions
    tokenizer: PreTrainedTokenizerFast
    splits: dict[Split, Ids]
    length: int
    """T: tokens of the longest text, its end included."""
    digests: dict[Split, str]
    """By split hexadecimal digits of its ids."""
    labels: list[str] = field(default_factory=list)
    """The names of the classes, sorted; ``Sequences.category`` is a place among them."""
    notes: dict[str, int] = field(default_factory=dict)
    """Counts: texts, duplicates, overlaps of train and test, texts cut off, unknown tokens."""
    oracle: "Generator | None" = None
    """The frozen generator that the texts were drawn from, if that is known."""

    def __len__(self) -> int:
        return len(self.splits["train"])

    def batch(self, split: Split, rows: Iterable[int]) -> Sequences:
        """Some texts as (B, T), T being the longest of them."""
        source, where = self.splits[split], np.fromiter(rows, np.int64)
        ids = torch.from_numpy(source.padded(where, self.tokenizer.pad_token_id))
        category = None
        if source.category is not None:
            category = torch.from_numpy(source.category[where].astype(np.int64))
        return Sequences(ids=ids, eos=self.tokenizer.eos_token_id, category=category)

    @property
    def shares(self) -> list[float]:
        """By label, how large a part of the training texts has it."""
        category = self.splits["train"].category
        if category is None:
            return []
        counts = np.bincount(category, minlength=len(self.labels))
        return [float(share) for share in counts / counts.sum()]

    def ids(self, split: Split, rows: Iterable[int] | None = None) -> list[list[int]]:
        """Some texts (default: the split's all) as ids, without the end if the language has one."""
        source, end = self.splits[split], -1 if self.tokenizer.eos_token_id is not None else None
        rows = range(len(source)) if rows is None else rows
        return [source.text(int(i))[:end] for i in rows]

    def tokens(self, split: Split, rows: Iterable[int] | None = None) -> list[list[str]]:
        """The same as token strings: what metrics compare."""
        to_tokens = self.tokenizer.convert_ids_to_tokens
        return [list(to_tokens(ids)) for ids in self.ids(split, rows)]

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of all splits' ids: a run goes on with the same texts only."""
        data = "".join(self.digests[split] for split in SPLITS).encode()
        return hashlib.blake2b(data, digest_size=8).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of the test split's ids: which texts a figure was taken on."""
        return hashlib.blake2b(self.digests["test"].encode(), digest_size=4).hexdigest()

    def describe(self) -> str:
        """One line for people."""
        sizes = ", ".join(f"{len(self.splits[s]):,} {s}" for s in SPLITS)
        notes = ", ".join(f"{count:,} {name}" for name, count in self.notes.items() if count)
        return (
            f"{self.options.place}: {sizes} texts; {len(self.tokenizer):,} kinds of token, "
            f"longest text {self.length}"
            + (f"; {len(self.labels)} labels" if self.labels else "")
            + (f"; {notes}" if notes else "")
        )


def load_corpus(
    options: CorpusOptions,
    tokenizer_options: TokenizerOptions,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Corpus:
    """Read, divide, fit a tokenizer to the training texts (if none is given), encode.

    The corpus's files are read three times: for their texts' hashes, for a tokenizer, for their
    ids. Those of a large corpus are kept in the cache, and so is its tokenizer.

    Raises:
        UserError: a file is missing, empty, not UTF-8 or too small, or the tokenizer given has no
            end token.
    """
    if tokenizer is not None and tokenizer.eos_token_id is None:
        raise UserError(
            f"corpus.path: the texts of '{options.path}' end, and the model to go on from knows no "
            "end token; train a new one, or give the corpus.oracle that it was trained on"
        )
    division = Division(options)
    if division.large:
        return _load_large(division, tokenizer_options, tokenizer)
    tokenizer = tokenizer or _train(division, tokenizer_options)
    with TemporaryDirectory() as folder:
        encode(division, tokenizer, Path(folder))
        return _read(Path(folder), options, tokenizer, mapped=False)


def _train(division: Division, options: TokenizerOptions) -> PreTrainedTokenizerFast:
    """A tokenizer of the training texts: of documents whole, of other texts that are very long
    their first part, because they will be cut off.
    """
    most = None if division.options.unit == "document" else 1
    found = (part for text in division.training() for part in islice(parts(text), most))
    return train_tokenizer(found, options)


def _load_large(
    division: Division,
    tokenizer_options: TokenizerOptions,
    tokenizer: PreTrainedTokenizerFast | None,
) -> Corpus:
    options = division.options
    named = cache.content(division.places), options.model_dump_json()

    def train(folder: Path) -> None:
        _train(division, tokenizer_options).save_pretrained(folder)

    if tokenizer is None:
        key = cache.key("tokenizer", *named, tokenizer_options.model_dump_json())
        folder = cache.entry(key, train, f"a tokenizer of '{options.path}'")
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    key = cache.key("ids", *named, tokenizer.backend_tokenizer.to_str())
    write, what = partial(encode, division, tokenizer), f"the ids of '{options.path}'"
    try:
        return _read(cache.entry(key, write, what), options, tokenizer, mapped=True)
    except (OSError, ValueError, LookupError):  # somebody deleted a part of it
        shutil.rmtree(cache.home() / key, ignore_errors=True)
        return _read(cache.entry(key, write, what), options, tokenizer, mapped=True)


def _read(
    folder: Path, options: CorpusOptions, tokenizer: PreTrainedTokenizerFast, mapped: bool
) -> Corpus:
    """What ``encode`` wrote."""
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    labelled = bool(meta["labels"])
    splits = {s: read_ids(folder / s, len(tokenizer), labelled, mapped) for s in SPLITS}
    return Corpus(options, tokenizer, splits, **meta)
