"""The BLEU family's figures against NLTK and sacrebleu themselves."""

import math
import random

import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sacrebleu.metrics.bleu import BLEU

from textgan.metrics import overlap
from textgan.metrics.base import Evaluation
from textgan.metrics.bleu import harmonic_mean


def words(seed: int, count: int) -> list[list[str]]:
    rng = random.Random(seed)
    return [rng.choices("abcdef", k=rng.randint(3, 9)) for _ in range(count)]


def of(texts: list[list[str]], references: list[list[str]]) -> Evaluation:
    return Evaluation(
        texts=[" ".join(text) for text in texts],
        tokens=texts,
        reference_texts=[" ".join(text) for text in references],
        references=references,
    )


def nltk_mean(texts: list[list[str]], references: list[list[str]], n: int) -> float:
    smooth = SmoothingFunction(epsilon=0.1).method1
    scores = [sentence_bleu(references, text, [1 / n] * n, smooth) for text in texts]
    return float(sum(scores)) / len(scores)


def test_forward_backward_and_their_harmonic_mean_are_nltks() -> None:
    a, b = words(0, 7), words(1, 12)
    forward, backward = overlap.forward(of(a, b)), overlap.backward(of(a, b))
    for n in (2, 3, 4, 5):
        to, back = nltk_mean(a, b, n), nltk_mean(b, a, n)
        assert forward[f"BLEU-{n}"][0] == pytest.approx(to)  # type: ignore[index]
        assert backward[f"backward BLEU-{n}"][0] == pytest.approx(back)  # type: ignore[index]
        harmonic = backward[f"harmonic BLEU-{n}"]
        assert harmonic is not None
        assert harmonic.value == pytest.approx(2 * to * back / (to + back))
        step = 1e-6
        slope = (harmonic_mean(to + step, back) - harmonic.value) / step
        other = (harmonic_mean(to, back + step) - harmonic.value) / step
        errors = forward[f"BLEU-{n}"], backward[f"backward BLEU-{n}"]
        assert errors[0] and errors[1]
        expected = math.hypot(slope * errors[0].stderr, other * errors[1].stderr)
        assert harmonic.stderr == pytest.approx(expected, rel=1e-4)


def test_sacrebleu_is_sacrebleus() -> None:
    a, b = words(2, 20), words(3, 6)
    metric = BLEU(tokenize="none")
    streams = [[" ".join(reference)] * len(a) for reference in b]
    expected = metric.corpus_score([" ".join(text) for text in a], streams)
    found = overlap.sacrebleu(a, b)
    assert found.value == pytest.approx(expected.score, abs=1e-9)
    assert 0 < found.stderr < 10
    assert overlap.signature(len(b)) == str(metric.get_signature())


def test_of_no_match_it_is_nought() -> None:
    assert overlap.sacrebleu([["x"]], [["a", "b"]]).value == 0
