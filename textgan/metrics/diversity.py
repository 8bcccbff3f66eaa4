"""How many different n-grams a set of texts has, and how many of them real text has too.

Distinct-n: Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation
Models" (arXiv 1510.03055): kinds of n-grams over n-grams, of all texts together, in [0, 1]; higher
is more varied, and distinct-1 is the type-token ratio. It falls as texts are added, and rises as
they get shorter: only sets of one size compare, and real text's value, not 1, is what to reach.

Coverage: the share of the references' n-grams that the samples have somewhere, and in reverse, the
samples' that the references have; an n-gram counts as often as it occurs. In [0, 1]; a low coverage
is a narrow generator, a low reverse coverage an odd one. Both grow with the number of texts that
are searched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from textgan.metrics.base import Evaluation, Tokens, TooFew
from textgan.metrics.estimate import Estimate

ORDERS = (1, 2, 3, 4)


def ngrams(text: Tokens, n: int) -> Iterator[tuple[str, ...]]:
    """The n-grams of a text in their order; none where it is shorter than n."""
    return zip(*(text[start:] for start in range(n)), strict=False)


def distinct(texts: Sequence[Tokens], n: int) -> Estimate | None:
    """Distinct-n of M texts; None without any n-gram.

    The error is the jackknife's: what leaving out each text in turn changes. (A bootstrap draws
    texts twice, and so shows fewer kinds than there are.)
    """
    holders: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        holders.update(set(ngrams(text, n)))
    own = np.array([sum(holders[g] == 1 for g in set(ngrams(text, n))) for text in texts])
    counts = np.array([max(0, len(text) - n + 1) for text in texts])
    total = counts.sum()
    if not total:
        return None
    with np.errstate(invalid="ignore"):  # where one text has all of them there is no error: nan
        without = (len(holders) - own) / (total - counts)
    m = len(texts)
    error = float(np.sqrt((m - 1) * without.var())) if m > 1 else float("nan")
    return Estimate(len(holders) / int(total), error, m)


def coverage(texts: Sequence[Tokens], searched: Sequence[Tokens], n: int) -> Estimate | None:
    """The share of the texts' n-grams that occur among ``searched``; None without any n-gram.

    A ratio of sums over M texts, its error by the delta method; ``searched`` is taken as given.
    """
    known = {gram for text in searched for gram in ngrams(text, n)}
    found = np.array([sum(gram in known for gram in ngrams(text, n)) for text in texts])
    counts = np.array([max(0, len(text) - n + 1) for text in texts])
    return Estimate.ratio(found, counts) if counts.sum() else None


def length(texts: Sequence[Tokens]) -> Estimate:
    """Tokens a text."""
    return Estimate.from_scores([len(text) for text in texts])


def diversity(e: Evaluation) -> dict[str, Estimate | None]:
    """All of them by name.

    Raises:
        UserError: no texts, or no references.
    """
    if not e.tokens or not e.references:
        raise TooFew(
            f"diversity: needs at least 1 text and 1 reference, got {len(e.tokens)} and "
            f"{len(e.references)}"
        )
    figures: dict[str, Estimate | None] = {f"distinct-{n}": distinct(e.tokens, n) for n in ORDERS}
    for n in ORDERS:
        figures[f"{n}-gram coverage"] = coverage(e.references, e.tokens, n)
        figures[f"{n}-gram reverse coverage"] = coverage(e.tokens, e.references, n)
    return figures | {"length": length(e.tokens)}
