"""A divided corpus's texts become ids, in files: block by block, each text forgotten behind it."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from textgan.data.ids import IdsWriter
from textgan.data.records import Text
from textgan.data.splits import SPLITS, Division, Split

LONG = 1 << 15
"""Characters above which a text is encoded part by part."""
_BREAKS = (re.compile(r"(?<=\S\n)(?=\S)"), re.compile(r"(?<=\s)(?=\S)"))


def parts(text: str) -> Iterator[str]:
    """A text in parts of about ``LONG`` characters, cut behind a line, else behind a blank, where
    no token is cut in two; where there is no blank either, anywhere.
    """
    start = 0
    while start + LONG < len(text):
        span = start + LONG // 2, start + LONG
        found = (pattern.search(text, *span) for pattern in _BREAKS)
        end = next((match.end() for match in found if match), span[1])
        yield text[start:end]
        start = end
    yield text[start:]


class Encoder:
    """Texts to ids, counting what is lost."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, max_length: int, whole: bool = False
    ) -> None:
        self.size, self.whole = max_length - 1, whole
        self.unknown_id, self.eos = tokenizer.unk_token_id, tokenizer.eos_token_id
        self.backend = tokenizer.backend_tokenizer
        self.backend.encode_special_tokens = tokenizer.split_special_tokens
        self.cut = self.unknown = 0

    def encode(self, texts: list[str]) -> list[list[list[int]]]:
        """Each text as pieces that end: one that is cut off, or of a whole text all."""
        short = [text for text in texts if len(text) <= LONG]
        encoded = iter(self.backend.encode_batch_fast(short, add_special_tokens=False))
        return [
            list(self._pieces(next(encoded).ids if len(text) <= LONG else self._long(text)))
            for text in texts
        ]

    def _long(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in parts(text):
            ids += self.backend.encode(part, add_special_tokens=False).ids
            if len(ids) > self.size and not self.whole:
                break
        return ids

    def _pieces(self, ids: list[int]) -> Iterator[list[int]]:
        if not self.whole:
            self.cut += len(ids) > self.size
            ids = ids[: self.size]
        self.unknown += ids.count(self.unknown_id)
        for start in range(0, max(1, len(ids)), self.size):
            yield [*ids[start : start + self.size], self.eos]


def encode(division: Division, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a corpus's ids into a folder, and what is known of them into its meta.json."""
    options, labels = division.options, division.labels
    encoder = Encoder(tokenizer, options.max_length, whole=options.unit == "document")
    writers = {split: IdsWriter(folder / split, len(tokenizer), bool(labels)) for split in SPLITS}
    category: dict[str | None, int] = {label: place for place, label in enumerate(labels)}
    for block in _blocks(division.texts()):
        pieces = encoder.encode([text.text for _, text in block])
        for split in {split for split, _ in block}:
            mine = [i for i, (where, _) in enumerate(block) if where == split]
            writers[split].extend(
                [piece for i in mine for piece in pieces[i]],
                [category[block[i][1].label] for i in mine for _ in pieces[i]] if labels else [],
            )
    digests = {split: writer.close().hex() for split, writer in writers.items()}
    notes = division.notes | {
        "texts cut off at corpus.max_length": encoder.cut,
        "unknown tokens": encoder.unknown,
    }
    longest = max(writer.longest for writer in writers.values())
    meta = {"notes": notes, "labels": labels, "length": longest, "digests": digests}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _blocks(texts: Iterable[tuple[Split, Text]]) -> Iterator[list[tuple[Split, Text]]]:
    """A thousand texts at a time, or fewer long ones."""
    block: list[tuple[Split, Text]] = []
    characters = 0
    for item in texts:
        block.append(item)
        characters += len(item[1].text)
        if len(block) == 1000 or characters > 1 << 20:
            yield block
            block, characters = [], 0
    if block:
        yield block
