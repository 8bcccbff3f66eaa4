"""Scores on the validation split while training: they choose ``best``, never the test split."""

import torch

from textgan import runtime
from textgan.data.corpus import Corpus
from textgan.data.sequences import Sequences
from textgan.data.splits import Split
from textgan.generators import Generator
from textgan.metrics.bleu import References, bleu, harmonic_mean
from textgan.metrics.estimate import Estimate

ROWS = 64
"""Texts a teacher-forced pass."""


@torch.no_grad()
def nll(generator: Generator, corpus: Corpus, split: Split) -> Estimate:
    """Nats a real token, ``<eos>`` included, padding not; the error is that of a mean over texts.

    Ratio of sums, its standard error by the delta method.
    """
    device = next(generator.parameters()).device
    totals, counts = [], []
    order = range(len(corpus.splits[split]))
    with runtime.evaluating(generator):
        for start in range(0, len(order), ROWS):
            s = corpus.batch(split, order[start : start + ROWS]).to(device)
            totals.append(-generator.log_prob(s).sum(dim=1).double())
            counts.append(s.lengths.double())
    total, count = torch.cat(totals), torch.cat(counts)
    value = total.sum() / count.sum()
    spread = (total - value * count).square().sum().sqrt() / count.sum()
    return Estimate(float(value), float(spread), len(total))


def sample_ids(generator: Generator, count: int) -> list[list[int]]:
    """``count`` texts as ids without end and padding; they follow from runtime's seed."""
    texts: list[list[int]] = []
    while len(texts) < count:
        texts += plain(generator.sample(min(256, count - len(texts))))
    return texts


def plain(s: Sequences) -> list[list[int]]:
    """Ids without end and padding, as lists."""
    lengths = s.mask.sum(dim=1) - ((s.ids == s.eos) & s.mask).any(dim=1).long()
    return [row[:n] for row, n in zip(s.ids.tolist(), lengths.tolist(), strict=True)]


def quality(generator: Generator, corpus: Corpus, count: int) -> dict[str, float]:
    """BLEU-4 of samples against validation texts, and backward, and their harmonic mean."""
    split = corpus.splits["validation"]
    real = [split.text(i)[:-1] for i in range(len(split))]
    fake = sample_ids(generator, min(count, max(2, len(real))))
    forward = bleu(fake, References(real, highest=4), orders=(4,))[4].value
    backward = bleu(real, References(fake, highest=4), orders=(4,))[4].value
    return {
        "bleu4": forward,
        "backward_bleu4": backward,
        "harmonic_bleu4": harmonic_mean(forward, backward),
    }
