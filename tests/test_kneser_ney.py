"""Modified Kneser-Ney against NLTK's, against loops over dictionaries, and by enumeration."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated
from nltk.lm.preprocessing import padded_everygram_pipeline

from textgan.kneser_ney import FALLBACK, KneserNey, estimate_discounts

WORDS, END, BEGIN = 4, 4, 5
VOCABULARY = 6
"""Words 0 to 3, an end and a beginning."""


def some_texts(count: int, seed: int = 0) -> list[list[int]]:
    """Texts of up to six words, 0 to 2, each with its end: word 3 is never seen."""
    chance = np.random.RandomState(seed)
    weights = chance.dirichlet([0.7, 0.7, 0.7], size=3)
    texts = []
    for length in chance.randint(0, 7, count):
        text = [0]
        for _ in range(length):
            text.append(int(chance.choice(3, p=weights[text[-1]])))
        texts.append([*text[1:], END])
    return texts


def slow_counts(texts: list[list[int]], order: int) -> list[Counter[tuple[int, ...]]]:
    """a of every k-gram, by order, in plain loops."""
    found = []
    for k in range(1, order + 1):
        raw: Counter[tuple[int, ...]] = Counter()
        in_front: dict[tuple[int, ...], set[int]] = {}
        for text in texts:
            words = [BEGIN, *text]
            for i in range(len(words) - k + 1):
                gram = tuple(words[i : i + k])
                raw[gram] += 1
                if i:
                    in_front.setdefault(gram, set()).add(words[i - 1])
        a = Counter({g: len(words) for g, words in in_front.items()})
        if k == order:
            a = raw
        else:
            a.update({g: count for g, count in raw.items() if g[0] == BEGIN})
        del a[(BEGIN,)]
        found.append(a)
    return found


def slow(
    a: list[Counter[tuple[int, ...]]],
    d: np.ndarray,
    context: tuple[int, ...],
    word: int,
    variant: str = "",
) -> float:
    """p(word | context) by the recursion."""
    if len(context) > len(a) - 1:
        context = context[len(context) - len(a) + 1 :]
    shorter = slow(a, d, context[1:], word, variant) if context else 1 / (VOCABULARY - 1)
    here = {g[-1]: count for g, count in a[len(context)].items() if g[:-1] == context}
    if not here:
        return shorter
    discounts = [0.0, *d[len(context)]]
    if variant == "one discount":
        discounts = [0.0, *[discounts[1]] * 3]
    total = sum(here.values())
    gamma = sum(discounts[min(count, 3)] for count in here.values()) / total
    if variant == "not interpolated" and word in here:
        gamma = 0.0
    own = here.get(word, 0)
    return (own - discounts[min(own, 3)]) / total + gamma * shorter


def fit(texts: list[list[int]], order: int, discounts: np.ndarray | None = None) -> KneserNey:
    return KneserNey.fit(texts, VOCABULARY, BEGIN, order=order, discounts=discounts)


def state_behind(model: KneserNey, words: tuple[int, ...]) -> np.ndarray:
    state = model.start(1)
    for word in words:
        state = model.numbers(state, np.array([[word]]))[:, -1, :-1]
    return state


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_every_chance_is_that_of_the_loops(order: int) -> None:
    texts = some_texts(60)
    three = np.array([[0.3 + 0.1 * k, 0.7 + 0.1 * k, 1.1 + 0.2 * k] for k in range(order)])
    model, a = fit(texts, order, three), slow_counts(texts, order)
    wrong: dict[str, float] = {"one discount": 0.0, "not interpolated": 0.0}
    for words in [w for length in range(4) for w in product(range(WORDS), repeat=length)]:
        context = (BEGIN, *words)
        found = model.rows(state_behind(model, words))[0]
        wanted = [slow(a, model.d, context, w) for w in range(WORDS + 1)]
        assert found[: WORDS + 1] == pytest.approx(wanted, abs=1e-12)
        for variant, most in wrong.items():
            other = [slow(a, model.d, context, w, variant) for w in range(WORDS + 1)]
            wrong[variant] = max(most, float(np.abs(found[: WORDS + 1] - other).max()))
    assert min(wrong.values()) > 1e-3


def test_counts_that_are_not_continuations_give_another_model() -> None:
    texts = some_texts(60)
    model, raw = fit(texts, 2), slow_counts(texts, 1)
    right = model.rows(state_behind(model, (3,)))[0]  # word 3 is unknown: single words alone
    wrong = [slow(raw, model.d, (), w) for w in range(WORDS + 1)]
    assert np.abs(right[: WORDS + 1] - wrong).max() > 1e-2


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_chances_sum_to_one_behind_any_context(order: int) -> None:
    model = fit(some_texts(50, seed=order), order)
    texts = np.array(list(product(range(WORDS + 1), repeat=4)))
    start = model.start(len(texts))
    numbers = model.numbers(start, texts)
    contexts = np.concatenate([start[:, None], numbers[:, :-1, :-1]], axis=1)
    flat = contexts.reshape(texts.size, order - 1)
    rows = model.rows(flat).reshape(*texts.shape, VOCABULARY)
    assert rows.sum(axis=2) == pytest.approx(1, abs=1e-12)
    assert (rows[..., BEGIN] == 0).all()
    assert rows[..., :BEGIN].min() > 0  # unseen words too
    at = np.take_along_axis(rows, texts[..., None], axis=2)[..., 0]
    assert model.chances(start, texts) == pytest.approx(at, abs=1e-14)
    whole = model.chances(start[:25], texts[:25])
    first = model.chances(start[:25], texts[:25, :2])
    again = model.chances(numbers[:25, 1, :-1], texts[:25, 2:])
    assert np.concatenate([first, again], axis=1) == pytest.approx(whole, abs=1e-15)


def test_a_bigram_with_one_discount_is_nltks() -> None:
    texts = some_texts(40)
    train, words = padded_everygram_pipeline(2, [[str(w) for w in text[:-1]] for text in texts])
    theirs = KneserNeyInterpolated(2, discount=0.6)
    theirs.fit(train, words)
    ours = fit(texts, 2, np.array([[0, 0, 0], [0.6] * 3]))  # theirs has no floor of unseen words
    for word in range(3):
        for context, spelt in [((0,), "0"), ((1,), "1"), ((2,), "2"), ((), "<s>")]:
            p = ours.rows(state_behind(ours, context))[0]
            assert p[word] == pytest.approx(theirs.score(str(word), [spelt]), abs=1e-12)
            assert p[END] == pytest.approx(theirs.score("</s>", [spelt]), abs=1e-12)


def test_discounts_are_of_each_order_s_own_counts() -> None:
    texts = [[*text[:-1], 3, END] for text in some_texts(400, seed=7)]
    found = fit(texts, 4).d
    for a, d in zip(slow_counts(texts, 4), found, strict=True):
        assert d == pytest.approx(estimate_discounts(np.array(list(a.values()))))
    assert (found[-1] != FALLBACK).any()


def test_discounts_by_hand() -> None:
    counts = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4] + [9])
    y = 8 / 16
    assert estimate_discounts(counts) == pytest.approx(
        (1 - 2 * y * 4 / 8, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2)
    )
    assert estimate_discounts(np.array([1, 1, 2])) == FALLBACK  # nothing stands three times
    rising = np.array([1] + [2] * 5 + [3] * 50 + [4])
    assert estimate_discounts(rising) == FALLBACK  # a D below 0


@pytest.mark.parametrize("order", [1, 3])
def test_words_are_drawn_by_their_chances(order: int) -> None:
    model = fit(some_texts(60), order)
    count = 40_000
    for words in ((), (0, 1), (3, 3)):
        state = state_behind(model, words)
        uniform = (np.arange(count) + 0.5) / count  # a draw by inversion has no chance in it
        found = np.bincount(model.draw(state.repeat(count, axis=0), uniform), minlength=VOCABULARY)
        assert found / count == pytest.approx(model.rows(state)[0], abs=2 * (order + 2) / count)
    ends = np.array([0.0, np.nextafter(1, 0)])
    assert set(model.draw(model.start(2), ends)) <= set(range(WORDS + 1))


def test_texts_without_an_end() -> None:
    model = KneserNey.fit([[0, 1, 0], [1, 0, 0]], 4, 3, order=3, never=[2])
    rows = model.rows(model.start(1))
    assert (rows[0, 2:] == 0).all()
    assert rows.sum() == pytest.approx(1)
    assert model.chances(model.start(1), np.array([[2]])) == 0


def test_an_empty_text_and_a_single_word() -> None:
    model = KneserNey.fit([[END]], VOCABULARY, BEGIN, order=4)
    p = model.rows(model.start(1))[0]
    assert p.sum() == pytest.approx(1)
    assert p.argmax() == END
    assert model.chances(model.start(1), np.array([[END, 3]]))[0] == pytest.approx(
        [p[END], model.rows(state_behind(model, (END,)))[0, 3]]
    )
