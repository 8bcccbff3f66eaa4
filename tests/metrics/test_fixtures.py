"""Generators with one fault each, and which figure sees it: the table of docs/metrics.md.

Texts are of a known language (corpora/grammar_en.pcfg), so that real text, what was trained on, and
what a perfect generator writes are fresh draws of one distribution.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from textgan import grammar_oracle
from textgan.data.oracle import draw_uniform
from textgan.metrics import ENCODED, METRICS, Estimate, Evaluation, better
from textgan.metrics.base import Tokens
from textgan.metrics.encoder import installed

TEXTS = 500
FAR = 4.0
"""Standard errors of the difference to real text beyond which a figure sees a fault."""
FIXTURES = ("memoriser", "one text", "20 texts", "shuffled", "any category", "perfect")
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@cache
def drawn() -> list[Tokens]:
    """Texts of the grammar: to train on, references, real ones, a perfect generator's."""
    grammar = grammar_oracle.read("corpora/grammar_en.pcfg").grammar
    numbers = grammar.draw(draw_uniform(0, 0, 4 * TEXTS, grammar.nodes))
    return [[grammar.words[i] for i in text] for text in numbers]


def labels(texts: list[Tokens]) -> list[str]:
    return ["long" if len(text) > 8 else "short" for text in texts]


def evaluation(tokens: list[Tokens], labelled: list[str] | None = None) -> Evaluation:
    """Samples beside references that are never what was trained on."""
    training, references = drawn()[:TEXTS], drawn()[TEXTS : 2 * TEXTS]
    return Evaluation(
        texts=[" ".join(text) for text in tokens],
        tokens=tokens,
        labels=labelled or labels(tokens),
        reference_texts=[" ".join(text) for text in references],
        references=references,
        reference_labels=labels(references),
        training_texts=[" ".join(text) for text in training],
        training=training,
        training_labels=labels(training),
    )


@cache
def made(name: str) -> Evaluation:
    """What a generator with one fault writes, and what real text is."""
    chance = np.random.default_rng(0)
    training, perfect = drawn()[:TEXTS], drawn()[3 * TEXTS :]
    if name == "memoriser":  # with replacement, as a generator draws
        return evaluation([training[i] for i in chance.integers(TEXTS, size=TEXTS)])
    if name == "one text":
        return evaluation([perfect[0]] * TEXTS)
    if name == "20 texts":
        return evaluation([perfect[i % 20] for i in range(TEXTS)])
    if name == "shuffled":
        return evaluation([[text[i] for i in chance.permutation(len(text))] for text in perfect])
    if name == "any category":
        return evaluation(perfect, chance.permutation(labels(perfect)).tolist())
    return evaluation(perfect if name == "perfect" else drawn()[2 * TEXTS : 3 * TEXTS])


@cache
def scored(metric: str, name: str) -> dict[str, Estimate | None]:
    return METRICS[metric](made(name))


def distance(figure: str, metric: str, name: str) -> float:
    """How far a fixture's figure is from real text's, in standard errors of the difference."""
    found, real = scored(metric, name)[figure], scored(metric, "real")[figure]
    assert found is not None and real is not None
    return (found.value - real.value) / np.hypot(found.stderr, real.stderr)
