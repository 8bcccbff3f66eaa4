"""A language small enough to be solved, V 4, T 3: its texts are enumerated, gradients are finite
differences. NumPy only; imports nothing from textgan.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

V, T = 4, 3
PREFIXES = 1 + V + V**2
"""Node 0 is the empty prefix, node 4 n + 1 + v the prefix n and then v: a heap."""
ENDS = [None, 3]
"""A language without an end token, and one whose last word is it; its padding is word 0."""
Array = np.ndarray[Any, np.dtype[Any]]
Text = tuple[int, ...]


def texts_of(eos: int | None) -> list[Text]:
    """Every text of the language: a tuple of tokens, <eos> included."""
    finished: list[Text] = []
    open_ones: list[Text] = [()]
    for t in range(T):
        longer = [(*text, v) for text in open_ones for v in range(V)]
        finished += [text for text in longer if text[-1] == eos or t == T - 1]
        open_ones = [text for text in longer if text[-1] != eos and t < T - 1]
    return finished


def nodes(text: Text) -> list[int]:
    """The prefix before each token."""
    return list(itertools.accumulate(text[:-1], lambda n, v: V * n + 1 + v, initial=0))


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def token_log_probs(logits: Array, text: Text) -> Array:
    return log_softmax(logits)[nodes(text), list(text)]


def probability(logits: Array, text: Text) -> float:
    return float(np.exp(token_log_probs(logits, text).sum()))


def expected_reward(logits: Array, rewards: dict[Text, float]) -> float:
    """J = sum over all texts of pi(x) D(x)."""
    return sum(probability(logits, text) * reward for text, reward in rewards.items())


def prefix_values(logits: Array, rewards: dict[Text, float], text: Text) -> list[float]:
    """Q_t = E[D(x) | x_1:t] by enumeration, for t = 1 .. length."""
    values = []
    for t in range(1, len(text) + 1):
        below = {x: probability(logits, x) for x in rewards if x[:t] == text[:t]}
        values.append(sum(p * rewards[x] for x, p in below.items()) / sum(below.values()))
    return values


def nll(logits: Array, batch: list[Text]) -> float:
    """Mean over real tokens, <eos> among them."""
    tokens = [token_log_probs(logits, text) for text in batch]
    return float(-np.concatenate(tokens).mean())


def discriminator_loss(scores: Array, real: Array, fake: Array, output: Array, l2: float) -> float:
    """Cross-entropy, mean over all texts of both kinds, and the L2 term of the output layer."""
    d_real, d_fake = output[0] * scores[real] + output[1], output[0] * scores[fake] + output[1]
    real_terms = -np.log(1 / (1 + np.exp(-d_real)))
    fake_terms = -np.log(1 - 1 / (1 + np.exp(-d_fake)))
    entropy = np.concatenate([real_terms, fake_terms]).mean()
    return float(entropy + l2 * 0.5 * (output**2).sum())


def numerical_gradient(f: Callable[[Array], float], x: Array, step: float = 1e-5) -> Array:
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[i] += step
        below[i] -= step
        gradient[i] = (f(above) - f(below)) / (2 * step)
    return gradient


def sixteenths(seed: int = 0) -> Array:
    """A policy whose every probability is a multiple of 1/16."""
    chance = np.random.default_rng(seed)
    return np.log([1 + chance.multinomial(12, [0.4, 0.3, 0.2, 0.1]) for _ in range(PREFIXES)]) - (
        np.log(16)
    )


def is_close(found: Array, expected: Array) -> bool:
    return bool(np.abs(found - expected).max() < 1e-6)


def is_unbiased(estimate: Callable[[int], Array], expected: Array, seeds: int = 16) -> bool:
    """True if the mean over seeds lies within four standard errors of what is expected.

    The noise must be small beside what is expected (or beside 0.01, if that is zero): else the
    check could not fail.
    """
    draws = np.stack([estimate(seed) for seed in range(seeds)])
    error = np.sqrt((draws.var(axis=0, ddof=1) / seeds).sum())
    assert error < 0.05 * max(np.linalg.norm(expected), 0.2), "too noisy to tell"
    distance = np.linalg.norm(draws.mean(axis=0) - expected)
    return bool(distance < 4 * error + 1e-7)
