"""Scores on the validation split while training: they choose ``best``, never the test split."""

import numpy as np
import torch

from textgan import runtime
from textgan.data.corpus import Corpus
from textgan.data.sequences import Sequences
from textgan.data.splits import Split
from textgan.errors import UserError
from textgan.generators import Generator
from textgan.metrics import known_language
from textgan.metrics.bleu import References, bleu, harmonic_mean
from textgan.metrics.estimate import Estimate
from textgan.metrics.known_language import LogProbs

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
    if s.eos is None:
        texts: list[list[int]] = s.ids.tolist()
        return texts
    lengths = s.mask.sum(dim=1) - ((s.ids == s.eos) & s.mask).any(dim=1).long()
    return [row[:n] for row, n in zip(s.ids.tolist(), lengths.tolist(), strict=True)]


def quality(generator: Generator, corpus: Corpus, count: int) -> dict[str, float]:
    """BLEU-4 of samples against validation texts, and backward, and their harmonic mean."""
    real = corpus.ids("validation")
    fake = sample_ids(generator, min(count, max(2, len(real))))
    forward = bleu(fake, References(real, highest=4), orders=(4,))[4].value
    backward = bleu(real, References(fake, highest=4), orders=(4,))[4].value
    return {
        "bleu4": forward,
        "backward_bleu4": backward,
        "harmonic_bleu4": harmonic_mean(forward, backward),
    }


def divergence(generator: Generator, corpus: Corpus, count: int) -> dict[str, float]:
    """How far the generator is from the oracle, by ``count`` texts of either: NLL in nats a token
    (``nll_test`` on validation texts), JSD in nats a text.
    """
    count = min(count, len(corpus.splits["validation"]))
    found = log_probs(generator, corpus, "validation", count)
    return {
        "nll_oracle": known_language.nll_oracle(found, corpus.length).value,
        "nll_test": known_language.nll_test(found, corpus.length).value,
        "jsd": known_language.jsd(found).value,
    }


def log_probs(generator: Generator, corpus: Corpus, split: Split, count: int) -> LogProbs:
    """A split's first ``count`` texts, and as many samples, under the oracle and the generator.

    Raises:
        UserError: the generator's density isn't known.
    """
    assert corpus.oracle is not None, "no oracle's corpus"
    if generator.latent_size or generator.categories:
        raise UserError(
            "corpus.oracle: it is compared by density, and that of a generator with noise or "
            "categories isn't known; set generator.latent_size and generator.categories to 0"
        )
    oracle = corpus.oracle.to(next(generator.parameters()).device)  # type: ignore[arg-type]
    real = corpus.batch(split, range(count))
    drawn = [generator.sample(len(range(count)[rows])) for rows in runtime.chunks(count, 256)]
    fake = Sequences.cat(drawn)
    assert fake.log_prob is not None
    return LogProbs(
        p_of_p=_text_log_prob(oracle, real),
        g_of_p=_text_log_prob(generator, real),
        p_of_g=_text_log_prob(oracle, fake),
        g_of_g=fake.log_prob.double().sum(dim=1).cpu().numpy(),
    )


@torch.no_grad()
def _text_log_prob(generator: Generator, s: Sequences) -> np.ndarray:
    """(B,) log-probabilities of whole texts, in nats."""
    s = s.to(next(generator.parameters()).device)
    with runtime.evaluating(generator):
        parts = [
            generator.log_prob(s[rows]).double().sum(dim=1) for rows in runtime.chunks(len(s), ROWS)
        ]
    return torch.cat(parts).cpu().numpy()
