"""Estimates of entropies and divergences against sums over every text of a tiny language."""

import math

import numpy as np
import pytest

from textgan.metrics import known_language
from textgan.metrics.known_language import LogProbs

TEXTS = 4**3
"""Vocabulary 4, three tokens."""


def two_languages() -> tuple[np.ndarray, np.ndarray]:
    """Two densities over all texts, (64,) each, quite different ones."""
    chance = np.random.RandomState(5)
    p, g = np.exp(1.5 * chance.standard_normal((2, TEXTS)))
    return p / p.sum(), g / g.sum()


def sampled(p: np.ndarray, g: np.ndarray, n: int, m: int, seed: int) -> LogProbs:
    chance = np.random.RandomState(seed)
    of_p, of_g = chance.choice(TEXTS, n, p=p), chance.choice(TEXTS, m, p=g)
    return LogProbs(np.log(p[of_p]), np.log(g[of_p]), np.log(p[of_g]), np.log(g[of_g]))


def exact() -> dict[str, float]:
    """The figures by their definitions, nats a text."""
    p, g = two_languages()
    m = (p + g) / 2

    def kl(a: np.ndarray, b: np.ndarray) -> float:
        return float((a * np.log(a / b)).sum())

    return {
        "NLL_oracle": -float((g * np.log(p)).sum()),
        "NLL_test": -float((p * np.log(g)).sum()),
        "H(p)": -float((p * np.log(p)).sum()),
        "H(g)": -float((g * np.log(g)).sum()),
        "KL(p||g)": kl(p, g),
        "KL(g||p)": kl(g, p),
        "JSD": (kl(p, m) + kl(g, m)) / 2,
    }


@pytest.mark.parametrize("tokens", [1, 3])
def test_estimates_are_the_exact_values_within_four_standard_errors(tokens: int) -> None:
    found = known_language.figures(sampled(*two_languages(), 20_000, 15_000, seed=1), tokens)
    assert list(found) == list(exact())
    for name, value in exact().items():
        value = value if name == "JSD" else value / tokens
        estimate = found[name]
        assert 0 < estimate.stderr < 0.05 * value, name
        assert abs(estimate.value - value) < 4 * estimate.stderr, name
        other = {v if n == "JSD" else v / tokens for n, v in exact().items() if n != name}
        assert all(abs(estimate.value - v) > 4 * estimate.stderr for v in other), name


def test_standard_errors_are_the_spread_over_many_repetitions() -> None:
    languages = two_languages()
    many = [known_language.figures(sampled(*languages, 300, 200, s), 3) for s in range(400)]
    for name in many[0]:
        spread = np.std([each[name].value for each in many], ddof=1)
        told = np.mean([each[name].stderr for each in many])
        assert told == pytest.approx(spread, rel=0.15), name
    counts = {name: estimate.n for name, estimate in many[0].items()}
    assert counts["NLL_test"] == counts["H(p)"] == counts["KL(p||g)"] == 300
    assert counts["NLL_oracle"] == counts["H(g)"] == counts["KL(g||p)"] == 200
    assert counts["JSD"] == 500


def test_a_divergence_is_the_difference_of_its_two_means() -> None:
    found = known_language.figures(sampled(*two_languages(), 500, 400, seed=2), 3)
    for divergence, cross, entropy in [
        ("KL(p||g)", "NLL_test", "H(p)"),
        ("KL(g||p)", "NLL_oracle", "H(g)"),
    ]:
        difference = found[cross].value - found[entropy].value
        assert found[divergence].value == pytest.approx(difference, abs=1e-12)


def test_densities_that_underflow_count() -> None:
    """At exp(-2000) both densities are 0 in floating point; their ratio isn't."""
    p_of_p, g_of_p = np.full(4, -2000.0), np.full(4, -2000.0 - math.log(3))
    found = LogProbs(p_of_p, g_of_p, g_of_p, p_of_p)  # each three times likelier than the other
    wanted = math.log(1 / ((1 + 1 / 3) / 2))
    assert known_language.jsd(found).value == pytest.approx(wanted, abs=1e-9)
    assert known_language.kl_p_g(found).value == pytest.approx(math.log(3), abs=1e-9)


def test_two_languages_without_a_common_text_are_ln_2_and_infinitely_far_apart() -> None:
    never, some = np.full(3, -np.inf), np.array([-1.0, -2.0, -3.0])
    found = LogProbs(some, never, never, some)
    assert known_language.jsd(found).value == pytest.approx(math.log(2))
    for estimate in (known_language.kl_p_g(found), known_language.kl_g_p(found)):
        assert estimate.value == math.inf
        assert math.isnan(estimate.stderr)


def test_a_language_is_at_no_distance_from_itself() -> None:
    p, _ = two_languages()
    found = known_language.figures(sampled(p, p, 50, 60, seed=3), 3)
    assert found["KL(p||g)"].value == found["KL(g||p)"].value == 0
    assert found["JSD"].value == pytest.approx(0, abs=1e-12)


def test_impossible_texts_are_counted_and_the_rest_stays_finite() -> None:
    """p writes half of what g does: JSD by hand, with g's other half at ln 2 each."""
    log_p, log_g = np.array([math.log(0.5)] * 2 + [-math.inf] * 2), np.log([0.25] * 4)
    of_p, of_g = np.array([0, 1] * 50), np.array([0, 1, 2, 3] * 25)
    found = LogProbs(log_p[of_p], log_g[of_p], log_p[of_g], log_g[of_g])
    shown = known_language.figures(found, 2)
    assert shown["possible"] == pytest.approx((0.5, math.sqrt(0.25 * 100 / 99) / 10, 100))
    assert shown["NLL_oracle"].value == shown["KL(g||p)"].value == math.inf
    assert shown["KL(p||g)"].value == pytest.approx(math.log(2) / 2)
    middle = [0.375, 0.375, 0.125, 0.125]
    by_hand = sum(
        0.5 * a * math.log(a / m)
        for side in ([0.5, 0.5, 0, 0], [0.25] * 4)
        for a, m in zip(side, middle, strict=True)
        if a
    )
    assert shown["JSD"].value == pytest.approx(by_hand)
    assert "possible" not in known_language.figures(sampled(*two_languages(), 50, 50, 0), 3)


def test_by_prefix_is_the_divergence_with_a_smaller_error() -> None:
    """Three words of a chain: KL of each step behind its prefix, against the whole text's."""
    chance = np.random.RandomState(1)
    p, g = (chance.dirichlet(np.ones(4), size=(4, 4)) for _ in range(2))  # by the last two words
    texts = np.array([(a, b, c) for a in range(4) for b in range(4) for c in range(4)])

    def steps(q: np.ndarray) -> np.ndarray:
        a, b, c = texts.T
        return np.stack([q[0, 0, a], q[0, a, b], q[a, b, c]], axis=1)

    def summed(q: np.ndarray, r: np.ndarray) -> np.ndarray:
        kl = (q * np.log(q / r)).sum(axis=2)
        return np.asarray(kl[0, 0] + kl[0, texts[:, 0]] + kl[texts[:, 0], texts[:, 1]])

    log_p, log_g = np.log(steps(p)).sum(axis=1), np.log(steps(g)).sum(axis=1)
    of_p, of_g = (chance.choice(64, 4000, p=np.exp(q) / np.exp(q).sum()) for q in (log_p, log_g))
    found = known_language.by_prefix(summed(p, g)[of_p], summed(g, p)[of_g], 3)
    plain = known_language.figures(LogProbs(log_p[of_p], log_g[of_p], log_p[of_g], log_g[of_g]), 3)
    wanted = {
        "KL(p||g)": (np.exp(log_p) * (log_p - log_g)).sum() / 3,
        "KL(g||p)": (np.exp(log_g) * (log_g - log_p)).sum() / 3,
    }
    for name, value in wanted.items():
        estimate = found[f"{name} by prefix"]
        assert abs(estimate.value - value) < 4 * estimate.stderr
        assert estimate.stderr < plain[name].stderr / 2
