"""Residual EBM on the enumerated language: the energy's optimum, and the law of resampled texts."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import ENDS, Array, sixteenths, texts_of
from tests.exact.laws import DATA, law_of
from tests.exact.tables import method_of, population
from textgan import runtime
from textgan.estimators.resampling import chosen, effective_sample_size, log_partition


def with_logits(d: Array, eos: int | None) -> Any:
    """The method with a discriminator whose logits are d."""
    method = method_of("residual_ebm", eos)
    with torch.no_grad():
        method.discriminator.scores.copy_(torch.tensor(d))
        method.discriminator.output.copy_(torch.tensor([1.0, 0.0]))
    return method


def best(eos: int | None) -> Array:
    """log p - log pi."""
    found: Array = np.log(law_of(DATA, eos) / law_of(sixteenths(), eos))
    return found


@pytest.mark.parametrize("eos", ENDS)
def test_the_energys_optimum_completes_the_generator(eos: int | None) -> None:
    both = population(DATA, eos), population(sixteenths(), eos)

    def slope(d: Array) -> float:
        method = with_logits(d, eos)
        loss = method.discriminator_loss(*both, 0.0).total
        (found,) = torch.autograd.grad(loss, [method.discriminator.scores])
        return float(found.abs().max())

    assert slope(best(eos)) < 1e-9
    for wrong in (-best(eos), best(eos) / 2, np.log(law_of(DATA, eos)), best(eos) + 0.5):
        assert slope(wrong) > 1e-3


def test_what_the_log_shows_of_the_energy() -> None:
    law, d = law_of(sixteenths(), None), np.linspace(-2, 3, 64)
    both = population(DATA, None), population(sixteenths(), None)
    parts = with_logits(d, None).discriminator_loss(*both, 0.0).parts
    w = np.exp(d)
    assert parts["log_z"].item() == pytest.approx(np.log((law * w).sum()), rel=1e-6)
    assert parts["ess"].item() == pytest.approx((law * w).sum() ** 2 / (law * w**2).sum(), rel=1e-6)
    at_best = with_logits(best(None), None).discriminator_loss(*both, 0.0).parts
    assert at_best["log_z"].item() == pytest.approx(0.0, abs=1e-9)


def test_the_generator_rests() -> None:
    method = method_of("residual_ebm", None)
    assert method.trains == ("discriminator",)
    assert not hasattr(method, "generator_loss")


def one_of_two(law: Array, w: Array) -> Array:
    """The law of the chosen one of two candidates, pair by pair."""
    found = np.zeros_like(law)
    for a, b in itertools.product(range(len(law)), repeat=2):
        chance = law[a] * law[b]
        found[a] += chance * w[a] / (w[a] + w[b])
        found[b] += chance * w[b] / (w[a] + w[b])
    return found


def drawn(eos: int | None, candidates: int, n: int) -> tuple[Array, Array]:
    """How often each text is drawn, and the effective sample sizes."""
    method, texts = with_logits(best(eos), eos), texts_of(eos)
    runtime.seed(6)
    of = method.generator.sample(n * candidates)
    log_weight = method.discriminator.judge(of).view(n, candidates)
    s, sizes = of[chosen(log_weight)], effective_sample_size(log_weight)
    places = {text: i for i, text in enumerate(texts)}
    rows = zip(s.ids.tolist(), s.lengths.tolist(), strict=True)
    counts = np.bincount([places[tuple(ids[:k])] for ids, k in rows], minlength=len(texts))
    return counts, sizes.numpy()


def fits(counts: Array, law: Array) -> bool:
    n = counts.sum()
    chi_square = ((counts - n * law) ** 2 / (n * law)).sum()
    freedom = len(law) - 1
    return bool(chi_square < freedom + 4 * np.sqrt(2 * freedom))


@pytest.mark.parametrize("eos", ENDS)
def test_of_two_candidates_texts_have_the_enumerated_law(eos: int | None) -> None:
    counts, _ = drawn(eos, 2, 20_000)
    pi, w = law_of(sixteenths(), eos), np.exp(best(eos))
    assert fits(counts, one_of_two(pi, w))
    for wrong in (pi, law_of(DATA, eos), one_of_two(pi, 1 / w)):
        assert not fits(counts, wrong)


def test_one_candidate_is_the_generator_alone_and_many_are_the_data() -> None:
    pi, data = law_of(sixteenths(), 3), law_of(DATA, 3)
    counts, sizes = drawn(3, 1, 20_000)
    assert fits(counts, pi) and not fits(counts, data)
    assert (sizes == 1).all()
    distances = []
    for candidates in (1, 4, 32):
        counts, sizes = drawn(3, candidates, 2_500)
        distances.append(np.abs(counts / counts.sum() - data).sum() / 2)
        assert (sizes >= 1 - 1e-9).all() and (sizes <= candidates + 1e-9).all()
    assert distances[0] > 2 * distances[1] > 3 * distances[2]


def test_the_effective_sample_size() -> None:
    log_w = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, -900.0, -900.0, -900.0]]).double()
    log_w = torch.cat([log_w, torch.tensor([[1.0, 2.0, 3.0, 1.0]]).double().log()])
    expected = [4.0, 1.0, 7**2 / 15]
    np.testing.assert_allclose(effective_sample_size(log_w).numpy(), expected)
    np.testing.assert_allclose(effective_sample_size(log_w + 50).numpy(), expected)
    np.testing.assert_allclose(log_partition(log_w).exp().numpy(), [1.0, 0.25, 7 / 4])
