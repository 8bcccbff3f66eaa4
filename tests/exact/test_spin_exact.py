"""SPIN on the enumerated language: its loss and gradient over pairs, and what it doesn't see."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    Array,
    is_close,
    numerical_gradient,
    sixteenths,
    texts_of,
)
from tests.exact.laws import DATA, MOVED, lengths, logs
from tests.exact.tables import batch_of, gradient, method_of, population
from textgan.data.sequences import Sequences

Rows = tuple[Array, Array]
"""The numbers of real texts and of generated ones, a pair each."""


def pairs(eos: int | None) -> Rows:
    real, fake = np.random.default_rng(9).integers(len(texts_of(eos)), size=(2, 25))
    return real, fake


def objective(
    logits: Array, eos: int | None, of: Rows, beta: float = 0.1, nll: float = 0.0
) -> float:
    (real, fake), new = of, logs(logits, eos)
    ratio = new - logs(sixteenths(), eos)
    loss = np.log(1 + np.exp(-beta * (ratio[real] - ratio[fake])))
    return float((loss - nll * new[real] / lengths(eos)[real]).mean())


def at(table: Array, eos: int | None, **options: Any) -> Any:
    method = method_of("spin", eos, **options)
    with torch.no_grad():
        method.generator.table.copy_(torch.tensor(table))
    return method


def batches(eos: int | None) -> tuple[Sequences, Sequences]:
    texts, (real, fake) = texts_of(eos), pairs(eos)
    return batch_of([texts[i] for i in real], eos), batch_of([texts[i] for i in fake], eos)


@pytest.mark.parametrize("options", [{}, {"beta": 5.0}, {"beta": 1.0, "nll": 0.7}])
@pytest.mark.parametrize("eos", ENDS)
def test_the_loss_and_its_gradient_are_the_papers(eos: int | None, options: Any) -> None:
    method = at(MOVED, eos, dropout=0.5, **options)
    loss = method.generator_loss(*batches(eos), 0.0)
    assert loss.total.item() == pytest.approx(
        objective(MOVED, eos, pairs(eos), **options), rel=1e-6
    )
    expected = numerical_gradient(lambda x: objective(x, eos, pairs(eos), **options), MOVED)
    assert is_close(gradient(loss.total, method), expected)
    nll = -(logs(MOVED, eos) / lengths(eos))[pairs(eos)[0]].mean()
    assert loss.parts["nll"].item() == pytest.approx(nll, rel=1e-5)
    assert loss.terms == 25


def leads(method: Any, real: Sequences, fake: Sequences) -> tuple[Tensor, Tensor]:
    each = [method.generator.log_prob(s) - method.reference.log_prob(s) for s in (real, fake)]
    return each[0].sum(1), each[1].sum(1)


def sign(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    a, b = leads(method, real, fake)
    return F.softplus(a - b).mean()


def each_for_itself(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """DDO's loss."""
    a, b = leads(method, real, fake)
    return (F.softplus(-a) + F.softplus(b)).mean()


def every_pair(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    """(B, 1) - (B,): broadcast to all pairs."""
    a, b = leads(method, real, fake)
    return F.softplus(b - a[:, None]).mean()


def without_the_logarithm(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    a, b = leads(method, real, fake)
    return -torch.sigmoid(a - b).mean()


@pytest.mark.parametrize(
    "wrong", [sign, each_for_itself, every_pair, without_the_logarithm], ids=lambda f: f.__name__
)
def test_a_wrong_spin_fails_the_check(wrong: Callable[..., Tensor]) -> None:
    method = at(MOVED, 3, beta=1.0)
    expected = numerical_gradient(lambda x: objective(x, 3, pairs(3), 1.0), MOVED)
    assert not is_close(gradient(wrong(method, *batches(3)), method), expected)


def test_both_likelihoods_can_fall_together_and_the_nll_term_sees_it() -> None:
    """Mass that leaves both texts for a third one changes the loss by the term alone."""
    real, fake = (0, 0, 0), (0, 0, 1)
    fallen = sixteenths()
    fallen[5, 2] += 3.0  # behind the prefix 0 0, which they share
    rows = [texts_of(None).index(text) for text in (real, fake)]
    assert (logs(fallen, None)[rows] < logs(sixteenths(), None)[rows] - 0.3).all()
    texts = batch_of([real], None), batch_of([fake], None)
    losses = [
        at(table, None, nll=nll).generator_loss(*texts, 0.0).total.item()
        for nll in (0.0, 1.0)
        for table in (sixteenths(), fallen)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-9)
    assert losses[3] > losses[2] + 0.1


def test_a_generator_with_the_law_of_the_data_stays() -> None:
    method = at(DATA, None)
    with torch.no_grad():
        method.reference.table.copy_(torch.tensor(DATA))
    real = population(DATA, None)
    stays = gradient(method.generator_loss(real, real, 0.0).total, method)
    assert np.abs(stays).max() < 1e-9
    method = at(sixteenths(), None)
    fake = population(sixteenths(), None)
    moves = gradient(method.generator_loss(real, fake, 0.0).total, method)
    assert np.abs(moves).max() > 1e-3
