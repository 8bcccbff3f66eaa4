"""The classifier against NumPy's gradient; scores by enumeration, F1 by hand; useless texts."""

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.metrics import categories as module
from textgan.metrics.base import Evaluation
from textgan.metrics.categories import augmentation, categories, macro_f1, score
from textgan.metrics.classifier import DECAY, Classifier, fit
from textgan.metrics.estimate import Estimate

NAMES = ("sky", "sea", "land")
Labelled = tuple[list[list[str]], list[str]]


def language(n: int, seed: int) -> Labelled:
    """Three categories, each with twenty words of its own and ten common ones."""
    chance = np.random.RandomState(seed)
    labels = [NAMES[i] for i in chance.randint(3, size=n)]
    texts = [
        [f"{label}{chance.randint(20)}"] + [f"word{i}" for i in chance.randint(10, size=5)]
        for label in labels
    ]
    return texts, labels


def evaluation(fake: Labelled, test: Labelled, train: Labelled) -> Evaluation:
    none = [""]
    return Evaluation(
        none * len(fake[0]),
        fake[0],
        none * len(test[0]),
        test[0],
        none * len(train[0]),
        train[0],
        labels=fake[1],
        reference_labels=test[1],
        training_labels=train[1],
    )


def matrix(texts: list[list[str]], words: dict[str, int]) -> np.ndarray:
    x = np.zeros((len(texts), len(words)))
    for row, text in zip(x, texts, strict=True):
        for word in text:
            row[words[word]] = 1
    return x / np.sqrt(x.sum(axis=1, keepdims=True))


def gradient(found: Classifier, texts: list[list[str]], labels: list[str]) -> np.ndarray:
    """Of the loss by its formula, a text's share, weights above the bias: (V + 1, C)."""
    x, weight = matrix(texts, found.words), found.weight.numpy()
    logits = x @ weight + found.bias.numpy()
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    over = chances - (np.array(labels)[:, None] == np.array(found.labels))
    return np.vstack([x.T @ over + DECAY * weight, over.sum(axis=0)]) / len(texts)


def test_the_classifier_is_at_the_minimum() -> None:
    texts, labels = language(60, 0)
    found = fit(texts, labels)
    assert found.labels == sorted(NAMES)
    assert np.abs(gradient(found, texts, labels)).max() < 1e-5
    start = Classifier(found.labels, found.words, found.weight * 0, found.bias * 0)
    assert np.abs(gradient(start, texts, labels)).max() > 1e-2
    chances = found.chances(texts)
    assert chances.sum(axis=1) == pytest.approx(1)
    logits = matrix(texts, found.words) @ found.weight.numpy() + found.bias.numpy()
    assert chances == pytest.approx(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def test_texts_without_a_known_word() -> None:
    found = fit(*language(60, 0))
    odd = found.chances([[], ["snow"], ["snow", "word1"], ["word1"]])
    assert (odd[0] == odd[1]).all() and (odd[2] == odd[3]).all()
    assert odd[0] == pytest.approx(found.bias.softmax(0).numpy())


def test_score_by_its_formula() -> None:
    chances = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.0, 1.0, 0.0]])
    mean = chances.sum(axis=0) / 3
    total = 0.0
    for row in chances:
        total += sum(p * np.log(p / m) for p, m in zip(row, mean, strict=True) if p > 0)
    assert score(chances).value == pytest.approx(np.exp(total / 3))
    assert score(np.eye(3)).value == pytest.approx(3)
    assert score(chances[:1].repeat(4, axis=0)) == pytest.approx(Estimate(1, 0, 4))
    reverse = np.exp(np.mean((mean * np.log(mean / chances[:2])).sum(axis=1)))
    assert score(chances[:2]).value != pytest.approx(reverse, rel=0.02)


def test_score_error_is_the_spread_over_fresh_texts() -> None:
    chance = np.random.RandomState(0)
    found = [score(chance.dirichlet((0.3, 0.5, 0.9), 200)) for _ in range(200)]
    spread = np.std([e.value for e in found], ddof=1)
    assert np.mean([e.stderr for e in found]) == pytest.approx(spread, rel=0.15)


def test_macro_f1_by_hand() -> None:
    guesses = np.array(["a", "a", "b", "b", "b"])
    labels = np.array(["a", "b", "b", "b", "c"])
    # a: precision 1/2, recall 1; b: 2/3, 2/3; c: never guessed
    assert macro_f1(guesses, labels) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert macro_f1(labels, labels) == 1
    micro = np.mean(guesses == labels)
    assert macro_f1(guesses, labels) != pytest.approx(micro, abs=0.05)


def test_accuracy_and_score_of_good_and_bad_texts() -> None:
    train, test = language(300, 0), language(80, 1)
    good = categories(evaluation(language(200, 2), test, train))
    assert good["category accuracy"].value > 0.9
    texts, labels = language(200, 2)
    wrong = [NAMES[(NAMES.index(label) + 1) % 3] for label in labels]
    bad = categories(evaluation((texts, wrong), test, train))
    assert bad["category accuracy"].value < 0.1
    assert bad["category score"] == good["category score"]  # it doesn't read the labels
    one = [text for text, label in zip(texts, labels, strict=True) if label == "sea"]
    narrow = categories(evaluation((one, ["sea"] * len(one)), test, train))
    assert narrow["category accuracy"].value > 0.9
    assert narrow["category score"].value < 1.2 < 1.5 < good["category score"].value <= 3


def test_a_label_that_training_has_not() -> None:
    texts, _ = language(20, 2)
    figures = categories(evaluation((texts, ["fire"] * 20), language(9, 1), language(60, 0)))
    assert figures["category accuracy"].value == 0


def test_more_real_text_helps_and_wrong_labels_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEATS", 3)
    train, test = language(60, 0), language(300, 1)
    more = augmentation(evaluation(language(400, 2), test, train))
    texts, labels = language(400, 2)
    wrong = augmentation(evaluation((texts, labels[1:] + labels[:1]), test, train))
    for name in ("accuracy", "macro-F1"):
        real, both, gain = (more[f"{name}, {kind}"] for kind in ("real", "both", "gain"))
        assert gain.value == pytest.approx(both.value - real.value)
        assert gain.value > 2 * gain.stderr > 0
        assert wrong[f"{name}, real"].value == real.value
        assert wrong[f"{name}, gain"].value < 0
        assert wrong[f"{name}, generated"].value < 0.5 < more[f"{name}, generated"].value
    assert {e.n for e in more.values()} == {300}


def test_it_is_the_references_that_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEATS", 2)
    train, test, fake = language(60, 0), language(80, 1), language(50, 2)
    found = augmentation(evaluation(fake, test, train))
    expected = {"real": train, "generated": fake, "both": (train[0] + fake[0], train[1] + fake[1])}
    for kind, part in expected.items():
        right = np.array(fit(*part).guesses(test[0])) == np.array(test[1])
        assert found[f"accuracy, {kind}"].value == right.mean()
    assert found == augmentation(evaluation(fake, test, train))  # the draws are seeded


def test_order_changes_nothing() -> None:
    train, test, (texts, labels) = language(60, 0), language(40, 1), language(50, 2)
    order = np.random.RandomState(0).permutation(50)
    mixed = [texts[i] for i in order], [labels[i] for i in order]
    before = categories(evaluation((texts, labels), test, train))
    after = categories(evaluation(mixed, test, (train[0][::-1], train[1][::-1])))
    for name, figure in before.items():
        assert after[name] == pytest.approx(figure, rel=1e-3)


def test_without_labels() -> None:
    e = Evaluation(["a"], [["a"]], ["b"], [["b"]])
    assert set((categories(e) | augmentation(e)).values()) == {None}
    full = evaluation(language(20, 2), language(20, 1), language(30, 0))
    assert set(categories(e)) == set(categories(full))


def test_one_category() -> None:
    alone = [["a"]] * 3, ["x"] * 3
    with pytest.raises(
        UserError, match=r"^categories: need texts of at least 2 categories, got 1$"
    ):
        categories(evaluation(alone, alone, alone))
    with pytest.raises(UserError, match="need references of at least 2 categories, got 1"):
        augmentation(evaluation(alone, alone, language(9, 0)))
