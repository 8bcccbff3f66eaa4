"""A language whose every text and probability is known: six words, four to a text.

A word is mostly followed by the next one or the one after it. A generator's texts are enumerated
too, right or wrong, so divergences are sums and no estimates.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators.base import Generator

WORDS, LENGTH, EOS = 6, 4, 2
"""Ids 3 to 8 are words; 0 is padding, 1 <bos>."""
VOCABULARY = 3 + WORDS
NODES = 6
"""Points a dimension of noise, by Gauss and Hermite."""
Array = np.ndarray


def language() -> tuple[torch.Tensor, Array]:
    """All texts of the language, (N, LENGTH + 1), and their probabilities."""
    texts, p = [], []
    for words in itertools.product(range(WORDS), repeat=LENGTH):
        steps = [(b - a) % WORDS for a, b in itertools.pairwise(words)]
        first = 0.5 if words[0] < 2 else 0.02
        p.append(first * np.prod([{1: 0.6, 2: 0.3}.get(s, 0.025) for s in steps]))
        texts.append([3 + w for w in words] + [EOS])
    return torch.tensor(texts), np.array(p) / np.sum(p)


def others() -> torch.Tensor:
    """What a generator may write besides: too short, or without an end."""
    found = []
    for length in range(LENGTH + 2):
        if length == LENGTH:
            continue
        for words in itertools.product(range(3, VOCABULARY), repeat=length):
            text = [*words, EOS] if length < LENGTH else list(words)
            found.append(text + [0] * (LENGTH + 1 - len(text)))
    return torch.tensor(found)


TEXTS, P = language()
EVERY = Sequences(torch.cat([TEXTS, others()]), EOS)
TRUTH = np.concatenate([P, np.zeros(len(EVERY) - len(P))])


def real(rng: np.random.Generator, count: int) -> Sequences:
    """Texts of the language, labelled by the parity of the first word: half the texts each."""
    ids = TEXTS[rng.choice(len(P), count, p=P)]
    return Sequences(ids, EOS, category=(ids[:, 0] - 3) % 2)


@torch.no_grad()
def density(generator: Generator) -> Array:
    """The probability of every text, in the order of ``EVERY``; they sum to 1.

    Categories are equally likely; over noise it is an integral, by quadrature.
    """
    found = np.zeros(len(EVERY))
    with runtime.evaluating(generator):
        for weight, noise, category in conditions(generator):
            parts = [
                replace(s, noise=noise.expand(len(s), -1), category=category.expand(len(s)))
                for s in EVERY.split(4)
            ]
            log_prob = torch.cat([generator.log_prob(s).sum(dim=1) for s in parts])
            found += weight * log_prob.double().exp().numpy()
    assert abs(found.sum() - 1) < 1e-3, found.sum()
    return found


def conditions(generator: Generator) -> Iterator[tuple[float, torch.Tensor, torch.Tensor]]:
    """What a text may be made from: a weight, noise (Z,) and a category."""
    points, weights = np.polynomial.hermite_e.hermegauss(NODES)
    kinds = max(1, generator.categories)
    for place in itertools.product(range(NODES), repeat=generator.latent_size):
        noise = torch.tensor(points[list(place)], dtype=torch.float32)
        weight = np.prod(weights[list(place)] / weights.sum()) / kinds
        for category in range(kinds):
            yield weight, noise, torch.tensor(category)


def kl(p: Array, q: Array) -> float:
    """KL(p || q) in nats a text."""
    some = p > 0
    return float((p[some] * np.log(p[some] / np.maximum(q[some], 1e-300))).sum())


def jsd(p: Array, q: Array) -> float:
    """Jensen-Shannon divergence in nats; log 2 at most."""
    middle = (p + q) / 2
    return 0.5 * kl(p, middle) + 0.5 * kl(q, middle)
