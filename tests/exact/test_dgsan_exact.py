"""DGSAN on the enumerated language, of texts and of tokens."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import ENDS, Array, is_close, numerical_gradient, sixteenths
from tests.exact.laws import DATA, MOVED, law_of, places, token_logs
from tests.exact.tables import batch_of, gradient, method_of, population
from textgan.data.sequences import Sequences

Level = Literal["token", "text"]


def objective(logits: Array, eos: int | None, level: Level) -> float:
    """-E_real log p_new / (p_new + p_old) - E_fake log p_old / (p_new + p_old), as a mean."""
    p = [np.exp(token_logs(table, eos)) for table in (logits, sixteenths())]
    counts = places(eos)[2]
    if level == "text":
        p, counts = [part.prod(axis=1, keepdims=True) for part in p], np.ones((len(p[0]), 1))
    real, fake = (law_of(table, eos)[:, None] * counts for table in (DATA, sixteenths()))
    terms = -real * np.log(p[0] / (p[0] + p[1])) - fake * np.log(p[1] / (p[0] + p[1]))
    return float(terms.sum() / (real.sum() + fake.sum()))


def at(table: Array, eos: int | None, name: str = "dgsan", **options: Any) -> Any:
    method = method_of(name, eos, **options)
    with torch.no_grad():
        method.generator.table.copy_(torch.tensor(table))
    return method


def both(eos: int | None) -> tuple[Sequences, Sequences]:
    return population(DATA, eos), population(sixteenths(), eos)


@pytest.mark.parametrize("level", ["token", "text"])
@pytest.mark.parametrize("eos", ENDS)
def test_the_loss_and_its_gradient_are_the_papers(eos: int | None, level: Level) -> None:
    method = at(MOVED, eos, dropout=0.5, level=level)
    loss = method.generator_loss(*both(eos), 0.0)
    assert loss.total.item() == pytest.approx(objective(MOVED, eos, level), rel=1e-6)
    expected = numerical_gradient(lambda x: objective(x, eos, level), MOVED)
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss.total, method), expected)
    counted = 8192 if level == "text" else sum(int(s.mask.sum()) for s in both(eos))
    assert loss.terms == counted


def test_of_texts_it_is_half_of_ddo_at_beta_1() -> None:
    dgsan, ddo = at(MOVED, 3), at(MOVED, 3, "ddo")
    halves = [m.generator_loss(*both(3), 0.0).total for m in (dgsan, ddo)]
    assert 2 * halves[0].item() == pytest.approx(halves[1].item(), rel=1e-9)
    assert is_close(2 * gradient(halves[0], dgsan), gradient(halves[1], ddo))


def ratios(method: Any, s: Sequences) -> Tensor:
    ratio: Tensor = method.generator.log_prob(s) - method.reference.log_prob(s)
    return ratio


def swapped(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    a, b = ratios(method, real)[real.mask], ratios(method, fake)[fake.mask]
    return -torch.cat([(-a).sigmoid().log(), b.sigmoid().log()]).mean()


def padding_counts(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    a, b = ratios(method, real), ratios(method, fake)
    return -torch.cat([a.sigmoid().log(), (-b).sigmoid().log()]).mean()


def text_s_probability_for_every_token(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    a, b = (ratios(method, s).sum(1, keepdim=True).expand_as(s.ids) for s in (real, fake))
    a, b = a[real.mask], b[fake.mask]
    return -torch.cat([a.sigmoid().log(), (-b).sigmoid().log()]).mean()


@pytest.mark.parametrize(
    "wrong",
    [swapped, padding_counts, text_s_probability_for_every_token],
    ids=lambda f: f.__name__,
)
def test_a_wrong_dgsan_fails_the_check(wrong: Callable[..., Tensor]) -> None:
    method = at(MOVED, 3, level="token")
    expected = numerical_gradient(lambda x: objective(x, 3, "token"), MOVED)
    assert not is_close(gradient(wrong(method, *both(3)), method), expected)


def test_tokens_are_not_texts() -> None:
    assert abs(objective(MOVED, None, "token") - objective(MOVED, None, "text")) > 0.01


def test_improbable_texts_need_no_epsilon() -> None:
    """A quotient of probabilities underflows where their log-ratio is a number."""
    method = at(sixteenths(), None)
    with torch.no_grad():
        for table in (method.generator.table, method.reference.table):
            table[:, 0] -= 600.0
        method.generator.table[:, 1] += 0.5
    rare = batch_of([(0, 0, 0)] * 4, None)
    loss = method.generator_loss(rare, rare, 0.0).total
    assert torch.isfinite(loss) and np.isfinite(gradient(loss, method)).all()
    new, old = (p.log_prob(rare).sum(1).exp() for p in (method.generator, method.reference))
    assert (1 / (1 + old / new)).log().isnan().all()
