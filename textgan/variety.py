"""How much a few samples vary: cheap figures of each evaluation of a game."""

from collections.abc import Sequence
from itertools import pairwise

from textgan import runtime, validation
from textgan.data.corpus import Corpus, Order
from textgan.generators import Generator
from textgan.metrics.bleu import self_bleu

TEXTS = 200
"""Samples: enough to see a collapse, and a small part of an evaluation's time."""


def variety(texts: Sequence[Sequence[int]]) -> dict[str, float]:
    """Distinct pairs of neighbours as a share of all pairs, and Self-BLEU-4; either in [0, 1].

    A text's beginning and end count as neighbours too: texts that are all empty are no variety.
    """
    pairs = [pair for text in texts for pair in pairwise([-1, *text, -1])]
    own = self_bleu(texts, orders=(4,))[4].value
    return {"distinct2": len(set(pairs)) / len(pairs), "self_bleu4": own}


def of_generator(generator: Generator, corpus: Corpus, seed: int) -> dict[str, float]:
    """Of samples: as many as ``of_corpus`` takes, since either figure depends on the number."""
    runtime.seed(seed, "variety")
    return variety(validation.sample_ids(generator, _count(corpus)))


def of_corpus(corpus: Corpus, seed: int) -> dict[str, float]:
    """Of training texts."""
    rows = Order(len(corpus), seed).take("variety", 0, _count(corpus))
    return variety(corpus.ids("train", rows))


def _count(corpus: Corpus) -> int:
    return max(2, min(TEXTS, len(corpus)))
