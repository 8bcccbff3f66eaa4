"""The BLEU family as the table shows it: forward, Self-, backward, their harmonic mean, sacreBLEU.

BLEU of samples against held-out text measures quality, and is high for a generator that writes one
good sentence for ever; backward BLEU, held-out text against samples, is high only for one that
writes all of them, and Self-BLEU tells how alike the samples are. None sees more than five words
in a row: a bigram model scores well.
"""

import math
from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics.bleu import BLEU, BLEUScore

from textgan.metrics.base import Evaluation, TooFew
from textgan.metrics.bleu import ORDERS, References, Text, bleu, harmonic_mean, self_bleu
from textgan.metrics.estimate import Estimate

Figures = dict[str, Estimate | None]
RESAMPLES = 1000


def forward(e: Evaluation) -> Figures:
    """``BLEU-n``: mean sentence BLEU of the texts against all references; higher is closer."""
    return _named("BLEU", bleu(e.tokens, References(e.references)))


def own(e: Evaluation) -> Figures:
    """``Self-BLEU-n``: each text against all the others; near real text's value is best."""
    return _named("Self-BLEU", self_bleu(e.tokens))


def backward(e: Evaluation) -> Figures:
    """``backward BLEU-n`` of the references against the texts, and the harmonic mean of both."""
    to = bleu(e.tokens, References(e.references))
    back = bleu(e.references, References(e.tokens))
    both = {n: _harmonic(to[n], back[n]) for n in ORDERS}
    return {**_named("backward BLEU", back), **_named("harmonic BLEU", both)}


def sacre(e: Evaluation) -> Figures:
    """``sacreBLEU``: corpus-level BLEU-4 in [0, 100] of texts already cut into tokens.

    Its standard error is a bootstrap's over the texts. ``signature`` says how it was taken.
    """
    return {"sacreBLEU": sacrebleu(e.tokens, e.references, e.seed)}


def sacrebleu(texts: Sequence[Text], references: Sequence[Text], seed: int = 0) -> Estimate:
    """Post 2018 ("A Call for Clarity in Reporting BLEU Scores"), every text against all references.

    sacrebleu itself would count the references anew for each text; given the counts, it scores.
    Raises UserError when there is no text.
    """
    if len(texts) == 0:
        raise TooFew("sacreBLEU: no texts to score; give at least one")
    metric = BLEU(tokenize="none")
    order = metric.max_ngram_order
    matches, lengths, closest = References(references, highest=order).counts(texts)
    possible = np.maximum(0, lengths[:, None] - np.arange(order))

    def score(rows: np.ndarray) -> float:
        found: BLEUScore = metric.compute_bleu(
            matches[rows].sum(axis=0).astype(int).tolist(),
            possible[rows].sum(axis=0).tolist(),
            int(lengths[rows].sum()),
            int(closest[rows].sum()),
            metric.smooth_method,
            metric.smooth_value,
            metric.effective_order,
            order,
        )
        return found.score

    rng, every = np.random.default_rng(seed), np.arange(len(texts))
    resampled = [score(rng.choice(every, len(texts))) for _ in range(RESAMPLES)]
    return Estimate(score(every), float(np.std(resampled, ddof=1)), len(texts))


def signature(references: int) -> str:
    """sacreBLEU's own, for so many references."""
    metric = BLEU(tokenize="none")
    metric.num_refs = references
    return str(metric.get_signature())


def _harmonic(a: Estimate, b: Estimate) -> Estimate:
    """Its error by the delta method, a's and b's taken for independent."""
    value = harmonic_mean(a.value, b.value)
    total = (a.value + b.value) or 1.0
    slopes = 2 * (b.value / total) ** 2, 2 * (a.value / total) ** 2
    return Estimate(value, math.hypot(slopes[0] * a.stderr, slopes[1] * b.stderr), min(a.n, b.n))


def _named(name: str, by_order: dict[int, Estimate]) -> Figures:
    return {f"{name}-{n}": estimate for n, estimate in by_order.items()}
