"""Whether texts drawn for a category are of it, and whether they help to learn the categories.

A small classifier (``classifier.py``) is trained anew on the labelled texts that are at hand.

* *category accuracy*: the share of texts in which a classifier of the real training texts sees the
  category that they were drawn for, in [0, 1]. A generator of one typical sentence a category
  excels: read it beside a figure of diversity, and beside that of held-out real text.
* *category score*: exp E KL(p(y|x) ‖ p(y)) of that classifier, Salimans et al. 2016's Inception
  Score (arXiv 1606.03498, section 4) for texts. In [1, categories], higher is surer and more even.
  It shares that trap, and depends on how sure the classifier is of real text.
* *accuracy* and *macro-F1* on held-out real texts of a classifier trained on real, on generated and
  on both (train on synthetic, test on real: Esteban et al. 2017, arXiv 1706.02633, section 4.2),
  and the *gain* of both over real alone: above 0, the generated texts help. Of training text as the
  generated text the gain is that of reading it twice: what isn't above that, is no help.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textgan.metrics.base import Evaluation, Tokens, TooFew
from textgan.metrics.classifier import fit
from textgan.metrics.estimate import Estimate

Array = np.ndarray
Labelled = tuple[Sequence[Tokens], Sequence[str]]

REPEATS = 5
"""Classifiers on training texts drawn anew, for the error."""
TESTS = 20
"""Test sets drawn anew for each of them."""
KINDS = ("real", "generated", "both")


def categories(e: Evaluation) -> dict[str, Estimate | None]:
    """Accuracy and score; None without labels. For real text ``e`` holds held-out texts.

    Raises:
        UserError: no texts, or training texts of fewer than two categories.
    """
    if not (e.labels and e.training_labels):
        return {"category accuracy": None, "category score": None}
    judge = fit(e.training, e.training_labels)
    chances = judge.chances(e.tokens)  # (M, C)
    right = np.array([judge.labels[i] for i in chances.argmax(axis=1)]) == np.array(e.labels)
    return {
        "category accuracy": Estimate.from_scores(right.tolist()),
        "category score": score(chances),
    }


def score(chances: Array) -> Estimate:
    """exp E KL(p(y|x) ‖ p(y)) of (M, C) chances, its error by the delta method."""
    mean = chances.mean(axis=0)
    ratio = np.divide(chances, mean, out=np.ones_like(chances), where=chances > 0)
    nats = Estimate.from_scores((chances * np.log(ratio)).sum(axis=1).tolist())
    return Estimate(float(np.exp(nats.value)), float(np.exp(nats.value) * nats.stderr), nats.n)


def augmentation(e: Evaluation) -> dict[str, Estimate | None]:
    """Accuracy and macro-F1 on the references, trained on real, generated and both; the gains.

    The errors are a bootstrap's over the training texts and the test texts; a gain's is that of the
    difference itself, whose two sides share both.

    Raises:
        UserError: texts, references or training texts of fewer than two categories.
    """
    names = [
        f"{figure}, {kind}" for kind in (*KINDS, "gain") for figure in ("accuracy", "macro-F1")
    ]
    if not (e.labels and e.training_labels and e.reference_labels):
        return dict.fromkeys(names)
    real, fake = (e.training, e.training_labels), (e.tokens, e.labels)
    labels = np.array(e.reference_labels)
    if len(set(e.reference_labels)) < 2:
        raise TooFew("categories: need references of at least 2 categories, got 1")
    chance = np.random.default_rng(e.seed)
    values = _figures(_guesses(real, fake, e.references), labels)
    drawn = []
    for _ in range(REPEATS):
        guesses = _guesses(_again(real, chance), _again(fake, chance), e.references)
        for rows in chance.integers(len(labels), size=(TESTS, len(labels))):
            drawn.append(_figures(guesses[:, rows], labels[rows]))
    errors = np.std(drawn, axis=0, ddof=1)
    found = zip(names, values.ravel(), errors.ravel(), strict=True)
    return {name: Estimate(float(v), float(error), len(labels)) for name, v, error in found}


def macro_f1(guesses: Array, labels: Array) -> float:
    """Mean of the categories' F1, each counting the same, over those that occur in either."""
    names = np.union1d(guesses, labels)
    hits = [np.sum((guesses == name) & (labels == name)) for name in names]
    seen = [np.sum(guesses == name) + np.sum(labels == name) for name in names]
    return float(np.mean(2 * np.array(hits) / np.array(seen)))


def _guesses(real: Labelled, fake: Labelled, texts: Sequence[Tokens]) -> Array:
    """Labels of the texts by classifiers of real, generated and both: (3, N)."""
    both = [*real[0], *fake[0]], [*real[1], *fake[1]]
    return np.array([fit(*part).guesses(texts) for part in (real, fake, both)])


def _figures(guesses: Array, labels: Array) -> Array:
    """Accuracy and macro-F1 of the three, then both minus real: (4, 2)."""
    rows = [[float((row == labels).mean()), macro_f1(row, labels)] for row in guesses]
    return np.array([*rows, np.subtract(rows[2], rows[0])])


def _again(part: Labelled, chance: np.random.Generator) -> Labelled:
    """As many texts, drawn with replacement; of at least two categories."""
    while True:
        rows = chance.integers(len(part[0]), size=len(part[0]))
        labels = [part[1][i] for i in rows]
        if len(set(labels)) > 1 or len(set(part[1])) < 2:
            return [part[0][i] for i in rows], labels
