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

import math
from collections import Counter
from collections.abc import Hashable, Sequence

from textgan.errors import UserError
from textgan.metrics.estimate import Estimate

Text = Sequence[Hashable]
NGram = tuple[Hashable, ...]

ORDERS = (2, 3, 4, 5)
EPSILON = 0.1
UNSEEN = (0, -1, 0)


class References:
    """N texts, indexed once for the BLEU of any number of hypotheses.

    Per n-gram it keeps the largest count in one text, the text that holds it, and the largest
    count in any other text: with that any one text can be left out again at no cost.
    ``highest`` is the longest n-gram indexed. Raises UserError when there is no text.
    """

    def __init__(self, texts: Sequence[Text], highest: int = max(ORDERS)) -> None:
        if len(texts) == 0:
            raise UserError("BLEU: no reference texts; give at least one")
        self.highest = highest
        self.lengths = Counter(len(text) for text in texts)
        self.clips: dict[NGram, tuple[int, int, int]] = {}
        for index, text in enumerate(texts):
            for ngram, count in _count_ngrams(text, highest).items():
                first, holder, second = self.clips.get(ngram, UNSEEN)
                if count > first:
                    self.clips[ngram] = (count, index, first)
                elif count > second:
                    self.clips[ngram] = (first, holder, count)

    def sentence_bleu(
        self, text: Text, orders: Sequence[int] = ORDERS, excluded: int | None = None
    ) -> list[float]:
        """BLEU-n in [0, 1] of one text, for each n of ``orders``.

        ``excluded``: the index of the reference that is the text itself, and does not count.
        Raises UserError for no order, or one below 1 or above ``highest``.
        """
        if not orders or min(orders) < 1 or max(orders) > self.highest:
            raise UserError(f"BLEU: orders go from 1 to {self.highest}, got {list(orders)}")
        matches = self._matches(text, excluded)
        if matches[0] == 0:
            return [0.0] * len(orders)
        log_precisions = [
            math.log((match or EPSILON) / max(1, len(text) - i)) for i, match in enumerate(matches)
        ]
        log_penalty = min(0.0, 1 - self._closest_length(len(text), excluded) / len(text))
        return [math.exp(log_penalty + math.fsum(log_precisions[:n]) / n) for n in orders]

    def _matches(self, text: Text, excluded: int | None) -> list[int]:
        """Clipped matches of the text's 1-grams, 2-grams ... up to ``highest``."""
        matches = [0] * self.highest
        for ngram, count in _count_ngrams(text, self.highest).items():
            first, holder, second = self.clips.get(ngram, UNSEEN)
            matches[len(ngram) - 1] += min(count, second if holder == excluded else first)
        return matches

    def _closest_length(self, length: int, excluded: int | None) -> int:
        # The excluded text has this very length: one more like it must remain.
        alone = excluded is not None and self.lengths[length] == 1
        others = (other for other in self.lengths if not (alone and other == length))
        return min(others, key=lambda other: (abs(other - length), other))


def bleu(
    hypotheses: Sequence[Text], references: References, orders: Sequence[int] = ORDERS
) -> dict[int, Estimate]:
    """Mean BLEU-n of the hypotheses, each against all references.

    Backward BLEU is the same with the parts exchanged: ``bleu(test, References(samples))``.
    Raises UserError when there is no hypothesis.
    """
    if len(hypotheses) == 0:
        raise UserError("BLEU: no texts to score; give at least one")
    return _means([references.sentence_bleu(text, orders) for text in hypotheses], orders)


def self_bleu(texts: Sequence[Text], orders: Sequence[int] = ORDERS) -> dict[int, Estimate]:
    """Mean BLEU-n of each text against all the others: high when texts resemble one another.

    The text itself is left out; an identical text elsewhere in the set counts.
    Raises UserError for fewer than two texts.
    """
    if len(texts) < 2:
        raise UserError(f"Self-BLEU: needs at least 2 texts, got {len(texts)}")
    references = References(texts, highest=max([1, *orders]))
    scores = [references.sentence_bleu(text, orders, index) for index, text in enumerate(texts)]
    return _means(scores, orders)


def harmonic_mean(a: float, b: float) -> float:
    """2ab/(a+b), of BLEU and backward BLEU for instance; 0 when both are 0."""
    return 2 * a * b / (a + b) if a + b else 0.0


def _count_ngrams(text: Text, highest: int) -> Counter[NGram]:
    tokens = tuple(text)
    return Counter(
        tokens[start : start + n]
        for n in range(1, highest + 1)
        for start in range(len(tokens) - n + 1)
    )


def _means(scores: Sequence[Sequence[float]], orders: Sequence[int]) -> dict[int, Estimate]:
    """Scores (texts, orders) -> their mean by order."""
    columns = zip(*scores, strict=True)
    return {n: Estimate.from_scores(column) for n, column in zip(orders, columns, strict=True)}
