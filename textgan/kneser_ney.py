"""Smoothed n-grams: interpolated modified Kneser-Ney (Chen and Goodman 1998, TR-10-98, sec. 3).

    p(w | h) = (a(hw) - D(a(hw))) / a(h.) + gamma(h) p(w | h')        h' is h without its first word
    gamma(h) = (D1 N1(h.) + D2 N2(h.) + D3 N3+(h.)) / a(h.)

a is a count at the highest order, and below it the number of words that stand in front (a count
again for what begins a text); an order's D1, D2 and D3+ follow from how many of its n-grams have
a = 1 to 4. Below the single words lies the uniform distribution, so that every text has a chance.

The k-grams of each order stand in a table sorted by key, and a k-gram's *number* is its place
there; the key is the number of its first k - 1 words times V, plus the last word. So what follows
a context is one stretch of a table. No loop goes over n-grams, neither to fit nor to draw.

Shapes: N texts, T positions, V words, n the order. A *state* (N, n - 1) has the numbers of the last
1 to n - 1 words; -1 for what hasn't been seen, or where the text is shorter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

Array = np.ndarray
FALLBACK = (0.5, 1.0, 1.5)
"""D1, D2, D3+ where the counts are too few to estimate them (as KenLM has it)."""


@dataclass(frozen=True)
class Level:
    """The k-grams of one order and what they take of their contexts' mass."""

    keys: Array
    """(K,) sorted."""
    begins: Array
    """(C + 1,) where the stretch of each of the C contexts begins."""
    share: Array
    """(K + 1,) (a - D(a)) / a(h.), and last 0: the share of number -1, which isn't known."""
    above: Array
    """(K + 1,) the shares in front of each, added up."""
    left: Array
    """(C + 1,) gamma: what each context leaves to shorter ones; 1 where nothing follows it, and
    last for context -1."""


class KneserNey:
    """An n-gram model; ``fit`` makes one of texts, the constructor one of stored tables."""

    def __init__(
        self, begin: int, never: Iterable[int], keys: list[Array], counts: list[Array], d: Array
    ) -> None:
        """Take the tables of a fitted model.

        Args:
            begin: the word in front of every text.
            never: words that are no outcome, ``begin`` among them.
            keys: by order, of the k-grams; of the single words none, their key is the word.
            counts: by order a of its k-grams: (V,), (K2,), ...
            d: (n, 3) D1, D2, D3+.
        """
        self.begin, self.order, self.vocabulary = begin, len(counts), len(counts[0])
        self.outcomes = np.setdiff1d(np.arange(self.vocabulary), list(never))
        self.keys, self.counts, self.d = keys, counts, d

    @classmethod
    def fit(
        cls,
        texts: Sequence[Sequence[int]],
        vocabulary: int,
        begin: int,
        *,
        order: int = 5,
        never: Iterable[int] = (),
        discounts: Array | None = None,
    ) -> "KneserNey":
        """Count the texts: words 0 to V - 1, ends included, ``begin`` not.

        ``discounts`` (n, 3) are used instead of estimated ones.
        """
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
        words = np.fromiter(
            chain.from_iterable(chain((begin,), text) for text in texts), np.int64, lengths.sum()
        )
        place = np.arange(len(words)) - np.repeat(lengths.cumsum() - lengths, lengths)
        keys, counts = [np.empty(0, np.int64)], []
        number, opens = words, np.arange(vocabulary) == begin
        for k in range(1, order + 1):
            raw = np.bincount(number[place >= k - 1], minlength=len(opens))
            if k == order:
                counts.append(raw)
                break
            inside = place >= k
            key = number[np.flatnonzero(inside) - 1] * vocabulary + words[inside]
            table, found = np.unique(key, return_inverse=True)
            shorter = np.empty_like(table)  # each k+1-gram without its first word
            shorter[found] = number[inside]
            preceding = np.bincount(shorter, minlength=len(opens))
            counts.append(np.where(opens, raw, preceding))
            keys.append(table)
            opens = opens[table // vocabulary]
            number = np.full_like(words, -1)
            number[inside] = found
        counts[0][begin] = 0
        if discounts is None:
            discounts = np.array([estimate_discounts(count) for count in counts])
        return cls(begin, {begin, *never}, keys, counts, discounts)

    @cached_property
    def levels(self) -> list[Level]:
        """The shares by order; the single words' one context is number 0."""
        return [
            _level(key if k else np.arange(self.vocabulary), self.vocabulary, count, d, contexts)
            for k, (key, count, d, contexts) in enumerate(
                zip(self.keys, self.counts, self.d, [1, *map(len, self.counts)], strict=False)
            )
        ]

    def start(self, size: int) -> Array:
        """The state behind ``begin``: (size, n - 1)."""
        state = np.full((size, self.order - 1), -1)
        state[:, :1] = self.begin
        return state

    def numbers(self, state: Array, ids: Array) -> Array:
        """The numbers of the 1- to n-grams that end with each word: (N, T) -> (N, T, n).

        Behind the last word the state is ``numbers[:, -1, :-1]``.
        """
        found = np.empty((*ids.shape, self.order), dtype=np.int64)
        found[:, :, 0] = ids
        for k in range(1, self.order):
            before = np.concatenate([state[:, k - 1, None], found[:, :-1, k - 1]], axis=1)
            found[:, :, k] = self._find(k, before, ids)
        return found

    def _find(self, k: int, before: Array, word: Array) -> Array:
        """The numbers of k+1-grams; -1 for those that aren't known."""
        table, key = self.keys[k], before * self.vocabulary + word
        if not len(table):
            return np.full_like(key, -1)
        place = np.minimum(np.searchsorted(table, key), len(table) - 1)
        return np.where((before >= 0) & (table[place] == key), place, -1)

    def chances(self, state: Array, ids: Array) -> Array:
        """p of each word behind the state and the words before it: (N, T)."""
        numbers = self.numbers(state, ids)
        contexts = np.concatenate([state[:, None], numbers[:, :-1, :-1]], axis=1)
        p = np.full(ids.shape, 1 / len(self.outcomes))
        for k, level in enumerate(self.levels):
            context = contexts[:, :, k - 1] if k else np.zeros_like(ids)
            p = level.left[context] * p + level.share[numbers[:, :, k]]
        return np.where(np.isin(ids, self.outcomes), p, 0)

    def rows(self, state: Array) -> Array:
        """The whole distribution of the next word: (N, n - 1) -> (N, V)."""
        scale = np.ones(len(state))
        added = []
        for k in range(self.order - 1, 0, -1):
            level, context = self.levels[k], state[:, k - 1]
            known = np.flatnonzero(context >= 0)
            first, end = (level.begins[context[known] + i] for i in (0, 1))
            row = np.repeat(known, end - first)
            at = np.arange(len(row)) + np.repeat(end - (end - first).cumsum(), end - first)
            added.append((row, level.keys[at] % self.vocabulary, level.share[at] * scale[row]))
            scale[known] *= level.left[context[known]]
        p: Array = scale[:, None] * self._single
        for row, word, share in added:
            p[row, word] += share  # a word once a context
        return p

    @cached_property
    def _single(self) -> Array:
        """(V,) the distribution without a context."""
        p = self.levels[0].share[:-1].copy()
        p[self.outcomes] += self.levels[0].left[0] / len(self.outcomes)
        return p

    def draw(self, state: Array, uniform: Array) -> Array:
        """The next words (N,), by one uniform number in [0, 1) each.

        Level by level: with gamma(h) fall to the shorter context, else a word that follows h. What
        is left of the uniform number decides further.
        """
        word, open_ = np.full(len(state), -1), np.arange(len(state))
        left = uniform.astype(np.float64)
        for k in range(self.order - 1, -1, -1):
            level = self.levels[k]
            context = state[open_, k - 1] if k else np.zeros_like(open_)
            gamma = level.left[context]
            here = left < 1 - gamma
            chosen = context[here]
            first, end = level.above[level.begins[chosen]], level.above[level.begins[chosen + 1]]
            # Rounding may point just past the context's last word.
            target = np.minimum(first + left[here], np.nextafter(end, 0))
            place = np.searchsorted(level.above, target, side="right") - 1
            word[open_[here]] = level.keys[place] % self.vocabulary
            left = (left[~here] - (1 - gamma[~here])) / np.maximum(gamma[~here], 1e-300)
            open_ = open_[~here]
        last = len(self.outcomes) - 1
        word[open_] = self.outcomes[np.minimum(left * (last + 1), last).astype(np.int64)]
        return word


def estimate_discounts(counts: Array) -> tuple[float, float, float]:
    """D1, D2, D3+ of an order's counts (Chen and Goodman 1998, eq. 26), or the fallback."""
    n1, n2, n3, n4 = (int((counts == i).sum()) for i in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    sound = all(0 <= d <= i for i, d in enumerate(found, start=1))
    return found if sound else FALLBACK


def _level(keys: Array, vocabulary: int, counts: Array, d: Array, contexts: int) -> Level:
    begins = np.searchsorted(keys, np.arange(contexts + 1) * vocabulary)
    discounted = counts - np.concatenate([[0], d])[np.minimum(counts, 3)]
    context = np.repeat(np.arange(contexts), np.diff(begins))
    total, kept = (np.bincount(context, x, contexts) for x in (counts, discounted))
    left = np.where(total > 0, 1 - kept / np.maximum(total, 1), 1)
    share = discounted / np.maximum(total, 1)[context]
    above = np.concatenate([[0], share.cumsum()])
    return Level(keys, begins, np.append(share, 0), above, np.append(left, 1))
