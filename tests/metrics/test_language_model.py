"""LM scores by hand and by NLTK's kind of loops, and who is told apart by them."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from textgan import neural_lm
from textgan.errors import UserError
from textgan.generators.lstm import LSTMOptions
from textgan.metrics import METRICS, chosen, language_model
from textgan.metrics.base import Evaluation, Tokens
from textgan.metrics.estimate import Estimate
from textgan.metrics.language_model import Ids, Score, kneser_ney, score
from textgan.neural_lm import fit_lstm


def language(count: int, seed: int, words: int = 12) -> list[Tokens]:
    """Texts of a Markov chain, 3 to 8 words."""
    chance = np.random.RandomState(seed)
    texts = []
    for length in chance.randint(3, 9, count):
        text = [int(chance.randint(words))]
        for step in chance.choice([1, 2, 5], p=[0.7, 0.2, 0.1], size=length - 1):
            text.append((text[-1] + int(step)) % words)
        texts.append([f"w{word}" for word in text])
    return texts


def evaluation(texts: list[Tokens], references: list[Tokens]) -> Evaluation:
    return Evaluation(
        texts=[" ".join(text) for text in texts],
        tokens=texts,
        reference_texts=[" ".join(text) for text in references],
        references=references,
    )


def both(texts: list[Tokens], references: list[Tokens]) -> tuple[Estimate, Estimate]:
    e = evaluation(texts, references)
    forward = language_model.forward(e)["LM score"]
    backward = language_model.backward(e)["reverse LM score"]
    assert forward is not None and backward is not None
    return forward, backward


def coin(texts: Ids, words: int, seed: int) -> Score:
    """Log-probability -(seed + 1) a token, ends included, whatever was read."""
    return lambda scored: np.array([-(seed + 1.0) * (len(text) + 1) for text in scored])


def test_a_model_that_is_known_gives_its_figure() -> None:
    texts = [["a"], ["b", "a", "b"]]
    assert score(texts, texts, texts, coin) == Estimate(1.0, 0.0, 2)
    several = score(texts, texts, texts, coin, seeds=(0, 1, 2))
    assert several == pytest.approx((2.0, 1 / math.sqrt(3), 2))


def test_tokens_are_weighed_alike_and_ends_count() -> None:
    def by_length(texts: Ids, words: int, seed: int) -> Score:
        return lambda scored: np.array([-float(len(text) ** 2) for text in scored])

    found = score([["a"], ["a", "b", "c"]], [["a"]], [["a"]], by_length)
    assert found.value == pytest.approx((1 + 9) / (2 + 4))
    assert found.value != pytest.approx((1 / 2 + 9 / 4) / 2)  # a mean of texts' means
    assert found.value != pytest.approx((1 + 9) / (1 + 3))  # without ends
    residuals = np.array([1, 9]) - found.value * np.array([2, 4])
    assert found.stderr == pytest.approx(np.sqrt((residuals**2).sum() * 2) / 6)


def test_only_the_references_have_known_words() -> None:
    seen: list[tuple[Ids, int]] = []

    def spy(texts: Ids, words: int, seed: int) -> Score:
        seen.append((texts, words))
        return lambda scored: np.array([seen.append((scored, words)) or -1.0 for _ in scored])  # type: ignore[func-returns-value]

    score([["a", "x"], ["y"]], [["b", "a"]], [["b", "a"]], spy)
    assert seen[0] == ([[0, 1]], 3)
    assert seen[1] == ([[1, 2], [2]], 3)


def test_kneser_ney_gives_a_density() -> None:
    texts = [[0, 1], [1, 0, 1], [2]]
    log_probs = kneser_ney(texts, 4)
    ended = [[]] + [[a] for a in range(4)] + [[a, b] for a in range(4) for b in range(4)]
    p = np.exp(log_probs(ended)).sum()
    assert 0.5 < p < 1
    longer = [[*text, a, b] for text in ended[5:] for a in range(4) for b in range(4)]
    more = [[*text, a] for text in ended[5:] for a in range(4)]
    assert p < p + np.exp(log_probs(more + longer)).sum() < 1
    one_by_one = np.concatenate([log_probs([text]) for text in ended])
    assert one_by_one == pytest.approx(log_probs(ended), abs=1e-12)


def test_who_is_told_apart_by_which() -> None:
    references, real = language(400, 0), language(400, 1)
    chance = np.random.RandomState(2)
    shuffled = [list(chance.permutation(text)) for text in real]
    collapsed = [real[0]] * 400
    forward, backward = both(real, references)
    of_shuffled, of_collapsed = both(shuffled, references), both(collapsed, references)
    assert of_shuffled[0].value > forward.value + 10 * forward.stderr
    assert of_shuffled[1].value > backward.value + 10 * backward.stderr
    assert of_collapsed[0].value < forward.value + 5 * forward.stderr  # quality alone
    assert of_collapsed[1].value > backward.value + 10 * backward.stderr
    copies = both(references, references)
    assert copies[0].value < forward.value - 10 * forward.stderr
    fewer = both(real[:100], references)
    assert fewer[1].value > backward.value + 2 * backward.stderr  # the number of texts matters


def test_order_changes_nothing_and_neither_does_the_spelling() -> None:
    references, real = language(60, 0), language(60, 1)
    first = both(real, references)
    assert first[0] == pytest.approx(both(real[::-1], references)[0], abs=1e-12)
    assert first[1] == pytest.approx(both(real[::-1], references[::-1])[1], abs=1e-12)
    spelt = [[{"w1": "水", "w2": "é"}.get(w, w) for w in text] for text in references]
    same = [[{"w1": "水", "w2": "é"}.get(w, w) for w in text] for text in real]
    assert first == both(same, spelt)


def test_empty_and_single_texts() -> None:
    forward, backward = both([["a"]], [[], ["a", "b"]])
    assert math.isnan(forward.stderr) and forward.n == 1
    assert 0 < backward.value < 10
    assert both([[]], [[]])[0].value < 1
    for texts, fitted, what in (
        ([], [["a"]], "texts to score"),
        ([["a"]], [], "texts to fit a model to"),
    ):
        with pytest.raises(UserError, match=f"^LM score: no {what}; give at least one$"):
            score(texts, fitted, [["a"]])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Models that are fitted in a moment, and none that an earlier test left."""
    options = LSTMOptions(embedding_size=16, hidden_size=32, dropout=0.1)
    monkeypatch.setattr(neural_lm, "OPTIONS", options)
    monkeypatch.setattr(neural_lm, "LEARNING_RATE", 2e-2)
    language_model._lstm.cache_clear()
    yield
    language_model._lstm.cache_clear()


@pytest.mark.usefixtures("small")
def test_an_lstm_learns_the_language_too() -> None:
    references, real = language(150, 0), language(40, 1)
    found = score(real, references, references, fit_lstm, seeds=(0, 1))
    again = score(real, references, references, fit_lstm, seeds=(0, 1))
    assert found == again
    assert found.value < 2.1  # of ln 13 = 2.56
    one = score(real, references, references, fit_lstm)
    assert found.stderr > 0 and one.value != found.value


def neural(texts: list[Tokens], references: list[Tokens], seed: int = 0) -> tuple[Estimate, ...]:
    found = METRICS["neural_lm"](replace(evaluation(texts, references), seed=seed))
    assert list(found) == ["neural LM score", "neural reverse LM score"]
    return tuple(each for each in found.values() if each is not None)


@pytest.mark.usefixtures("small")
def test_the_neural_scores_are_means_of_three_models_that_follow_from_the_seed() -> None:
    texts, references = language(40, 1), language(60, 0)
    a, b = sorted(texts), sorted(references)
    for seed, seeds in ((0, (0, 1, 2)), (2, (6, 7, 8))):
        forward, backward = neural(texts, references, seed)
        assert forward == score(a, b, b, fit_lstm, seeds)
        assert backward == score(b, a, b, fit_lstm, seeds)
        alone = [score(a, b, b, fit_lstm, (each,)) for each in seeds]
        spread = np.std([each.value for each in alone], ddof=1) / 3**0.5
        assert forward.stderr**2 > alone[0].stderr ** 2 / 2 + spread**2
    language_model._lstm.cache_clear()
    assert neural(texts, references, 2) == (forward, backward)
    assert neural(texts[::-1], references[::-1], 2) == (forward, backward)


@pytest.mark.usefixtures("small")
def test_the_references_models_score_every_model_of_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted: list[int] = []

    def spy(texts: Ids, words: int, seed: int) -> Score:
        fitted.append(len(texts))
        return coin(texts, words, seed)

    monkeypatch.setattr(neural_lm, "fit_lstm", spy)
    references = language(30, 0)
    for size in (10, 11, 12):
        forward, _ = neural(language(size, 1), references)
        assert forward.value == pytest.approx(2.0)  # 1, 2 and 3 nats a token
    assert fitted == [30] * 3 + [10] * 3 + [11] * 3 + [12] * 3


def test_all_leaves_out_what_takes_an_hour_unless_it_is_named() -> None:
    assert "neural_lm" not in {*chosen("all"), *chosen(None)}
    assert set(chosen("all, neural_lm")) == set(METRICS)
    assert chosen("lm,neural_lm,lm") == ("lm", "neural_lm")
    with pytest.raises(
        UserError, match=r"no 'blue'; there are bleu, .*, and all \(all but neural_lm"
    ):
        chosen("all,blue")


@pytest.mark.usefixtures("small")
def test_the_command_gives_neural_scores_and_says_by_what(textgan: Command) -> None:
    for name, texts in (("theirs", language(12, 1)), ("real", language(24, 0))):
        Path(f"{name}.txt").write_text("".join(" ".join(t) + "\n" for t in texts), "utf-8")
    files = ("--samples", "theirs.txt", "--reference", "real.txt", "--tokenizer", "whitespace")
    found = textgan("evaluate", *files, "--metrics", "lm,neural_lm")
    assert found.code == 0
    assert [line.split("  ")[0] for line in found.lines[1:4]] == [
        *("LM score", "neural LM score", "neural reverse LM score")
    ]
    assert "|lm:kneser-ney-5|neural_lm:3*lstm-32|" in found.lines[-1]
