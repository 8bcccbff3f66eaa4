"""How much of what a generator writes it has read: copies, copied runs, nearest training texts.

Every figure stands beside the same one of held-out real texts, which have never been read: real
captions repeat one another too, so it isn't 0 that a generator should have but that value.

* *exact copies*: share of texts that are a training text, token for token, in [0, 1].
* *copied run*: tokens of the longest piece that some training text has too, mean over texts.
* *nearest training text*: the largest Dice coefficient with a training text, 2|A∩B| / (|A|+|B|)
  over the sets of pairs of neighbouring tokens (beginning and end of a text are neighbours too), in
  [0, 1], mean over texts; 1 for a copy.
* *data-copying z*: Meehan, Chaudhuri and Dasgupta 2020, "A Non-Parametric Test to Detect
  Data-Copying in Generative Models" (arXiv 2004.05675, Z_U of section 3): the Mann-Whitney
  statistic of the distances to the nearest training text, 1 - Dice here, in its own standard
  errors. Far below 0: texts are nearer to the training text than held-out ones, copied; far above:
  they are odd. It grows with the square root of the number of texts: only sets of one size compare.

Of training texts themselves (a ceiling elsewhere) these figures show what full memorisation is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from textgan.metrics.base import Evaluation, Tokens, TooFew
from textgan.metrics.estimate import Estimate

Array = np.ndarray

CELLS = 2**22
"""Pairs of texts compared at a time."""


class Nearest(NamedTuple):
    """A text's nearest training text."""

    place: int
    """Its number among the training texts, the first of equals."""
    similarity: float
    """Dice coefficient in [0, 1]; at 0 no training text has anything in common."""


class _Flat(NamedTuple):
    """Texts behind one another, K tokens in all."""

    words: Array
    """(K,) numbers of the tokens."""
    text: Array
    """(K,) the text of each token."""
    left: Array
    """(K,) tokens from here to the text's end, this one among them."""
    kinds: int


def copies(texts: Sequence[Tokens], training: Sequence[Tokens]) -> Array:
    """Whether each text is a training text: (M,)."""
    known = set(map(tuple, training))
    return np.array([tuple(text) in known for text in texts])


def copied_runs(texts: Sequence[Tokens], training: Sequence[Tokens]) -> Array:
    """Tokens of the longest run that each text shares with any one training text: (M,).

    Runs grow a token at a time, and only those that both sides have go on: besides the first pass
    over all tokens the time is that of what is shared.
    """
    flat = _flatten([*texts, *training])
    longest = np.zeros(len(texts), dtype=np.int64)
    at, run, n = np.arange(len(flat.words)), flat.words, 0
    while len(at):
        n += 1
        kinds, number = np.unique(run, return_inverse=True)
        ours = flat.text[at] < len(texts)
        in_texts, in_training = np.zeros((2, len(kinds)), dtype=bool)
        in_texts[number[ours]] = in_training[number[~ours]] = True
        shared = (in_texts & in_training)[number]
        longest[flat.text[at[shared & ours]]] = n
        goes_on = shared & (flat.left[at] > n)
        at, number = at[goes_on], number[goes_on]
        run = number * flat.kinds + flat.words[at + n]
    return longest


def nearest(texts: Sequence[Tokens], training: Sequence[Tokens]) -> list[Nearest]:
    """The training text most like each text, for M texts and N training texts, exactly."""
    m, n = len(texts), len(training)
    text, pair = _pairs([*texts, *training])
    size = np.bincount(text, minlength=m + n)
    ours, theirs = text < m, text >= m
    order = np.argsort(pair[theirs], kind="stable")
    holders, held = text[theirs][order] - m, pair[theirs][order]
    first, last = (np.searchsorted(held, pair[ours], side) for side in ("left", "right"))
    found: list[Nearest] = []
    for start, stop in _chunks(m, n):
        inside = slice(*np.searchsorted(text[ours], (start, stop)))
        at = _spans(first[inside], last[inside])
        row = np.repeat(text[ours][inside] - start, last[inside] - first[inside])
        common = np.bincount(row * n + holders[at], minlength=(stop - start) * n)
        dice = 2 * common.reshape(-1, n) / (size[start:stop, None] + size[m:])
        best = dice.argmax(axis=1)
        found += map(Nearest, best.tolist(), dice[np.arange(len(best)), best].tolist())
    return found


def mann_whitney_z(texts: Array, others: Array) -> float:
    """How much larger the numbers of ``texts`` are, in standard errors of no difference.

    Z_U of Meehan et al. 2020; equal numbers count half, and the variance is that with ties.
    """
    m, n = len(texts), len(others)
    _, number, ties = np.unique(
        np.concatenate([texts, others]), return_inverse=True, return_counts=True
    )
    rank = ties.cumsum() - (ties - 1) / 2  # the mean of those that are equal
    u = rank[number[:m]].sum() - m * (m + 1) / 2
    total = m + n
    variance = m * n / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    return float((u - m * n / 2) / np.sqrt(variance)) if variance > 1e-9 else 0.0


def memorisation(e: Evaluation) -> dict[str, Estimate | None]:
    """All of them by name, those of the references too; None where no training text is known.

    Raises:
        UserError: no texts, or no references.
    """
    if not e.tokens or not e.references:
        raise TooFew(
            f"memorisation: needs at least 1 text and 1 reference, got {len(e.tokens)} and "
            f"{len(e.references)}"
        )
    sides = {"": e.tokens, ", held-out": e.references}
    names = ("exact copies", "copied run", "nearest training text")
    figures: dict[str, Estimate | None] = {name + side: None for side in sides for name in names}
    if not e.training:
        return figures | {"data-copying z": None}
    distances = []
    for side, texts in sides.items():
        alike = np.array([found.similarity for found in nearest(texts, e.training)])
        distances.append(1 - alike)
        scores = (copies(texts, e.training), copied_runs(texts, e.training), alike)
        for name, score in zip(names, scores, strict=True):
            figures[name + side] = Estimate.from_scores(score.tolist())
    z = mann_whitney_z(*distances)
    return figures | {"data-copying z": Estimate(z, 1.0, e.size)}


def _flatten(texts: Sequence[Tokens]) -> _Flat:
    known: dict[str, int] = {}
    words = [known.setdefault(word, len(known)) for text in texts for word in text]
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    text = np.repeat(np.arange(len(texts)), lengths)
    left = np.repeat(lengths.cumsum(), lengths) - np.arange(len(words))
    return _Flat(np.array(words, dtype=np.int64), text, left, max(1, len(known)))


def _pairs(texts: Sequence[Tokens]) -> tuple[Array, Array]:
    """Each text's set of pairs of neighbours, its ends among them: text and pair, sorted."""
    flat = _flatten(texts)
    lengths = np.bincount(flat.text, minlength=len(texts))
    ends = np.zeros(len(flat.words) + 2 * len(texts), dtype=np.int64)  # 0: an end of a text
    ends[np.arange(len(flat.words)) + 2 * flat.text + 1] = flat.words + 1
    text = np.repeat(np.arange(len(texts)), lengths + 1)
    left = np.arange(len(text)) + text  # one more end behind each text
    kinds = (flat.kinds + 1) ** 2
    both = np.unique(text * kinds + ends[left] * (flat.kinds + 1) + ends[left + 1])
    return both // kinds, both % kinds


def _chunks(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    step = max(1, CELLS // columns)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def _spans(first: Array, last: Array) -> Array:
    """first[0], …, last[0] - 1, first[1], …"""
    count = last - first
    return np.repeat(first - count.cumsum() + count, count) + np.arange(count.sum())
