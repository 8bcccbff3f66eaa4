"""Sentence BLEU against a whole corpus, and Self-BLEU, in time linear in the text.

Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation"; Self-BLEU:
Zhu et al. 2018, "Texygen". The values are those of NLTK 3.10's ``sentence_bleu`` with weights 1/n
and ``SmoothingFunction(epsilon=0.1).method1`` (method 1 of Chen and Cherry 2014): precisions
clipped by the largest count in any one reference, an order without a match counted as 0.1 matches,
no matching unigram scored 0, and the brevity penalty of the closest reference length, the shorter
one on a tie.

A text is a sequence of tokens, strings or ids, without padding or special tokens. Tokens are
compared by hash, so ids come as ints (``ids.tolist()``, not a tensor), and a plain string is a
text of characters.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from textgan.errors import UserError
from textgan.metrics.base import TooFew
from textgan.metrics.estimate import Estimate

Text = Sequence[Hashable]
Array = np.ndarray

ORDERS = (2, 3, 4, 5)
EPSILON = 0.1


@dataclass(frozen=True)
class Flat:
    """M texts behind one another: K tokens in all."""

    words: Array
    """(K,) numbers of the tokens; -1 for one that isn't known."""
    text: Array
    """(K,) the text of each token."""
    left: Array
    """(K,) tokens from here to the text's end, this one among them."""
    lengths: Array
    """(M,)."""


class References:
    """N texts, indexed once for the BLEU of any number of hypotheses.

    Per n-gram it keeps the largest count in one text, the text that holds it, and the largest
    count in any other text: with that any one text can be left out again at no cost.
    ``highest`` is the longest n-gram indexed. Raises UserError when there is no text.
    """

    def __init__(self, texts: Sequence[Text], highest: int = max(ORDERS)) -> None:
        if len(texts) == 0:
            raise TooFew("BLEU: no reference texts; give at least one")
        self.highest = highest
        self.vocabulary: dict[Hashable, int] = {}
        flat = self._flatten(texts, learn=True)
        self.lengths, self.of_length = np.unique(flat.lengths, return_counts=True)
        self.tables: list[Array] = []
        """By order: the keys of its n-grams, sorted; an n-gram's number is its key's place."""
        self.clips: list[tuple[Array, Array, Array]] = []
        """By order and number: largest count in one text, that text, largest in any other."""
        before = np.zeros(len(flat.words), dtype=np.int64)
        for n in range(1, highest + 1):
            key, inside = self._keys(flat, before, n)
            self.tables.append(np.unique(key[inside]))
            before = self._numbers(key, inside, n)
            self.clips.append(_two_largest(*_counted(flat.text, before), len(self.tables[-1])))

    def scores(
        self, texts: Sequence[Text], orders: Sequence[int] = ORDERS, excluded: bool = False
    ) -> Array:
        """BLEU-n in [0, 1] of M texts, for each n of ``orders``: (M, len(orders)).

        ``excluded``: the texts are the references themselves, and none counts for itself.
        Raises UserError for no order, or one below 1 or above ``highest``.
        """
        if not orders or min(orders) < 1 or max(orders) > self.highest:
            raise UserError(f"BLEU: orders go from 1 to {self.highest}, got {list(orders)}")
        matches, lengths, closest = self.counts(texts, excluded)
        possible = np.maximum(1, lengths[:, None] - np.arange(self.highest))
        log_precision = np.log(np.where(matches == 0, EPSILON, matches) / possible)
        log_penalty = np.minimum(0, 1 - closest / np.maximum(1, lengths))
        chosen = np.array(orders)
        mean = log_precision.cumsum(axis=1)[:, chosen - 1] / chosen
        found: Array = np.exp(log_penalty[:, None] + mean) * (matches[:, :1] > 0)
        return found

    def counts(self, texts: Sequence[Text], excluded: bool = False) -> tuple[Array, Array, Array]:
        """What BLEU is made of: clipped matches of M texts by order (M, highest), the texts'
        lengths, and those of the references next to them, (M,) each.
        """
        flat = self._flatten(texts)
        matches = np.stack(list(self._matches(flat, excluded)), axis=1)
        return matches, flat.lengths, self._closest_lengths(flat.lengths, excluded)

    def _flatten(self, texts: Sequence[Text], learn: bool = False) -> Flat:
        known = self.vocabulary
        if learn:
            words = [known.setdefault(word, len(known)) for text in texts for word in text]
        else:
            words = [known.get(word, -1) for text in texts for word in text]
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        text = np.repeat(np.arange(len(texts)), lengths)
        left = np.repeat(lengths.cumsum(), lengths) - np.arange(len(words))
        return Flat(np.array(words, dtype=np.int64), text, left, lengths)

    def _keys(self, flat: Flat, before: Array, n: int) -> tuple[Array, Array]:
        """The key of the n-gram that begins at each token, and whether its parts are known: (K,).

        A key is the number of the first n - 1 words times the vocabulary's size, plus the last.
        """
        last = np.full_like(flat.words, -1)
        last[: max(0, len(last) - n + 1)] = flat.words[n - 1 :]
        inside = (flat.left >= n) & (before >= 0) & (last >= 0)
        return before * len(self.vocabulary) + last, inside

    def _numbers(self, key: Array, inside: Array, n: int) -> Array:
        """The number of each n-gram; -1 where the references have none such: (K,)."""
        table = self.tables[n - 1]
        if not len(table):
            return np.full_like(key, -1)
        place = np.minimum(np.searchsorted(table, key), len(table) - 1)
        found: Array = np.where(inside & (table[place] == key), place, -1)
        return found

    def _matches(self, flat: Flat, excluded: bool) -> Iterator[Array]:
        """Clipped matches of each order in turn: (M,)."""
        before = np.zeros(len(flat.words), dtype=np.int64)
        for n in range(1, self.highest + 1):
            before = self._numbers(*self._keys(flat, before, n), n)
            text, number, count = _counted(flat.text, before)
            first, holder, second = (part[number] for part in self.clips[n - 1])
            clip = np.where(holder == text, second, first) if excluded else first
            yield np.bincount(text, np.minimum(count, clip), minlength=len(flat.lengths))

    def _closest_lengths(self, lengths: Array, excluded: bool) -> Array:
        """The reference length next to each, the shorter one of two: (M,)."""
        known, last = self.lengths, len(self.lengths) - 1
        at = np.searchsorted(known, lengths)
        here = np.minimum(at, last)
        equal = known[here] == lengths
        # An excluded text has this very length: one more like it must remain.
        counts = equal & (self.of_length[here] > 1) if excluded else equal
        below = known[np.maximum(at - 1, 0)]
        above = known[np.minimum(at + equal, last)]
        nearer = (above <= lengths) | ((at > 0) & (lengths - below <= above - lengths))
        return np.where(counts, lengths, np.where(nearer, below, above))


def bleu(
    hypotheses: Sequence[Text], references: References, orders: Sequence[int] = ORDERS
) -> dict[int, Estimate]:
    """Mean BLEU-n of the hypotheses, each against all references.

    Backward BLEU is the same with the parts exchanged: ``bleu(test, References(samples))``.
    Raises UserError when there is no hypothesis.
    """
    if len(hypotheses) == 0:
        raise TooFew("BLEU: no texts to score; give at least one")
    return _means(references.scores(hypotheses, orders), orders)


def self_bleu(texts: Sequence[Text], orders: Sequence[int] = ORDERS) -> dict[int, Estimate]:
    """Mean BLEU-n of each text against all the others: high when texts resemble one another.

    The text itself is left out; an identical text elsewhere in the set counts.
    Raises UserError for fewer than two texts.
    """
    if len(texts) < 2:
        raise TooFew(f"Self-BLEU: needs at least 2 texts, got {len(texts)}")
    references = References(texts, highest=max([1, *orders]))
    return _means(references.scores(texts, orders, excluded=True), orders)


def harmonic_mean(a: float, b: float) -> float:
    """2ab/(a+b), of BLEU and backward BLEU for instance; 0 when both are 0."""
    return 2 * a * b / (a + b) if a + b else 0.0


def _counted(text: Array, number: Array) -> tuple[Array, Array, Array]:
    """How often each text has each n-gram: text, number and count of P pairs, (P,) each."""
    known = number >= 0
    size = int(number.max(initial=0)) + 1
    pair, count = np.unique(text[known] * size + number[known], return_counts=True)
    return pair // size, pair % size, count


def _two_largest(text: Array, number: Array, count: Array, size: int) -> tuple[Array, Array, Array]:
    """Of each n-gram's counts the largest, its text, and the next largest: (size,) each."""
    order = np.lexsort((-count, number))
    text, number, count = text[order], number[order], count[order]
    begins = np.searchsorted(number, np.arange(size))  # every number occurs
    following = np.minimum(begins + 1, max(len(number) - 1, 0))
    again = (begins + 1 < len(number)) & (number[following] == np.arange(size))
    return count[begins], text[begins], np.where(again, count[following], 0)


def _means(scores: Array, orders: Sequence[int]) -> dict[int, Estimate]:
    """Scores (texts, orders) -> their mean by order."""
    return {
        n: Estimate.from_scores(column.tolist()) for n, column in zip(orders, scores.T, strict=True)
    }
