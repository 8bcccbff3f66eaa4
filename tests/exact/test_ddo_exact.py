"""DDO on the enumerated language: its loss, its gradient, where its rounds stand still."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.exact.enumerated import ENDS, Array, is_close, numerical_gradient, sixteenths
from tests.exact.laws import DATA, MOVED, law_of, lengths, logs, softplus, table_of
from tests.exact.tables import batch_of, gradient, method_of, population
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.errors import UserError
from textgan.generators.lstm import LSTMConfig, LSTMGenerator
from textgan.methods.ddo import DDO, DDOOptions


def objective(logits: Array, eos: int | None, beta: float = 1.0, per_token: bool = False) -> float:
    """-E_p log sigma(d) - E_ref log(1 - sigma(d)), by enumeration."""
    d = beta * (logs(logits, eos) - logs(sixteenths(), eos))
    d = d / lengths(eos) if per_token else d
    real, fake = law_of(DATA, eos) * softplus(-d), law_of(sixteenths(), eos) * softplus(d)
    return float(real.sum() + fake.sum())


def at(table: Array, eos: int | None, **options: Any) -> Any:
    """The method with the reference at ``sixteenths()`` and the generator at a table."""
    method = method_of("ddo", eos, **options)
    with torch.no_grad():
        method.generator.table.copy_(torch.tensor(table))
    return method


def both(eos: int | None) -> tuple[Sequences, Sequences]:
    return population(DATA, eos), population(sixteenths(), eos)


def loss_of(method: Any, eos: int | None) -> Tensor:
    total: Tensor = method.generator_loss(*both(eos), 0.0).total
    return total


@pytest.mark.parametrize("options", [{}, {"beta": 0.4}, {"beta": 2.0, "per_token": True}])
@pytest.mark.parametrize("eos", ENDS)
def test_the_loss_and_its_gradient_are_the_papers(eos: int | None, options: Any) -> None:
    method = at(MOVED, eos, dropout=0.5, **options)
    loss = loss_of(method, eos)
    assert loss.item() == pytest.approx(objective(MOVED, eos, **options), rel=1e-6)
    expected = numerical_gradient(lambda x: objective(x, eos, **options), MOVED)
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss, method), expected)


def ratios(method: Any, s: Sequences) -> Tensor:
    ratio: Tensor = method.generator.log_prob(s) - method.reference.log_prob(s).detach()
    return ratio


def sign(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    d_real, d_fake = (ratios(method, s).sum(1) for s in (real, fake))
    return F.softplus(d_real).mean() + F.softplus(-d_fake).mean()


def judged_token_by_token(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    d_real, d_fake = (ratios(method, s) for s in (real, fake))
    return (F.softplus(-d_real) * real.mask).sum() / len(real) + (
        F.softplus(d_fake) * fake.mask
    ).sum() / len(fake)


def without_the_reference(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    d_real, d_fake = (method.generator.log_prob(s).sum(1) for s in (real, fake))
    return F.softplus(-d_real).mean() + F.softplus(d_fake).mean()


def real_texts_alone(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    return F.softplus(-ratios(method, real).sum(1)).mean()


def mean_over_all_texts(method: Any, real: Sequences, fake: Sequences) -> Tensor:
    d_real, d_fake = (ratios(method, s).sum(1) for s in (real, fake))
    return torch.cat([F.softplus(-d_real), F.softplus(d_fake)]).mean()


WRONG: list[Callable[[Any, Sequences, Sequences], Tensor]] = [
    sign,
    judged_token_by_token,
    without_the_reference,
    real_texts_alone,
    mean_over_all_texts,
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda f: f.__name__)
def test_a_wrong_ddo_fails_the_check(wrong: Callable[..., Tensor]) -> None:
    method = at(MOVED, 3)
    expected = numerical_gradient(lambda x: objective(x, 3), MOVED)
    assert not is_close(gradient(wrong(method, *both(3)), method), expected)


@pytest.mark.parametrize("eos", ENDS)
def test_at_beta_1_the_optimum_of_a_round_is_the_law_of_the_data(eos: int | None) -> None:
    assert np.abs(gradient(loss_of(method := at(DATA, eos), eos), method)).max() < 1e-9
    method = at(DATA, eos, beta=0.5)
    assert np.abs(gradient(loss_of(method, eos), method)).max() > 0.01


@pytest.mark.parametrize("eos", ENDS)
def test_with_another_scale_the_optimum_of_a_round_lies_beyond(eos: int | None) -> None:
    beta, data, old = 0.5, law_of(DATA, eos), law_of(sixteenths(), eos)
    # d = log p / ref at pi = ref (p / ref)^(1 / beta), which is a law where its sum is 1; there is
    # a softmax a prefix, so the loss is small near it only: compare with the data's own.
    beyond = table_of(old * (data / old) ** (1 / beta), eos)
    assert objective(beyond, eos, beta) < objective(DATA, eos, beta)
    method = at(DATA, eos, beta=beta)
    with torch.no_grad():  # once the reference is there, it stays
        method.reference.table.copy_(torch.tensor(DATA))
    real = population(DATA, eos)
    stays = gradient(method.generator_loss(real, real, 0.0).total, method)
    assert np.abs(stays).max() < 1e-9


@pytest.mark.parametrize("eos", ENDS)
def test_at_its_reference_the_gradient_is_half_of_mles(eos: int | None) -> None:
    def nll(logits: Array) -> float:
        return float(-(law_of(DATA, eos) * logs(logits, eos)).sum())

    method = at(sixteenths(), eos)
    expected = numerical_gradient(nll, sixteenths()) / 2
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss_of(method, eos), method), expected)


def test_texts_are_the_references_and_carry_its_probability() -> None:
    method = at(MOVED, 3)
    runtime.seed(1)
    fake = method.play(batch_of([(0, 1, 2)] * 500, 3), 0.0)
    assert fake.log_prob is not None
    expected = method.reference.log_prob(fake)
    torch.testing.assert_close(fake.log_prob.double(), expected, atol=1e-6, rtol=0)
    assert not torch.allclose(fake.log_prob.double(), method.generator.log_prob(fake), atol=1e-2)
    written = method.log_ratio(fake)
    again = method.log_ratio(Sequences(fake.ids, fake.eos))
    torch.testing.assert_close(written, again, atol=1e-6, rtol=0)
    assert not written[~fake.mask].any()


def test_a_round_begins_with_a_fresh_reference_and_losses_leave_it_alone() -> None:
    method = at(MOVED, 3)
    loss_of(method, 3).backward()  # type: ignore[no-untyped-call]
    assert method.reference.table.grad is None and method.generator.table.grad is not None
    assert not torch.equal(method.reference.table, method.generator.table)
    method.begin()
    assert torch.equal(method.reference.table, method.generator.table)
    assert method.reference.table is not method.generator.table
    assert method.reference.table.requires_grad is False


def test_the_reference_is_saved_with_the_method_and_resumed() -> None:
    state = at(MOVED, 3).own_state()
    other = at(MOVED, 3)
    with torch.no_grad():
        other.reference.table.zero_()
    other.load_state_dict(state, strict=False)
    assert np.array_equal(other.reference.table.detach().numpy(), sixteenths())
    assert not [key for key in state if key.startswith(("generator.", "discriminator."))]


def lstm(**options: Any) -> LSTMGenerator:
    sizes = {"name": "lstm", "embedding_size": 4, "hidden_size": 4}
    return LSTMGenerator(LSTMConfig(vocab_size=9, length=5, options=sizes | options))


def test_a_tied_matrix_is_saved_once() -> None:
    method = DDO(DDOOptions(), lstm(tied=True), torch.nn.Module())  # type: ignore[arg-type]
    places = [value.data_ptr() for value in method.own_state().values()]
    assert len(places) == len(set(places))
    assert any(key.startswith("reference.") for key in method.own_state())


def test_noise_hides_the_probability_of_a_text() -> None:
    with pytest.raises(UserError) as caught:
        DDO(DDOOptions(), lstm(latent_size=2), torch.nn.Module())  # type: ignore[arg-type]
    assert str(caught.value) == (
        "generator.latent_size: ddo needs the probability of a text, and noise hides it; "
        "set it to 0"
    )
