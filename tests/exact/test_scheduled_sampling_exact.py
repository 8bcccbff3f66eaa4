"""Scheduled sampling on the enumerated language: the expected loss over every mixed prefix."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact import soft_players
from tests.exact.enumerated import (
    ENDS,
    Array,
    Text,
    V,
    is_close,
    is_unbiased,
    log_softmax,
    nll,
    nodes,
    numerical_gradient,
    sixteenths,
)
from tests.exact.tables import batch_of, gradient, method_of
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.methods.scheduled_sampling import ScheduledSamplingOptions

COPIES = 1500


def real_texts(eos: int | None) -> list[Text]:
    return [(0, 1, 2), (1, 2, 0), (2, 0, 1)] if eos is None else [(0, 1, 3), (1, 2, 0), (2, 3)]


def read_with(share: float, drawn_from: Array, text: Text) -> list[dict[Text, float]]:
    """For every token of a text, the law of what was read before it."""
    laws: list[dict[Text, float]] = [{(): 1.0}]
    for real in text[:-1]:
        longer: dict[Text, float] = {}
        for (read, chance), v in itertools.product(laws[-1].items(), range(V)):
            own = np.exp(log_softmax(drawn_from)[nodes((*read, 0))[-1], v])
            longer[(*read, v)] = chance * (share * (v == real) + (1 - share) * own)
        laws.append(longer)
    return laws


def objective(logits: Array, share: float, eos: int | None) -> float:
    """-E[log pi(x_t | y_<t)], the mean over real tokens; y is drawn from ``sixteenths()``."""
    log_pi, total, count = log_softmax(logits), 0.0, 0
    for text in real_texts(eos):
        for token, law in zip(text, read_with(share, sixteenths(), text), strict=True):
            total -= sum(p * log_pi[nodes((*read, 0))[-1], token] for read, p in law.items())
            count += 1
    return total / count


def expected(share: float, eos: int | None) -> Array:
    return numerical_gradient(lambda x: objective(x, share, eos), sixteenths(), 1e-4)


def estimate(play: Callable[[Any, Sequences], Sequences], eos: int | None) -> Any:
    method = method_of("scheduled_sampling", eos, schedule="linear")
    real = batch_of(real_texts(eos) * COPIES, eos)

    def of_seed(seed: int) -> Array:
        runtime.seed("scheduled", seed)
        return gradient(method.generator_loss(real, play(method, real), 0.7).total, method)

    return of_seed


def own(method: Any, real: Sequences) -> Sequences:
    read: Sequences = method.play(real, 0.7)
    return read


@pytest.mark.parametrize("eos", ENDS)
def test_the_expected_gradient_is_that_over_mixed_prefixes(eos: int | None) -> None:
    found = expected(0.3, eos)
    assert np.abs(found).max() > 0.02
    assert is_unbiased(estimate(own, eos), found)


def sample_of(logits: Tensor) -> Tensor:
    cumulative = logits.softmax(-1).cumsum(-1)
    return (cumulative < torch.rand(*logits.shape[:-1], 1)).sum(-1).clamp(max=V - 1)


def shares_swapped(method: Any, real: Sequences) -> Sequences:
    read: Sequences = method.play(real, 0.3)
    return read


def a_coin_a_text(method: Any, real: Sequences) -> Sequences:
    drawn: Sequences = method.play(real, 1.0)
    kept = torch.rand(len(real), 1) < 0.3
    return Sequences(torch.where(kept, real.ids, drawn.ids), real.eos)


def draws_behind_real_prefixes(method: Any, real: Sequences) -> Sequences:
    """In one parallel pass: y_t ~ pi(. | x_<t)."""
    drawn = sample_of(method.generator.logits(real))
    kept = torch.rand(real.ids.shape) < 0.3
    return Sequences(torch.where(kept, real.ids, drawn), real.eos)


def likeliest_tokens(method: Any, real: Sequences) -> Sequences:
    drawn = method.generator.logits(real).argmax(2)
    kept = torch.rand(real.ids.shape) < 0.3
    return Sequences(torch.where(kept, real.ids, drawn), real.eos)


@pytest.mark.parametrize(
    "wrong",
    [shares_swapped, a_coin_a_text, draws_behind_real_prefixes, likeliest_tokens],
    ids=lambda f: f.__name__,
)
def test_a_wrong_mixture_fails_the_check(wrong: Callable[..., Sequences]) -> None:
    torch.manual_seed(1)
    assert not is_unbiased(estimate(wrong, None), expected(0.3, None))


@pytest.mark.parametrize("eos", ENDS)
def test_as_long_as_all_is_real_it_is_mle(eos: int | None) -> None:
    method = method_of("scheduled_sampling", eos, schedule="linear")
    texts = real_texts(eos)
    real = batch_of(texts, eos)
    read = method.play(real, 0.0)
    assert torch.equal(read.ids[real.mask], real.ids[real.mask])
    loss = method.generator_loss(real, read, 0.0)
    assert loss.total.item() == pytest.approx(nll(sixteenths(), texts), rel=1e-6)
    by_mle = numerical_gradient(lambda x: nll(x, texts), sixteenths())
    assert is_close(gradient(loss.total, method), by_mle)
    assert loss.terms == sum(len(text) for text in texts)


def test_an_end_that_was_drawn_ends_nothing() -> None:
    """The real text's end counts, not that of what is read."""
    method = method_of("scheduled_sampling", 3)
    real, read = batch_of([(0, 1, 2)], 3), batch_of([(3, 1, 2)], 3)
    loss = method.generator_loss(real, read, 0.0).total.item()
    log_pi = log_softmax(sixteenths())
    by_hand = [log_pi[node, v] for node, v in zip(nodes((3, 1, 2)), (0, 1, 2), strict=True)]
    assert loss == pytest.approx(-np.mean(by_hand))
    cut = [log_pi[0, 0]]
    assert loss != pytest.approx(-np.mean(cut), rel=1e-3)


def test_the_share_of_real_tokens_falls_as_the_paper_has_it() -> None:
    def shares(**options: Any) -> list[float]:
        method = method_of("scheduled_sampling", None, **options)
        return [method.share(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)]

    assert shares(schedule="linear") == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])
    assert shares(schedule="linear", least=0.4) == pytest.approx([1.0, 0.75, 0.5, 0.4, 0.4])
    k = 10.0
    halfway = k * np.log(k)  # the count of minibatches at which k / (k + e^(i / k)) is a half
    counts = [2 * halfway * p for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    paper = [k / (k + np.exp(i / k)) for i in counts]
    assert shares() == pytest.approx(paper)
    assert paper[0] == pytest.approx(10 / 11) and paper[2] == pytest.approx(0.5)
    assert ScheduledSamplingOptions().schedule == "inverse_sigmoid"


def test_what_is_read_is_drawn_with_dropout_off_and_without_gradient() -> None:
    method = method_of("scheduled_sampling", None, dropout=0.5, schedule="linear")
    real = batch_of(real_texts(None) * 30, None)
    reads = []
    for _ in range(2):
        runtime.seed(3)
        torch.manual_seed(len(reads))
        reads.append(method.play(real, 1.0).ids)
    assert torch.equal(*reads)
    assert method.generator.training


def test_own_draws_are_of_the_real_texts_categories_and_noise() -> None:
    real = soft_players.real_texts(2)
    rows = len(real)

    def played(**conditions: Tensor) -> Sequences:
        sizes = {"categories": 2} if "category" in conditions else {"latent_size": 3}
        generator = soft_players.make_generator(2, hidden_size=3, **sizes)
        method = soft_players.make("scheduled_sampling", 2, generator, schedule="linear")
        runtime.seed("own draws")
        with soft_players.as_double():
            return method.play(replace(real, **conditions), 1.0)

    one, other = (played(category=torch.full((rows,), c)) for c in (0, 1))
    assert one.category is not None and not one.category.any()
    assert not torch.equal(one.ids, other.ids)
    ones = torch.ones(rows, 3, dtype=torch.float64)
    one, other = (played(noise=z * ones) for z in (-3.0, 3.0))
    assert one.noise is not None and torch.equal(one.noise, -3.0 * ones)
    assert not torch.equal(one.ids, other.ids)
