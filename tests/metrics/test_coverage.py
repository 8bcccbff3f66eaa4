"""95 % intervals around the estimates of a known language hold the exact value 95 times in 100.

The exact values are sums over all 64 texts of a small language. Standard errors that are wrong in
the ways that suggest themselves are told apart by the same count.
"""

import numpy as np
import pytest

from textgan.metrics import known_language
from textgan.metrics.estimate import Estimate
from textgan.metrics.known_language import LogProbs

TEXTS = 4**3
"""Vocabulary 4, three tokens."""
TOKENS = 3
REPEATS = 400
N, M = 700, 500
"""Texts of the language and of the generator."""
WITHIN = (0.92, 0.98)

CHANCE = np.random.default_rng(20)
LOGITS = 1.3 * CHANCE.standard_normal(TEXTS)
P, G = (
    np.exp(logits - np.logaddexp.reduce(logits))
    for logits in (LOGITS, LOGITS + 0.8 * CHANCE.standard_normal(TEXTS))
)
OF_P = CHANCE.choice(TEXTS, (REPEATS, N), p=P)
OF_G = CHANCE.choice(TEXTS, (REPEATS, M), p=G)
DRAWS = [
    LogProbs(np.log(P[a]), np.log(G[a]), np.log(P[b]), np.log(G[b]))
    for a, b in zip(OF_P, OF_G, strict=True)
]
FOUND = [known_language.figures(each, TOKENS) for each in DRAWS]


def kl(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * np.log(a / b)).sum())


EXACT = {
    "NLL_oracle": -float((G * np.log(P)).sum()) / TOKENS,
    "NLL_test": -float((P * np.log(G)).sum()) / TOKENS,
    "H(p)": -float((P * np.log(P)).sum()) / TOKENS,
    "H(g)": -float((G * np.log(G)).sum()) / TOKENS,
    "KL(p||g)": kl(P, G) / TOKENS,
    "KL(g||p)": kl(G, P) / TOKENS,
    "JSD": (kl(P, (P + G) / 2) + kl(G, (P + G) / 2)) / 2,  # nats a text
}


def coverage(found: list[Estimate], exact: float) -> float:
    """The share of estimates that are within 1.96 standard errors of the exact value."""
    values, errors = np.array([(each.value, each.stderr) for each in found]).T
    return float(np.mean(np.abs(values - exact) < 1.96 * errors))


def column(name: str) -> list[Estimate]:
    return [each[name] for each in FOUND]


@pytest.mark.parametrize("name", EXACT)
def test_intervals_cover_95_times_in_100(name: str) -> None:
    assert WITHIN[0] <= coverage(column(name), EXACT[name]) <= WITHIN[1]


@pytest.mark.parametrize("name", EXACT)
def test_estimates_are_unbiased(name: str) -> None:
    values = np.array([each.value for each in column(name)])
    assert abs(values.mean() - EXACT[name]) < 4 * values.std(ddof=1) / REPEATS**0.5


def test_a_divergence_taken_for_a_difference_of_independent_means_is_told_apart() -> None:
    wrong = [
        Estimate(cross.value - h.value, float(np.hypot(cross.stderr, h.stderr)), N)
        for cross, h in zip(column("NLL_test"), column("H(p)"), strict=True)
    ]
    assert [each.value for each in wrong] == pytest.approx([e.value for e in column("KL(p||g)")])
    assert coverage(wrong, EXACT["KL(p||g)"]) > WITHIN[1]


def test_a_divergence_of_means_over_other_texts_needs_a_larger_error() -> None:
    """H(p) from texts of its own: then the difference's spread is no longer that of one mean."""
    entropies = column("H(p)")[1:] + column("H(p)")[:1]
    wrong = [
        Estimate(cross.value - h.value, kept.stderr, N)
        for cross, h, kept in zip(column("NLL_test"), entropies, column("KL(p||g)"), strict=True)
    ]
    assert coverage(wrong, EXACT["KL(p||g)"]) < WITHIN[0]


def test_half_a_jsd_is_told_apart() -> None:
    """The error of one side only, and a mixture taken of the logarithms (it isn't one)."""
    one_side, geometric = [], []
    for each, found in zip(DRAWS, column("JSD"), strict=True):
        of_p = each.p_of_p - np.logaddexp(each.p_of_p, each.g_of_p) + np.log(2)
        one_side.append(found._replace(stderr=float(np.std(of_p, ddof=1)) / N**0.5 / 2))
        mean = np.mean(each.p_of_p - each.g_of_p) / 2 + np.mean(each.g_of_g - each.p_of_g) / 2
        geometric.append(found._replace(value=float(mean) / 2))
    assert coverage(one_side, EXACT["JSD"]) < WITHIN[0]
    assert coverage(geometric, EXACT["JSD"]) < WITHIN[0]


def test_nats_a_text_are_not_nats_a_token() -> None:
    wrong = [each._replace(stderr=each.stderr * TOKENS) for each in column("KL(g||p)")]
    assert coverage(wrong, EXACT["KL(g||p)"]) > WITHIN[1]
