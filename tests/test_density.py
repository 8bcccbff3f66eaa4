"""The density of texts whose category or noise is hidden, against sums over all texts and
quadrature over the noise.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch

from textgan import density, evaluation, oracle, runtime, sweep, validation
from textgan.data.corpus import Corpus
from textgan.data.oracle import OracleOptions, word_tokenizer
from textgan.data.sequences import Sequences
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.generators import GENERATORS, Generator
from textgan.metrics import known_language
from textgan.new_players import make_generator

TINY = OracleOptions(vocabulary=4, length=3, embedding_size=3, hidden_size=5, texts=3000)
LABELLED = TINY.model_copy(update={"categories": 2})
ALL = Sequences(torch.tensor(list(product(range(4), repeat=3))), None)
"""Every text of the tiny language, (64, 3)."""
SHARES = [0.6, 0.0, 0.4]
RECURRENT = {"embedding_size": 4, "hidden_size": 6, "init_std": 1.5}
GRID = np.linspace(-6, 6, 401)
"""Points of noise, evenly spread: at twice as many the densities are the same to 3e-4. Gauss and
Hermite's would have to be hundreds, so sharply does the noise decide here.
"""
Array = np.ndarray


def make(name: str = "lstm", dropout: float = 0.3, **options: Any) -> Generator:
    """In training mode, with dropout, which a density must switch off."""
    sizes = {"hidden_size": 6, "heads": 2, "layers": 1} if name == "transformer" else RECURRENT
    chosen = GENERATORS[name].Options.model_validate(
        {"name": name, "dropout": dropout, **sizes, **options}
    )
    return make_generator(chosen, word_tokenizer(4), 3, seed=1).train()


def noisy(categories: int = 0) -> Generator:
    """One number of noise, which makes much of a difference."""
    generator = make(latent_size=1, categories=categories)
    with torch.no_grad():
        for part in generator.get_submodule("condition").parameters():
            part.mul_(2)
    return generator


def by_hand(generator: Generator) -> Array:
    """(64,) the probability of every text: a weighted sum over everything that it is made from."""
    found = np.zeros(len(ALL))
    with runtime.evaluating(generator), torch.no_grad():
        for weight, noise, category in conditions(generator):
            s = replace(ALL, noise=noise.expand(64, -1), category=category.expand(64))
            found += weight * generator.log_prob(s).double().sum(dim=1).exp().numpy()
    return found


def conditions(generator: Generator) -> Iterator[tuple[float, torch.Tensor, torch.Tensor]]:
    points, weights = GRID, np.exp(-(GRID**2) / 2)
    if not generator.latent_size:
        points, weights = points[:1], weights[:1]
    weights = weights / weights.sum()
    shares = generator.shares if generator.categories else [1.0]
    for (z, weight), (category, share) in product(
        zip(points, weights, strict=True), enumerate(shares)
    ):
        yield weight * share, torch.tensor([z], dtype=torch.float32), torch.tensor(category)


def place(s: Sequences) -> Array:
    """(B,) rows of ALL."""
    rows: Array = (s.ids @ torch.tensor([16, 4, 1])).numpy()
    return rows


def drawn(generator: Generator, count: int, seed: int = 3) -> Sequences:
    runtime.seed(seed)
    return generator.sample(count)


def near(values: Array, wanted: float = 0.0) -> bool:
    """A mean within four of its standard errors."""
    error = values.std(ddof=1) / len(values) ** 0.5
    return bool(abs(values.mean() - wanted) < 4 * error)


def opened(options: OracleOptions) -> Corpus:
    return oracle.open_corpus(CorpusOptions(oracle=options), TokenizerOptions())


# Categories: exact


@pytest.mark.parametrize("shares", [None, SHARES], ids=["alike", "shares"])
@pytest.mark.parametrize("name", ["mixture", "lstm", "transformer"])
def test_over_categories_the_density_is_a_weighted_mean_that_sums_to_one(
    name: str, shares: list[float] | None
) -> None:
    generator = make(name, categories=3)
    generator.config.shares = shares
    labelled = replace(ALL, category=torch.zeros(64, dtype=torch.long))  # makes no difference
    found = np.exp(density.text_log_prob(generator, labelled))
    assert found.sum() == pytest.approx(1, abs=1e-6)
    assert found == pytest.approx(by_hand(generator), abs=1e-6)
    assert generator.training
    counts = np.bincount(place(drawn(generator, 4000)), minlength=64) / 4000
    assert (abs(counts - found) < 4.5 * np.sqrt(found / 4000) + 1 / 4000).all()
    one = generator.log_prob(labelled).double().sum(dim=1).exp().detach().numpy()
    assert not np.allclose(found, one, atol=1e-3)


def test_without_either_it_is_the_policy_s_own() -> None:
    generator = make(dropout=0.0)
    s = drawn(generator, 100)
    assert s.log_prob is not None
    own = s.log_prob.double().sum(dim=1).numpy()
    assert density.text_log_prob(generator, s) == pytest.approx(own, abs=1e-5)


def test_at_a_temperature_a_mixture_s_density_sums_to_one_too() -> None:
    generator = make("mixture", categories=2)
    score = partial(sweep.at_temperature, 0.7)
    cold = np.exp(density.text_log_prob(generator, ALL, score))
    assert cold.sum() == pytest.approx(1, abs=1e-6)
    warm = np.exp(density.text_log_prob(generator, ALL))
    assert (cold**2).sum() > 1.1 * (warm**2).sum()
    same = np.exp(density.text_log_prob(generator, ALL, partial(sweep.at_temperature, 1.0)))
    assert same == pytest.approx(warm, abs=1e-6)


def test_the_next_word_of_a_mixture_is_that_of_all_texts() -> None:
    generator = make("mixture", categories=3)
    generator.config.shares = SHARES
    p = by_hand(generator).reshape(4, 4, 4)
    with runtime.evaluating(generator), torch.no_grad():
        found = density.next_word(generator, ALL)[..., :4].double().exp().numpy()
    a, b, _ = ALL.ids.numpy().T
    assert found[:, 0] == pytest.approx(np.tile(p.sum(axis=(1, 2)), (64, 1)), abs=1e-6)
    second = p.sum(axis=2) / p.sum(axis=(1, 2))[:, None]
    assert found[:, 1] == pytest.approx(second[a], abs=1e-5)
    assert found[:, 2] == pytest.approx((p / p.sum(axis=2, keepdims=True))[a, b], abs=1e-5)


def test_divergences_of_two_mixtures_are_those_of_all_texts() -> None:
    corpus, other = opened(LABELLED), oracle.make_oracle(LABELLED.model_copy(update={"seed": 7}))
    assert corpus.oracle is not None
    p, g = by_hand(corpus.oracle), by_hand(other)
    wanted = {
        "KL(p||g)": (p * np.log(p / g)).sum() / 3,
        "KL(g||p)": (g * np.log(g / p)).sum() / 3,
        "JSD": sum((q * np.log(2 * q / (p + g))).sum() for q in (p, g)) / 2,
        "H(p)": -(p * np.log(p)).sum() / 3,
        "H(g)": -(g * np.log(g)).sum() / 3,
    }
    runtime.seed(0)
    sides = validation.sides(other, corpus, "test", 3000)
    plain = known_language.figures(validation.log_probs(sides), 3)
    by_prefix = validation.prefix_divergences(sides, 3)
    for name, value in wanted.items():
        assert abs(plain[name].value - value) < 4 * plain[name].stderr, name
    for name in known_language.BY_PREFIX:
        estimate, value = by_prefix[name], wanted[name.removesuffix(" by prefix")]
        assert estimate is not None
        assert abs(estimate.value - value) < 4 * estimate.stderr, name
        assert estimate.stderr < 0.8 * plain[name.removesuffix(" by prefix")].stderr


# Noise: bounds


def bounds(generator: Generator, draws: int, count: int = 3000) -> tuple[Array, Array]:
    """(B,) what the lower and the upper bound of log g lie above the quadrature's, of g's texts."""
    s = drawn(generator, count)
    exact = np.log(by_hand(generator))[place(s)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(density, "DRAWS", draws)
        lower = density.text_log_prob(generator, replace(s, noise=None))
        upper = density.text_log_prob(generator, s)
    return lower - exact, upper - exact


@pytest.mark.parametrize("categories", [0, 2])
def test_the_exact_density_lies_between_the_bounds_which_close_in(categories: int) -> None:
    generator = noisy(categories)
    assert by_hand(generator).sum() == pytest.approx(1, abs=1e-5)
    gaps = []
    for draws in (1, 8, 64):
        lower, upper = bounds(generator, draws)
        gaps.append(np.array([-lower.mean(), upper.mean()]))
        errors = np.array([lower.std(), upper.std()]) / len(lower) ** 0.5
        assert (gaps[-1] > -4 * errors).all()
        assert draws > 1 or (gaps[-1] > 15 * errors).all(), "one draw is no integral"
    for few, more in pairwise(gaps):
        assert (more < few / 2).all()


@pytest.mark.parametrize("draws", [1, 8])
def test_means_over_draws_are_unbiased_for_g_and_their_inverse_for_its_inverse(draws: int) -> None:
    """What makes them bounds; without the own noise, the second doesn't hold."""
    lower, upper = bounds(noisy(), draws, count=6000)
    assert near(np.exp(lower), 1) and near(np.exp(-upper), 1)
    assert not near(np.exp(-lower), 1)


def test_draws_follow_from_the_seed_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, s = noisy(), drawn(noisy(), 100)

    def found() -> Array:
        runtime.seed(5)
        return density.text_log_prob(generator, s)

    whole = found()
    assert (found() == whole).all()
    monkeypatch.setattr(runtime, "rows_at_once", lambda *_: 7)
    assert found() == pytest.approx(whole, abs=1e-5)


def test_divergences_of_a_generator_with_noise_are_never_underestimated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(density, "TEXTS", 3000)
    corpus, generator = opened(TINY), noisy()
    assert corpus.oracle is not None
    p, g = by_hand(corpus.oracle), by_hand(generator)
    wanted = {
        "NLL_test": -(p * np.log(g)).sum(),
        "KL(p||g)": (p * np.log(p / g)).sum(),
        "KL(g||p)": (g * np.log(g / p)).sum(),
        "JSD": sum((q * np.log(2 * q / (p + g))).sum() for q in (p, g)) / 2,
        "H(g)": -(g * np.log(g)).sum(),
        "NLL_oracle": -(g * np.log(p)).sum(),
    }

    def above(draws: int) -> dict[str, float]:
        """In standard errors."""
        monkeypatch.setattr(density, "DRAWS", draws)
        runtime.seed(2)
        sides = validation.sides(generator, corpus, "test", 3000)
        assert set(validation.prefix_divergences(sides, 3).values()) == {None}
        found = known_language.figures(validation.log_probs(sides), 1)
        return {n: (found[n].value - value) / found[n].stderr for n, value in wanted.items()}

    few, many = above(1), above(300)
    assert all(few[name] > 4 for name in ("NLL_test", "KL(p||g)", "KL(g||p)", "JSD"))
    assert few["H(g)"] < -4
    assert all(abs(value) < 4 for value in many.values())
    assert abs(few["NLL_oracle"]) < 4, "it needs no density of g"


def test_many_texts_are_scored_unless_each_takes_many_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(density, "TEXTS", 20)
    corpus = opened(TINY)
    counts = {
        generator: [len(s) for s in validation.sides(generator, corpus, "test", 50)[2:]]
        for generator in (noisy(), make())
    }
    assert list(counts.values()) == [[20, 20], [50, 50]]
    row = evaluation.distance("it", noisy(), corpus, seed=0)
    assert row.protocol.startswith("hypotheses:20|references:20|")


def test_what_users_read_of_bounds_names_the_draws() -> None:
    assert str(density.DRAWS) in density.NOTE and str(density.DRAWS) in density.STAMP
    assert math.log2(density.DRAWS) == 6
