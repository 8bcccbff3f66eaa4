"""Generators with one fault each, and which figure sees it: the table of docs/metrics.md.

Texts are of a known language (corpora/grammar_en.pcfg), so that real text, what was trained on, and
what a perfect generator writes are fresh draws of one distribution.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from textgan import grammar_oracle
from textgan.data.oracle import draw_uniform
from textgan.metrics import ENCODED, METRICS, Estimate, Evaluation, better, figures
from textgan.metrics.base import Tokens
from textgan.metrics.encoder import installed

TEXTS = 500
TRAINING = 1000
FAR = 4.0
"""Standard errors of the difference to real text beyond which a figure sees a fault."""
FIXTURES = ("memoriser", "one text", "20 texts", "shuffled", "any category", "perfect")
SEEN = {  # by figure, in the order of FIXTURES: x seen, + looks better than real text, . not seen
    "BLEU-2": ".x.x..",
    "BLEU-5": ".+.x..",
    "Self-BLEU-5": ".xx+..",
    "backward BLEU-5": ".xxx..",
    "harmonic BLEU-5": ".xxx..",
    "sacreBLEU": ".+.x..",
    "LM score": ".+.x..",
    "reverse LM score": ".xxx..",
    "distinct-1": ".xx...",
    "distinct-3": ".xx+..",
    "3-gram coverage": ".xxx..",
    "2-gram reverse coverage": ".x.x..",
    "length": ".xx...",
    "exact copies": "x.....",
    "copied run": "xx.+..",
    "nearest training text": "x..+..",
    "data-copying z": "x..x..",
    "category accuracy": "+xx.x.",
    "category score": ".xx...",
}
SEEN_SLOWLY = {
    "neural LM score": ".+.x..",
    "neural reverse LM score": ".xxx..",
    "macro-F1, generated": ".xx.x.",
    "accuracy, gain": "......",
    "FED": ".xxx..",
    "MAUVE": ".xx...",
    "precision": ".++x..",
    "recall": ".xxx..",
    "density": ".x.x..",
    "coverage": ".xxx..",
    "Vendi": ".xxx..",
}
SIGNS = {"x": "●", "+": "▲", ".": "·"}
SLOW = ENCODED | {"augmentation", "neural_lm"}
READ = {
    "lower": (
        "LM score",
        "neural LM score",
        "Self-BLEU",
        "exact copies",
        "copied run",
        "nearest training text",
    ),
    "higher": (
        *("distinct", "Vendi", "density", "category score"),
        *(f"{n}-gram" for n in (1, 2, 3, 4)),
    ),
}
"""How tables of papers read figures that have no better side of real text's value."""
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@cache
def drawn() -> list[list[Tokens]]:
    """Texts to train on, references, real ones, a perfect generator's."""
    grammar = grammar_oracle.read("corpora/grammar_en.pcfg").grammar
    numbers = grammar.draw(draw_uniform(0, 0, TRAINING + 3 * TEXTS, grammar.nodes))
    texts = [[grammar.words[i] for i in text] for text in numbers]
    at = [0, *(TRAINING + i * TEXTS for i in range(4))]
    return [texts[start:end] for start, end in pairwise(at)]


def labels(texts: list[Tokens]) -> list[str]:
    return ["long" if len(text) > 8 else "short" for text in texts]


def evaluation(tokens: list[Tokens], labelled: list[str] | None = None) -> Evaluation:
    """Samples beside references that nobody was trained on."""
    training, references = drawn()[:2]
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


def made(name: str) -> Evaluation:
    """What a generator with one fault writes, or real text."""
    chance = np.random.default_rng(0)
    training, _, real, perfect = drawn()
    asked = labels(perfect)
    if name == "memoriser":  # without repeats, as from a training set much larger than the sample
        return evaluation([training[i] for i in chance.permutation(TRAINING)[:TEXTS]])
    if name == "one text":
        return evaluation([perfect[0]] * TEXTS, asked)
    if name == "20 texts":
        return evaluation([perfect[i % 20] for i in range(TEXTS)], asked)
    if name == "shuffled":
        return evaluation([[text[i] for i in chance.permutation(len(text))] for text in perfect])
    if name == "any category":
        return evaluation(perfect, chance.permutation(asked).tolist())
    return evaluation(perfect if name == "perfect" else real)


@cache
def scored(name: str, slow: bool) -> dict[str, Estimate | None]:
    """All figures of a fixture, those that take long or the others."""
    e = made(name)
    return figures(e, tuple(metric for metric in METRICS if (metric in SLOW) == slow))


def distance(figure: str, name: str, slow: bool) -> float:
    """How far a fixture's figure is from real text's, in standard errors of the difference."""
    found, real = scored(name, slow)[figure], scored("real", slow)[figure]
    assert found is not None and real is not None
    if found.value == real.value:
        return 0.0
    with np.errstate(divide="ignore"):
        return float(np.float64(found.value - real.value) / np.hypot(found.stderr, real.stderr))


def mark(figure: str, name: str, slow: bool) -> str:
    """``x`` for a fault that is seen, ``+`` for one by which texts look better than real ones,
    ``.`` for one that isn't seen.
    """
    found = distance(figure, name, slow)
    if abs(found) <= FAR:
        return "."
    ways = [way for way, kinds in READ.items() if figure.startswith(kinds)]
    good = (better(figure) or (ways or [None])[0]) == ("higher" if found > 0 else "lower")
    return "+" if good else "x"


def test_which_figure_sees_which_fault() -> None:
    found = {
        figure: "".join(mark(figure, name, slow=False) for name in FIXTURES) for figure in SEEN
    }
    assert found == SEEN


@pytest.mark.slow  # sentences are embedded, classifiers and language models trained: 90 seconds
@pytest.mark.skipif(not installed(), reason="no textgan[embeddings]")
def test_which_figure_of_what_learns_sees_which_fault() -> None:
    found = {
        figure: "".join(mark(figure, name, slow=True) for name in FIXTURES)
        for figure in SEEN_SLOWLY
    }
    assert found == SEEN_SLOWLY


def test_a_perfect_generator_is_told_from_real_text_by_nothing() -> None:
    for figure in scored("real", slow=False):
        assert mark(figure, "perfect", slow=False) == ".", figure


def test_a_memoriser_is_seen_by_figures_of_memorisation_alone() -> None:
    seen = {f for f in scored("real", slow=False) if mark(f, "memoriser", slow=False) == "x"}
    assert seen == {"exact copies", "copied run", "nearest training text", "data-copying z"}


def test_every_other_order_says_the_same_or_less() -> None:
    """The page shows one order of BLEU; no other one sees the memoriser or a missing category."""
    for figure in scored("real", slow=False):
        if "BLEU" in figure or "gram" in figure or figure.startswith("distinct"):
            assert {mark(figure, name, slow=False) for name in ("memoriser", "any category")} == {
                "."
            }


def test_the_page_shows_this_table() -> None:
    page = PAGE.read_text("utf-8").splitlines()
    assert f"| figure | {' | '.join(FIXTURES)} |" in page
    for figure, marks in (SEEN | SEEN_SLOWLY).items():
        signs = " | ".join(SIGNS[each] for each in marks)
        assert f"| {figure} | {signs} |" in page
