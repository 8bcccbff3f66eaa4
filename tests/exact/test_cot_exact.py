"""CoT on the enumerated language: mediator and generator, each with its loss and its optimum."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    Array,
    V,
    is_close,
    log_softmax,
    numerical_gradient,
    sixteenths,
)
from tests.exact.laws import DATA, law_of, lengths, logs, places, table_of
from tests.exact.tables import TableGenerator, gradient, method_of, population
from textgan.data.sequences import Sequences
from textgan.methods.cot import CoT

M = sixteenths(5)
"""A mediator's table."""


def mixture(eos: int | None) -> Array:
    return (law_of(DATA, eos) + law_of(sixteenths(), eos)) / 2


def of_generator(logits: Array, mediator: Array, eos: int | None, drawn_from: Array) -> float:
    """Mean over tokens of KL(pi(. | prefix) || M(. | prefix)), prefixes by another table."""
    log_pi, log_m = log_softmax(logits), log_softmax(mediator)
    distance = (np.exp(log_pi) * (log_pi - log_m)).sum(axis=1)  # of every prefix
    prefix, _, there = places(eos)
    law = law_of(drawn_from, eos)
    return float((law[:, None] * there * distance[prefix]).sum() / (law * lengths(eos)).sum())


def of_mediator(logits: Array, law: Array, eos: int | None) -> float:
    return float(-(law * logs(logits, eos)).sum() / (law * lengths(eos)).sum())


def at(mediator: Array, eos: int | None, dropout: float = 0.0, table: Array | None = None) -> Any:
    method = method_of("cot", eos, dropout)
    method.mediator = TableGenerator(eos, mediator, dropout)
    with torch.no_grad():
        method.generator.table.copy_(torch.tensor(sixteenths() if table is None else table))
    return method.train()


def of_table(loss: Tensor, method: Any) -> Array:
    (found,) = torch.autograd.grad(loss, [method.mediator.table])
    result: Array = found.numpy()
    return result


def both(eos: int | None) -> tuple[Sequences, Sequences]:
    return population(DATA, eos), population(sixteenths(), eos)


@pytest.mark.parametrize("eos", ENDS)
def test_the_generators_loss_and_its_gradient_are_the_papers(eos: int | None) -> None:
    method = at(M, eos, dropout=0.5)
    loss = method.generator_loss(*both(eos), 0.0)
    value = of_generator(sixteenths(), M, eos, sixteenths())
    assert loss.total.item() == pytest.approx(value, rel=1e-6)
    expected = numerical_gradient(
        lambda x: of_generator(x, M, eos, drawn_from=sixteenths()), sixteenths()
    )
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss.total, method), expected)
    log_pi, (prefix, _, there) = log_softmax(sixteenths()), places(eos)
    every = (-(np.exp(log_pi) * log_pi).sum(axis=1)[prefix] * there).sum(axis=1)
    law = law_of(sixteenths(), eos)
    mean = (law * every).sum() / (law * lengths(eos)).sum()
    assert loss.parts["entropy"].item() == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("eos", ENDS)
def test_the_sum_over_a_text_is_the_divergence_of_laws(eos: int | None) -> None:
    law, m = law_of(sixteenths(), eos), mixture(eos)
    method = at(table_of(m, eos), eos)
    mean = method.generator_loss(*both(eos), 0.0).total.item()
    assert mean * (law * lengths(eos)).sum() == pytest.approx((law * np.log(law / m)).sum())


def test_no_gradient_flows_through_the_drawing_of_prefixes() -> None:
    through = numerical_gradient(lambda x: of_generator(x, M, None, drawn_from=x), sixteenths())
    method = at(M, None)
    found = gradient(method.generator_loss(*both(None), 0.0).total, method)
    assert np.abs(found - through).max() > 1e-3


def logs_of(method: Any, fake: Sequences) -> tuple[Tensor, Tensor]:
    players = method.generator, method.mediator
    log_pi, log_m = (player.logits(fake).log_softmax(2) for player in players)
    return log_pi, log_m


def other_way_round(method: Any, fake: Sequences) -> Tensor:
    log_pi, log_m = logs_of(method, fake)
    return (log_m.exp() * (log_m - log_pi)).sum(2)[fake.mask].mean()


def without_entropy(method: Any, fake: Sequences) -> Tensor:
    log_pi, log_m = logs_of(method, fake)
    return -(log_pi.exp() * log_m).sum(2)[fake.mask].mean()


def padding_counts(method: Any, fake: Sequences) -> Tensor:
    log_pi, log_m = logs_of(method, fake)
    return (log_pi.exp() * (log_pi - log_m)).sum(2).mean()


def mean_over_the_vocabulary(method: Any, fake: Sequences) -> Tensor:
    log_pi, log_m = logs_of(method, fake)
    return (log_pi.exp() * (log_pi - log_m)).mean(2)[fake.mask].mean()


def drawn_tokens_alone(method: Any, fake: Sequences) -> Tensor:
    """A difference of log-likelihoods at the tokens that were drawn, differentiated as it is."""
    log_pi, log_m = (p.gather(2, fake.ids[..., None]) for p in logs_of(method, fake))
    return (log_pi - log_m).squeeze(2)[fake.mask].mean()


@pytest.mark.parametrize(
    "wrong",
    [
        other_way_round,
        without_entropy,
        padding_counts,
        mean_over_the_vocabulary,
        drawn_tokens_alone,
    ],
    ids=lambda f: f.__name__,
)
def test_a_wrong_generators_loss_fails_the_check(wrong: Callable[..., Tensor]) -> None:
    method, fake = at(M, 3), population(sixteenths(), 3)
    expected = numerical_gradient(
        lambda x: of_generator(x, M, 3, drawn_from=sixteenths()), sixteenths()
    )
    assert not is_close(gradient(wrong(method, fake), method), expected)


@pytest.mark.parametrize("eos", ENDS)
def test_the_mediators_loss_and_its_gradient_are_the_papers(eos: int | None) -> None:
    method, m = at(M, eos), mixture(eos)
    loss = method.mediator_loss(*both(eos), 0.0)
    assert loss.total.item() == pytest.approx(of_mediator(M, m, eos), rel=1e-6)
    expected = numerical_gradient(lambda x: of_mediator(x, m, eos), M)
    assert is_close(of_table(loss.total, method), expected)
    for wrong in (law_of(DATA, eos), law_of(sixteenths(), eos)):  # half of the texts forgotten
        alone = numerical_gradient(lambda x, law=wrong: of_mediator(x, law, eos), M)
        assert not is_close(of_table(method.mediator_loss(*both(eos), 0.0).total, method), alone)


@pytest.mark.parametrize("eos", ENDS)
def test_the_mediators_optimum_mixes_texts_and_not_conditionals(eos: int | None) -> None:
    method = at(table_of(mixture(eos), eos), eos)
    optimum = of_table(method.mediator_loss(*both(eos), 0.0).total, method)
    assert np.abs(optimum).max() < 1e-9
    conditionals = np.log((np.exp(log_softmax(DATA)) + np.exp(log_softmax(sixteenths()))) / 2)
    method = at(conditionals, eos)
    mixed = of_table(method.mediator_loss(*both(eos), 0.0).total, method)
    assert np.abs(mixed).max() > 1e-3


def test_a_generator_with_the_law_of_the_data_stays_under_the_best_mediator() -> None:
    method = at(DATA, None, table=DATA)
    real = population(DATA, None)
    stays = gradient(method.generator_loss(real, real, 0.0).total, method)
    assert np.abs(stays).max() < 1e-9


def test_the_mediators_dropout_is_on_in_its_own_update_only() -> None:
    method, (real, fake) = method_of("cot", 3), both(3)  # an LSTM of 64 units, dropout 0.5
    assert method.mediator.options.hidden_size == method.mediator.options.embedding_size == 64
    assert method.mediator.config.vocab_size == V
    torch.manual_seed(0)
    own = {method.mediator_loss(real[:50], fake[:50], 0.0).total.item() for _ in range(3)}
    others = {method.generator_loss(real[:50], fake[:50], 0.0).total.item() for _ in range(3)}
    assert (len(own), len(others)) == (3, 1)


def test_each_loss_moves_one_player() -> None:
    method, (real, fake) = at(M, 3), both(3)
    assert CoT.trains == ("generator", "mediator")
    method.generator_loss(real, fake, 0.0).total.backward()
    assert method.mediator.table.grad is None
    method.generator.table.grad = None
    method.mediator_loss(real, fake, 0.0).total.backward()
    assert method.generator.table.grad is None
    assert method.mediator.table.grad is not None
    assert {key.split(".")[0] for key in method.own_state()} == {"mediator"}


def test_the_mediator_reads_texts_of_two_widths() -> None:
    method, fake = at(M, 3), population(sixteenths(), 3)[:2]
    loss = method.mediator_loss(Sequences(torch.tensor([[3], [3]]), 3), fake, 0.0)
    log_m = torch.tensor(log_softmax(M))
    nll = -2 * log_m[0, 3] - method.mediator.log_prob(fake).sum()
    assert loss.terms == 2 + fake.mask.sum()
    assert loss.total.item() == pytest.approx((nll / loss.terms).item())
