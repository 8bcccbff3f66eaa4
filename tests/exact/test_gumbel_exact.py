"""Estimators of a gradient through a draw, against enumeration, differences and each other.

What is expected stands in NumPy. One choice of V = 4 tokens has the probabilities softmax(o); what
it earns is quadratic in its one-hot, f(y) = a y + y B y / 2.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from textgan import runtime
from textgan.estimators import gumbel
from textgan.estimators.gumbel import ESTIMATORS, relax
from textgan.generators.base import NEVER

Array = np.ndarray[Any, np.dtype[Any]]
V = 4
LOGITS = np.array([0.9, -0.4, 0.2, -1.1])
LINEAR = np.array([1.0, -0.5, 0.3, 2.0])
SQUARE = np.array([[2.0, 0.5, -1, 0], [0.5, -3, 0.2, 1], [-1, 0.2, 1, 0.7], [0, 1, 0.7, -4]])
DRAWN = ["gumbel", "straight_through", "rao_blackwell", "reinmax"]
HARD = ["straight_through", "rao_blackwell", "reinmax"]


def softmax(x: Array) -> Array:
    weight = np.exp(x - x.max(axis=-1, keepdims=True))
    result: Array = weight / weight.sum(axis=-1, keepdims=True)
    return result


def earned(y: Array) -> Array:
    result: Array = y @ LINEAR + 0.5 * np.einsum("...i,ij,...j", y, SQUARE, y)
    return result


def slope(y: Array) -> Array:
    """f'(y)."""
    result: Array = LINEAR + y @ SQUARE
    return result


def jacobian(p: Array) -> Array:
    """Of softmax, where it is p."""
    result: Array = np.diag(p) - np.outer(p, p)
    return result


def true_gradient() -> Array:
    """Of sum_v p_v f(v), by enumeration."""
    p, values = softmax(LOGITS), earned(np.eye(V))
    result: Array = p * (values - p @ values)
    return result


def draws(n: int, seed: int) -> tuple[Tensor, Array]:
    """n rows of logits, and the Gumbel noise that the next draw takes."""
    runtime.seed("gumbel", seed)
    uniform = runtime.uniform(n, V, torch.device("cpu")).double().numpy()
    runtime.seed("gumbel", seed)
    return torch.tensor(LOGITS).repeat(n, 1).requires_grad_(), -np.log(-np.log(uniform))


def estimates(name: Any, n: int, temperature: float = 1.0, seed: int = 1) -> tuple[Array, Array]:
    """Tokens (n,) and each draw's estimate of the gradient (n, V)."""
    logits, _ = draws(n, seed)
    token, y = relax(name, temperature)(logits)
    f = y @ torch.tensor(LINEAR) + 0.5 * torch.einsum("bi,ij,bj->b", y, torch.tensor(SQUARE), y)
    (gradient,) = torch.autograd.grad(f.sum(), logits)
    return token.numpy(), gradient.numpy()


def same_mean(one: Array, other: Array) -> bool:
    """Within four standard errors, and these are small."""
    error = np.sqrt(sum(x.var(axis=0, ddof=1).sum() / len(x) for x in (one, other)))
    assert error < 0.02, "too noisy to tell"
    return bool(np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) < 4 * error)


# ---------------------------------------------------------------- which token


@pytest.mark.parametrize("temperature", [0.3, 2.0])
@pytest.mark.parametrize("name", DRAWN)
def test_tokens_are_as_frequent_as_softmax_says(name: Any, temperature: float) -> None:
    token, _ = estimates(name, 40_000, temperature)
    expected = 40_000 * softmax(LOGITS)
    chi_square = ((np.bincount(token, minlength=V) - expected) ** 2 / expected).sum()
    assert chi_square < 3 + 4 * np.sqrt(6)
    hardened = 40_000 * softmax(LOGITS / temperature)  # the temperature in the choice
    assert ((np.bincount(token, minlength=V) - hardened) ** 2 / hardened).sum() > 100


@pytest.mark.parametrize("name", HARD)
def test_forward_it_is_the_tokens_one_hot(name: Any) -> None:
    logits, noise = draws(500, 2)
    token, y = relax(name, 0.7)(logits)
    np.testing.assert_allclose(y.detach().numpy(), np.eye(V)[token], atol=1e-12)
    assert (token.numpy() == (LOGITS + noise).argmax(axis=1)).all()


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_a_batch_need_not_have_the_last_token(name: Any) -> None:
    logits = torch.tensor([[0.0, 30.0, 0.0, 0.0]]).repeat(2, 1)
    runtime.seed(1)
    token, y = relax(name, 1.0)(logits)
    assert token.tolist() == [1, 1] and y.dtype == torch.float32
    np.testing.assert_allclose(y, np.eye(V)[[1, 1]], atol=1e-4)


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_an_impossible_token_is_never_drawn_and_harms_no_gradient(name: Any) -> None:
    runtime.seed(1)
    logits = torch.randn(300, V).index_fill(1, torch.tensor([2]), NEVER).requires_grad_()
    token, y = relax(name, 0.5)(logits)
    (gradient,) = torch.autograd.grad((y * torch.randn(300, V)).sum(), logits)
    assert not (token == 2).any()
    assert not y[:, 2].any()
    assert gradient.isfinite().all()
    assert not gradient[:, 2].any()
    assert gradient.abs().sum() > 0


# ---------------------------------------------------------------- along the path


def differences(f: Callable[[Array], float]) -> Array:
    step = 1e-6 * np.eye(V)
    return np.array([(f(LOGITS + d) - f(LOGITS - d)) / 2e-6 for d in step])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_gumbel_softmax_and_its_gradient(temperature: float) -> None:
    logits, noise = draws(20, 3)
    token, y = relax("gumbel", temperature)(logits)
    np.testing.assert_allclose(y.detach(), softmax((LOGITS + noise) / temperature), atol=1e-12)
    assert (token.numpy() == (LOGITS + noise).argmax(axis=1)).all()
    _, gradient = estimates("gumbel", 20, temperature, seed=3)
    for row, g in zip(gradient, noise, strict=True):
        expected = differences(lambda o, g=g: float(earned(softmax((o + g) / temperature))))
        np.testing.assert_allclose(row, expected, atol=1e-7)
        upside_down = differences(lambda o, g=g: float(earned(softmax((o + g) * temperature))))
        assert temperature == 1 or np.abs(row - upside_down).max() > 1e-3


def test_straight_through_is_the_one_hots_slope_through_the_relaxed_ones_jacobian() -> None:
    _, noise = draws(20, 4)
    token, gradient = estimates("straight_through", 20, 0.6, seed=4)
    apart = []
    for row, v, g in zip(gradient, token, noise, strict=True):
        soft = softmax((LOGITS + g) / 0.6)
        np.testing.assert_allclose(row, jacobian(soft) @ slope(np.eye(V)[v]) / 0.6, atol=1e-12)
        at_soft = jacobian(soft) @ slope(soft) / 0.6  # the slope taken at the relaxed one
        apart.append(np.abs(row - at_soft).max())
    assert np.median(apart) > 1e-3


def test_softmax_has_no_noise() -> None:
    logits, _ = draws(3, 5)
    token, y = relax("softmax", 0.5)(logits)
    np.testing.assert_allclose(y.detach(), [softmax(LOGITS / 0.5)] * 3, atol=1e-12)
    assert token.tolist() == [0, 0, 0]
    _, gradient = estimates("softmax", 3, 0.5)
    expected = differences(lambda o: float(earned(softmax(o / 0.5))))
    np.testing.assert_allclose(gradient, [expected] * 3, atol=1e-7)


# ---------------------------------------------------------------- Rao-Blackwell


def test_noise_given_the_token_is_gumbel_noise_that_chose_it() -> None:
    n = 40_000
    logits, _ = draws(n, 6)
    token, plain = relax("gumbel", 0.5)(logits)
    given = gumbel._given(logits, token, 0.5).detach().numpy()
    assert (given.argmax(axis=1) == token.numpy()).all()
    found = plain.detach().numpy()
    for v in range(V):
        rows = token.numpy() == v
        assert same_mean(found[rows], given[rows])
        assert same_mean(found[rows] ** 2, given[rows] ** 2)
    fresh = relax("gumbel", 0.5)(logits)[1].detach().numpy()  # noise that forgets the token
    assert not same_mean(found[token.numpy() == 3], fresh[token.numpy() == 3])


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_rao_blackwell_has_straight_throughs_mean_and_less_variance(temperature: float) -> None:
    _, plain = estimates("straight_through", 60_000, temperature, seed=7)
    _, blackwell = estimates("rao_blackwell", 30_000, temperature, seed=8)
    assert same_mean(plain, blackwell)
    assert blackwell.var(axis=0).sum() < 0.8 * plain.var(axis=0).sum()
    assert not same_mean(plain, blackwell + 0.1)


# ---------------------------------------------------------------- ReinMax


def second_order(v: int, half: float = 0.5, temperature: float = 1.0) -> Array:
    """2 J((D + p_tau) / 2) f'(D) - J(p) f'(D) / 2."""
    p, one_hot = softmax(LOGITS), np.eye(V)[v]
    both = 2 * jacobian((one_hot + softmax(LOGITS / temperature)) / 2) - half * jacobian(p)
    result: Array = both @ slope(one_hot)
    return result


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_reinmax_is_the_papers_estimate_of_each_token(temperature: float) -> None:
    token, gradient = estimates("reinmax", 200, temperature)
    for row, v in zip(gradient, token, strict=True):
        expected = second_order(v, temperature=temperature)
        np.testing.assert_allclose(row, expected, atol=1e-12)
        assert np.abs(row - second_order(v, half=0.0)).max() > 1e-3
    assert set(token) == set(range(V))


def test_on_a_quadratic_reinmax_has_no_bias_and_straight_through_has() -> None:
    """Second order is all there is to a quadratic: its expectation is the true gradient."""
    p = softmax(LOGITS)
    expected = sum(p[v] * second_order(v) for v in range(V))
    np.testing.assert_allclose(expected, true_gradient(), atol=1e-12)
    first_order = sum(p[v] * jacobian(p) @ slope(np.eye(V)[v]) for v in range(V))
    assert np.linalg.norm(first_order - true_gradient()) > 0.1
    _, found = estimates("straight_through", 60_000)
    error = np.sqrt(found.var(axis=0).sum() / len(found))
    assert np.linalg.norm(found.mean(axis=0) - true_gradient()) > 10 * error
    _, found = estimates("reinmax", 60_000)
    error = np.sqrt(found.var(axis=0).sum() / len(found))
    assert np.linalg.norm(found.mean(axis=0) - true_gradient()) < 4 * error


@pytest.mark.parametrize("name", ["gumbel", "straight_through", "softmax"])
def test_at_a_low_temperature_no_number_is_denormal(name: Any) -> None:
    runtime.seed("denormal")
    logits = torch.randn(20, 500, requires_grad=True)
    _, soft = relax(name, 0.1)(logits)
    soft.retain_grad()
    (soft * torch.randn(20, 500)).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    for numbers in (soft, logits.grad):
        tiny = (numbers != 0) & (numbers.abs() < torch.finfo(torch.float32).tiny)
        assert not tiny.any()
    assert (soft == 0).any() and (soft.sum(dim=1) - 1).abs().max() < 1e-5
