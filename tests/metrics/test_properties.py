"""What holds for every metric, whatever the texts: empty, of a word, in any script and order."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textgan import neural_lm
from textgan.errors import UserError
from textgan.generators.lstm import LSTMOptions
from textgan.metrics import (
    ENCODED,
    METRICS,
    Estimate,
    Evaluation,
    categories,
    encoder,
    language_model,
)
from textgan.metrics.base import Tokens

MOST = 24
DRAWN_BY_PLACE = {"sacrebleu", "augmentation"}
"""Their errors are of a bootstrap that draws texts by their places, so they move with the order."""
NEEDS = {
    "self_bleu": r"needs at least 2 texts, got 1",
    "fed": r"needs at least 2 texts and 2 references, got 1 and 8",
    "prdc": r"need at least 6 texts and 6 references, got 1 and 8",
    "mauve": r"needs at least 20 texts and 20 references, got 1 and 8",
    "augmentation": r"need texts of at least 2 categories, got 1",
}
"""What is said of a single text, where it isn't enough."""
OF_LABELS = {"categories", "augmentation"}
RANGES = {
    "BLEU": (0, 1),
    "Self-BLEU": (0, 1),
    "backward BLEU": (0, 1),
    "harmonic BLEU": (0, 1),
    "sacreBLEU": (0, 100),
    "LM score": (0, 50),
    "reverse LM score": (0, 50),
    "neural LM score": (0, 50),
    "neural reverse LM score": (0, 50),
    "distinct": (0, 1),
    "gram coverage": (0, 1),
    "gram reverse coverage": (0, 1),
    "length": (0, 5),
    "exact copies": (0, 1),
    "copied run": (0, 5),
    "nearest training text": (0, 1),
    "data-copying z": (-10, 10),
    "FED": (-1e-6, 100),
    "MAUVE": (0, 1),
    "precision": (0, 1),
    "recall": (0, 1),
    "density": (0, MOST),
    "coverage": (0, 1),
    "Vendi": (1, MOST),
    "category accuracy": (0, 1),
    "category score": (1, 2),
    "accuracy": (-1, 1),
    "macro-F1": (-1, 1),
}
WORDS = ["the", "moon", ".", "月", "é", "e\u0301", "🙂", "\u200d", "İ"]
TRAINING = [list(text) for text in product(["the", "a", "月"], ["moon", "sea"], [".", "!", "🙂"])]
TEXT = st.lists(st.sampled_from(WORDS), max_size=5)
TEXTS = st.lists(TEXT, min_size=20, max_size=MOST)
FEW = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))


class Stub(encoder.Encoder):
    """Points in three dimensions that follow from the text."""

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.array([point(text) for text in texts], dtype=np.float32)

    def unknown(self, texts: list[str]) -> float:
        return 0.0


@lru_cache
def point(text: str) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal(3)


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = Stub("stub", "00000000", None)  # type: ignore[arg-type]
    monkeypatch.setattr(encoder, "open_encoder", lambda folder: found)
    monkeypatch.setattr(categories, "REPEATS", 1)  # each trains three classifiers
    monkeypatch.setattr(neural_lm, "EPOCHS", 1)
    monkeypatch.setattr(neural_lm, "OPTIONS", LSTMOptions(embedding_size=4, hidden_size=4))
    yield
    encoder._points.cache_clear()
    encoder._unknown.cache_clear()
    language_model._lstm.cache_clear()


def without_sklearn(name: str) -> bool:
    return name == "mauve" and find_spec("sklearn") is None


METRIC = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.skipif(without_sklearn(name), reason="no textgan[embeddings]")
        )
        for name in METRICS
    ],
)


def labels(texts: list[Tokens]) -> list[str]:
    return ["ab"[i % 2] for i in range(len(texts))]


def evaluation(texts: list[Tokens], references: list[Tokens]) -> Evaluation:
    return Evaluation(
        texts=[" ".join(text) for text in texts],
        tokens=texts,
        labels=labels(texts),
        reference_texts=[" ".join(text) for text in references],
        references=references,
        reference_labels=labels(references),
        training_texts=[" ".join(text) for text in TRAINING],
        training=TRAINING,
        training_labels=labels(TRAINING),
    )


def permuted(e: Evaluation, seed: int) -> Evaluation:
    """The same texts and references in another order."""
    chance = np.random.default_rng(seed)
    a, b = chance.permutation(len(e.tokens)), chance.permutation(len(e.references))
    return replace(
        e,
        texts=[e.texts[i] for i in a],
        tokens=[e.tokens[i] for i in a],
        labels=[e.labels[i] for i in a],
        reference_texts=[e.reference_texts[i] for i in b],
        references=[e.references[i] for i in b],
        reference_labels=[e.reference_labels[i] for i in b],
    )


@METRIC
@FEW
@given(texts=TEXTS, references=TEXTS, seed=st.integers(0, 9))
def test_order_changes_nothing(
    name: str, texts: list[Tokens], references: list[Tokens], seed: int
) -> None:
    e = evaluation(texts, references)
    before, after = METRICS[name](e), METRICS[name](permuted(e, seed))
    assert list(before) == list(after)
    for figure, found in before.items():
        again = after[figure]
        if found is None or again is None:
            assert found is again
            continue
        if name in DRAWN_BY_PLACE:
            found, again = found._replace(stderr=0.0), again._replace(stderr=0.0)
        assert again == pytest.approx(found, rel=1e-9, abs=1e-9, nan_ok=True), figure


@METRIC
@FEW
@given(texts=TEXTS, references=TEXTS)
def test_any_texts_give_figures_within_their_range(
    name: str, texts: list[Tokens], references: list[Tokens]
) -> None:
    e = evaluation([[], ["月"], *texts[2:]], [["🙂"], [], *references[2:]])
    for figure, found in METRICS[name](e).items():
        kind = re.sub(r"^\d-|-\d$|,.*", "", figure)
        low, high = RANGES[kind]
        if found is None:  # no text is so long
            assert kind in {"distinct", "gram coverage", "gram reverse coverage"}
            continue
        assert low - 1e-9 <= found.value <= high + 1e-9, figure
        assert found.stderr >= 0 or kind == "distinct", figure  # one text may have all n-grams


@METRIC
@pytest.mark.parametrize("text", [[], ["月"], ["the", "moon", ".", "🙂", "é"]])
def test_one_text_has_figures_or_is_told_how_many_it_takes(name: str, text: Tokens) -> None:
    e = evaluation([text], TRAINING[:8])
    if name in NEEDS:
        with pytest.raises(UserError, match=NEEDS[name]):
            METRICS[name](e)
        return
    for found in METRICS[name](e).values():
        assert found is None or np.isfinite(found.value)


@METRIC
@pytest.mark.parametrize("side", ["texts", "references"])
def test_nothing_to_score_is_a_mistake_in_one_line(name: str, side: str) -> None:
    some = TRAINING * 2
    e = evaluation([], some) if side == "texts" else evaluation(some, [])
    if name in OF_LABELS:  # no text, no label: as of texts without labels
        assert side == "references" or set(METRICS[name](e).values()) == {None}
        return
    if (name, side) == ("self_bleu", "references"):
        assert METRICS[name](e)
        return
    with pytest.raises(UserError) as caught:
        METRICS[name](e)
    assert "\n" not in str(caught.value)


@METRIC
def test_identical_sets_reach_the_best_value(name: str) -> None:
    texts = [["now", "then", *text] for text in TRAINING + TRAINING[:6]]  # all orders have n-grams
    found = METRICS[name](evaluation(texts, texts))
    best = {
        **{f"{kind}-{n}": 1 for kind in ("BLEU", "backward BLEU", "harmonic BLEU") for n in "2345"},
        **{f"{n}-gram {way}coverage": 1 for n in "1234" for way in ("", "reverse ")},
        **{"sacreBLEU": 100, "FED": 0, "MAUVE": 1, "precision": 1, "recall": 1, "coverage": 1},
        "data-copying z": 0,
    }
    for figure, estimate in found.items():
        assert estimate is not None
        if figure in best:
            assert estimate.value == pytest.approx(best[figure], abs=1e-6), figure
        if held_out := found.get(f"{figure}, held-out"):
            assert estimate == held_out


def test_identical_sets_have_one_language_model_both_ways() -> None:
    e = evaluation(TRAINING, TRAINING)
    there, back = METRICS["lm"](e)["LM score"], METRICS["reverse_lm"](e)["reverse LM score"]
    assert there == back


@pytest.mark.parametrize(
    ("name", "figure", "value"),
    [
        *(("self_bleu", f"Self-BLEU-{n}", 1) for n in (2, 3, 4, 5)),
        ("diversity", "distinct-1", 5 / 110),
        ("diversity", "distinct-4", 2 / 44),
        ("vendi", "Vendi", 1),
        ("categories", "category score", 1),
    ],
)
def test_one_text_for_ever(name: str, figure: str, value: float) -> None:
    e = evaluation([["the", "moon", ".", "🙂", "é"]] * 22, TRAINING)
    found: Estimate | None = METRICS[name](e)[figure]
    assert found is not None and found.value == pytest.approx(value, abs=1e-6)


def test_every_metric_of_embeddings_goes_through_the_stub() -> None:
    assert {"fed", "mauve", "prdc", "vendi"} == ENCODED
