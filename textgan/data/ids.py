"""Texts as numbers, end to end: written as they come, read back without loading them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Ids:
    """Many texts, end to end: token ids and where each text begins."""

    flat: np.ndarray
    starts: np.ndarray
    category: np.ndarray | None = None
    """(N,) place of each text's label among the corpus's, where texts have labels."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def text(self, i: int) -> list[int]:
        """The ids of the i-th text, its end included."""
        return self.flat[self.starts[i] : self.starts[i + 1]].tolist()  # type: ignore[no-any-return]

    def padded(self, rows: np.ndarray, pad: int) -> np.ndarray:
        """The ids of some texts, (N,) -> (N, longest) int64, filled up with ``pad``."""
        starts = self.starts[rows]
        lengths = self.starts[rows + 1] - starts
        places = np.arange(lengths.max())
        inside = places < lengths[:, None]
        ids = np.full(inside.shape, pad, dtype=np.int64)
        ids[inside] = self.flat[(starts[:, None] + places)[inside]]
        return ids


class Numbers:
    """A file of numbers of one kind that grows, and their digest, whatever their kind."""

    def __init__(self, place: Path, kind: Any) -> None:
        self.kind, self.file = kind, place.open("wb")
        self._digest = hashlib.blake2b(digest_size=16)

    def extend(self, numbers: Sequence[int] | np.ndarray) -> None:
        """Write some more."""
        data = np.asarray(numbers, dtype="<i8")
        self._digest.update(data.data)
        self.file.write(data.astype(self.kind).data)

    def close(self) -> bytes:
        """Close the file, and give the digest of all numbers."""
        self.file.close()
        return self._digest.digest()


class IdsWriter:
    """The three files of one split: PLACE.flat, PLACE.starts and, of labelled texts,
    PLACE.category.
    """

    def __init__(self, place: Path, vocabulary: int, labelled: bool) -> None:
        self.flat = Numbers(place.with_suffix(".flat"), flat_kind(vocabulary))
        self.starts = Numbers(place.with_suffix(".starts"), np.int64)
        self.category = Numbers(place.with_suffix(".category"), np.int64) if labelled else None
        self.end = self.longest = 0
        self.starts.extend([0])

    def extend(self, texts: list[list[int]], categories: list[int]) -> None:
        """Write some texts, their ends included; ``categories`` is empty if there are none."""
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        self.flat.extend(np.fromiter(chain.from_iterable(texts), np.int64, lengths.sum()))
        self.starts.extend(self.end + lengths.cumsum())
        self.end += int(lengths.sum())
        self.longest = max(self.longest, int(lengths.max()))
        if self.category is not None:
            self.category.extend(categories)

    def close(self) -> bytes:
        """Close the files, and give the digest of all."""
        files = [self.flat, self.starts, *([self.category] if self.category else [])]
        return b"".join(file.close() for file in files)


def read_ids(place: Path, vocabulary: int, labelled: bool, mapped: bool) -> Ids:
    """What an ``IdsWriter`` wrote; ``mapped`` into memory page by page, or loaded whole."""

    def read(suffix: str, kind: Any) -> np.ndarray:
        file = place.with_suffix(suffix)
        return np.memmap(file, kind, mode="r") if mapped else np.fromfile(file, kind)

    ids = Ids(
        read(".flat", flat_kind(vocabulary)),
        read(".starts", np.int64),
        read(".category", np.int64) if labelled else None,
    )
    if len(ids.flat) != ids.starts[-1]:
        raise ValueError(f"{place}: a part of it is missing")
    return ids


def flat_kind(vocabulary: int) -> Any:
    """Two bytes an id if the vocabulary allows, else four."""
    return np.uint16 if vocabulary <= 1 << 16 else np.int32
