"""Scores on the validation split while training: they choose ``best``, never the test split."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from transformers import LogitsProcessorList

from textgan import density, runtime
from textgan.data.corpus import Corpus
from textgan.data.sequences import Sequences
from textgan.data.splits import Split
from textgan.generators import Generator
from textgan.generators.grammar import GrammarGenerator
from textgan.metrics import known_language
from textgan.metrics.bleu import References, bleu, harmonic_mean
from textgan.metrics.estimate import Estimate
from textgan.metrics.known_language import LogProbs

ROWS = 64
"""Texts a teacher-forced pass."""


@torch.no_grad()
def nll(
    generator: Generator, corpus: Corpus, split: Split, rows: Sequence[int] | None = None
) -> Estimate:
    """Nats a real token of a split, or of some of its texts, ``<eos>`` included, padding not; the
    error is over texts.

    Labelled texts are scored under their label. Of a generator with noise each has one draw of z:
    an upper bound in expectation, and no close one.
    """
    device = next(generator.parameters()).device
    totals, counts = [], []
    order = range(len(corpus.splits[split])) if rows is None else rows
    with runtime.evaluating(generator):
        for some in runtime.portions(len(order), ROWS):
            s = corpus.batch(split, order[some]).to(device)
            totals.append(runtime.gather(-generator.log_prob(s).sum(dim=1).double()))
            counts.append(runtime.gather(s.lengths.double()))
    return Estimate.ratio(*(torch.cat(part).cpu().numpy() for part in (totals, counts)))


def sampled(
    generator: Generator, count: int, processors: LogitsProcessorList | None = None
) -> Sequences:
    """``count`` texts, by the chances that transformers' processors leave; they follow from
    runtime's seed.
    """
    return Sequences.cat(
        [
            generator.sample(rows.stop - rows.start, logits_processor=processors).each(
                runtime.gather
            )
            for rows in runtime.portions(count, 256)
        ]
    )


def sample_ids(generator: Generator, count: int) -> list[list[int]]:
    """The same as ids without end and padding."""
    return plain(sampled(generator, count))


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
    (``nll_test`` on validation texts), JSD in nats a text. A grammar says instead of NLL_oracle,
    which one wrong text makes infinite, how large a part of the texts is ``possible``. Of a
    generator with noise ``nll_test`` and ``jsd`` are upper bounds.
    """
    count = min(count, len(corpus.splits["validation"]))
    found = log_probs(sides(generator, corpus, "validation", count))
    tokens = tokens_a_text(corpus, "validation")
    if isinstance(corpus.oracle, GrammarGenerator):
        quality = {"possible": known_language.possible(found).value}
    else:
        quality = {"nll_oracle": known_language.nll_oracle(found, tokens).value}
    return {
        **quality,
        "nll_test": known_language.nll_test(found, tokens).value,
        "jsd": known_language.jsd(found).value,
    }


def tokens_a_text(corpus: Corpus, split: Split) -> float:
    """Tokens of a real text, ends included, on average: what makes nats a text nats a token."""
    ids = corpus.splits[split]
    return float(ids.starts[-1] - ids.starts[0]) / len(ids)


class Sides(NamedTuple):
    """A language and a generator, on one device, and texts of either."""

    oracle: Generator
    generator: Generator
    real: Sequences
    fake: Sequences


def sides(generator: Generator, corpus: Corpus, split: Split, count: int) -> Sides:
    """A split's first ``count`` texts, and as many samples, which follow from runtime's seed; of a
    generator with noise at most ``density.TEXTS``.
    """
    assert corpus.oracle is not None, "no oracle's corpus"
    count = min(count, density.TEXTS) if generator.latent_size else count
    oracle = corpus.oracle.to(next(generator.parameters()).device)  # type: ignore[arg-type]
    real = corpus.batch(split, range(count))
    return Sides(oracle, generator, real, sampled(generator, count))


def log_probs(of: Sides) -> LogProbs:
    """Both sides' texts under both densities: exact, or bounds if the generator has noise, which
    draws from runtime's stream (see ``density``).
    """
    oracle, generator, real, fake = of
    return LogProbs(
        p_of_p=density.text_log_prob(oracle, real),
        g_of_p=density.text_log_prob(generator, real),
        p_of_g=density.text_log_prob(oracle, fake),
        g_of_g=own_log_prob(generator, fake),
    )


def own_log_prob(generator: Generator, fake: Sequences) -> np.ndarray:
    """(M,) log-probabilities of a generator's samples: those under which they were drawn, unless
    each may have been made from several things, whose chances add up (see ``density``).
    """
    if generator.latent_size or generator.categories:
        return density.text_log_prob(generator, fake)
    assert fake.log_prob is not None
    return fake.log_prob.double().sum(dim=1).cpu().numpy()


def prefix_divergences(of: Sides, tokens: float) -> dict[str, Estimate | None]:
    """``known_language.by_prefix`` of both sides' texts, by ``tokens`` a text.

    None for a grammar, which gives no distribution of the next word, and of a generator with noise,
    whose is an integral behind each prefix.
    """
    oracle, generator, real, fake = of
    if isinstance(oracle, GrammarGenerator) or generator.latent_size:
        return dict.fromkeys(known_language.BY_PREFIX)
    return {
        **known_language.by_prefix(
            _prefix_kl(oracle, generator, real), _prefix_kl(generator, oracle, fake), tokens
        )
    }


@torch.no_grad()
def _prefix_kl(a: Generator, b: Generator, s: Sequences) -> np.ndarray:
    """(B,) nats: over a text of a, the sum of KL(a||b) of the next token behind each prefix."""
    s = s.to(next(a.parameters()).device)
    parts = []
    with runtime.evaluating(a, b):
        for rows in runtime.portions(len(s), ROWS):
            log_a, log_b = (density.next_word(player, s[rows]) for player in (a, b))
            kl = (log_a.exp() * (log_a - log_b)).sum(dim=2)  # (B, T)
            parts.append(runtime.gather((kl * s[rows].mask).double().sum(dim=1)))
    return torch.cat(parts).cpu().numpy()
