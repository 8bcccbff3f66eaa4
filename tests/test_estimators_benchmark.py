"""benchmarks/estimators.py at a small size: what has no bias shows none, what has one shows it."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import estimators, rebar
from benchmarks.estimators import ROWS, measure, soft
from benchmarks.solvable import LENGTH, WORDS, Players, earned
from textgan import runtime
from textgan.data.sequences import Sequences

Array = np.ndarray[Any, np.dtype[Any]]

ROW = {f"{row.name} | {row.target}": row for row in ROWS}
UNBIASED = [
    "terminal reward | text",
    "moving average | text",
    "learned critic | text",
    "leave-one-out | text",
    "rollouts 1, l-o-o | text",
    "rollouts 4, every 2, prefix | text",
    "clipped ratio, update 1, rate 0.01 | text",
    "discount 1.0 | tokens",
    "the drawn word alone | next token",
    "all words | next token",
]
BIASED = [
    "clipped ratio, update 5, rate 0.01 | text",
    "neighbours, h 2.0 | text",
    "gumbel-softmax 1.0 | text",
    "straight_through | text",
    "rao_blackwell | text",
    "reinmax, hard feed | text",
    "discount 0.23 | tokens",
    "all words | tokens",
]


@pytest.fixture(scope="module")
def players() -> Players:
    return Players()


@pytest.fixture(autouse=True)
def little_warmth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimators, "WARM", 3)
    monkeypatch.setattr(estimators, "CRITIC", 10)


@pytest.mark.parametrize("name", UNBIASED)
def test_an_unbiased_estimator_has_the_exact_gradient(name: str, players: Players) -> None:
    found = measure(ROW[name], players, batches=10, texts=1000)
    assert found.bias < 4 * found.bias_error < 0.5


@pytest.mark.parametrize("name", BIASED)
def test_a_biased_estimator_has_not(name: str, players: Players) -> None:
    found = measure(ROW[name], players, batches=6, texts=1000)
    assert found.bias > 6 * found.bias_error


def test_of_four_texts_the_groups_mean_takes_a_quarter_of_the_gradient(players: Players) -> None:
    loo, group = (measure(ROW[f"{n} | text"], players, 3, 4) for n in ("leave-one-out", "group"))
    assert group.length == pytest.approx(0.75 * loo.length, rel=1e-4)


def test_the_exact_gradient_is_that_of_finite_differences(players: Players) -> None:
    """Along its own direction, what is expected to be earned falls by its norm."""
    exact = players.exact("text", "cnn")
    worth = earned(players.judges["cnn"], players.every).detach().double()

    def expected() -> float:
        with torch.no_grad():
            p = players.generator.log_prob(players.every).sum(dim=1).double().exp()
        assert p.sum() == pytest.approx(1, abs=1e-5)
        return float(-(p * worth).sum())

    assert slope(players, expected, exact, 0.02) == pytest.approx(float(exact.norm()), rel=1e-2)


def slope(players: Players, f: Callable[[], float], direction: Tensor, step: float) -> float:
    """The central difference of f along a direction in the generator's weights."""
    sides = []
    for sign in (1, -1):
        players.restart()
        sizes = [weight.numel() for weight in players.weights]
        moves = (sign * step * direction / direction.norm()).split(sizes)
        with torch.no_grad():
            for weight, move in zip(players.weights, moves, strict=True):
                weight.add_(move.view_as(weight))
        sides.append(f())
    players.restart()
    return (sides[0] - sides[1]) / (2 * step)


@pytest.mark.parametrize("feed", ["soft", "hard"])
def test_gumbel_softmax_follows_its_relaxed_objective_if_the_feed_is_soft(
    feed: str, players: Players
) -> None:
    """Which token is fed changes with the weights, too: that path has no gradient."""
    method = players.method("gsgan", "cnn", **soft("", feed=feed).options)
    real = players.real_texts(10_000)

    def loss() -> Tensor:
        runtime.seed("relaxed")
        return method.generator_loss(real, method.play(real, 0.0), 0.0).total

    gradient = players.slope(loss())
    missing = players.exact("text", "cnn") - gradient
    says = float(gradient @ missing / missing.norm())
    found = slope(players, lambda: float(loss().detach()), missing, 0.05)
    assert (abs(says - found) < 0.02 * abs(found)) == (feed == "soft")


# ---------------------------------------------------------------- REBAR


def rebar_gradients(players: Players) -> tuple[Array, Array]:
    """Eight gradients of 2,000 texts each without the control, and with all of it."""
    runtime.seed("rebar")
    reward, found = partial(earned, players.judges["cnn"]), []
    for _ in range(8):
        logits, plain, control = rebar.parts(players.generator, reward, 2000, 1.0)
        both = torch.autograd.grad(logits, players.weights, -plain / 2000, retain_graph=True)
        rest = torch.autograd.grad(logits, players.weights, -control / 2000)
        found.append([flat(both), flat(both) + flat(rest)])
    plain, controlled = np.stack(found, axis=1)
    return plain, controlled


def flat(parts: tuple[Tensor, ...]) -> Array:
    result: Array = torch.cat([part.flatten() for part in parts]).numpy()
    return result


def is_unbiased(found: Array, players: Players) -> bool:
    exact = players.exact("text", "cnn").numpy()
    error = np.sqrt((found.var(axis=0, ddof=1) / len(found)).sum())
    assert error < 0.12 * np.linalg.norm(exact), "too noisy to tell"
    return bool(np.linalg.norm(found.mean(axis=0) - exact) < 4 * error)


def test_rebar_has_the_exact_gradient_and_less_noise(players: Players) -> None:
    plain, controlled = rebar_gradients(players)
    assert is_unbiased(plain, players)
    assert is_unbiased(controlled, players)
    assert controlled.var(axis=0).sum() < 0.8 * plain.var(axis=0).sum()


def test_rebar_whose_noise_forgets_the_token_on_its_way_back_is_biased(
    players: Players, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = rebar.conditional

    def one_path(logits: Tensor, chosen: Tensor) -> Tensor:
        return right(logits, chosen).detach() + logits - logits.detach()

    monkeypatch.setattr(rebar, "conditional", one_path)
    assert not is_unbiased(rebar_gradients(players)[1], players)


def test_rebar_whose_control_knows_what_follows_is_biased(
    players: Players, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_drawn_rest(
        generator: Any, reward: rebar.Reward, texts: Sequences, noisy: Tensor, tau: float
    ) -> tuple[Tensor, Tensor]:
        values, slopes = [], []
        for t in range(LENGTH):
            z = noisy[:, t].clone().requires_grad_()
            one_hots = F.one_hot(texts.ids, WORDS).float()
            soft = torch.cat(
                [one_hots[:, :t], torch.softmax(z / tau, dim=1)[:, None], one_hots[:, t + 1 :]],
                dim=1,
            )
            worth = reward(Sequences(texts.ids, None, soft=soft))
            slopes.append(torch.autograd.grad(worth.sum(), z)[0])
            values.append(worth.detach())
        return torch.stack(values, dim=1), torch.stack(slopes, dim=1)

    monkeypatch.setattr(rebar, "relaxed_reward", with_drawn_rest)
    assert not is_unbiased(rebar_gradients(players)[1], players)


# ---------------------------------------------------------------- the command


def test_the_command_prints_a_table_and_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(estimators, "Players", partial(Players, likelihood=2, warm=2))
    monkeypatch.setattr(estimators, "ROWS", [ROW["group | text"], ROW["rebar 2.0 | text"]])
    monkeypatch.setattr(estimators, "WARM", 2)
    path = tmp_path / "figures.json"
    words = ["estimators.py", "--batches", "3", "--texts", "4", "--json", str(path)]
    monkeypatch.setattr(sys, "argv", words)
    estimators.main()
    lines = capsys.readouterr().out.splitlines()
    rows, figures = lines[4:], json.loads(path.read_text())
    assert [row.split("|")[1].strip() for row in rows] == ["group", "rebar 2.0"]
    assert len({row.count("|") for row in lines[2:]}) == 1
    assert f"{figures[0]['variance']:.3g}" in rows[0]
