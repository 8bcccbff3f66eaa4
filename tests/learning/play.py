"""A method's game on the known language, from a generator that maximum likelihood left half-way, or
where it converged.

What differs from method to method stands in ``games.py``.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch

from tests.learning.language import (
    EOS,
    EVERY,
    LENGTH,
    TRUTH,
    VOCABULARY,
    density,
    jsd,
    kl,
    real,
)
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators import DISCRIMINATORS
from textgan.generators import GENERATORS
from textgan.methods import METHODS
from textgan.optimizers import OptimizerOptions, make_optimizer

LSTM = {"name": "lstm", "hidden_size": 16, "embedding_size": 8}
CNN = {
    "name": "cnn",
    "embedding_size": 16,
    "widths": [1, 2, 3],
    "filters": [16, 32, 32],
    "dropout": 0.0,
}
HALF, CONVERGED = 60, 700
"""Updates of maximum likelihood."""
BATCH, START_BATCH = 256, 64
"""Texts of an update, in the game (unless it says otherwise) and before it."""
WARM = 5
"""Updates before the game that share a draw."""
RATES = {"generator": 1e-3}
"""A player's learning rate at the start, where a game has no other; it falls to 0. Else 2e-3."""


@dataclass(frozen=True)
class Game:
    """How a method is played here."""

    options: Mapping[str, Any] = field(default_factory=dict)
    generator: Mapping[str, Any] = field(default_factory=lambda: LSTM)
    discriminator: Mapping[str, Any] = field(default_factory=lambda: CNN)
    steps: int = 60
    updates: Mapping[str, int] = field(default_factory=lambda: {"generator": 1, "discriminator": 5})
    """In a step, by player, in this order; those that the method doesn't move are left out."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Learning rates, where they aren't ``RATES``."""
    algorithm: str = "adam"
    """What moves the generator. Adam's steps are of one size, however small the gradient is: where
    likelihood converged, noise moves as far as the signal did half-way. ``sgd``'s are not."""
    clip: float = 5.0
    """Largest norm of a player's gradient: the generator's in the game, 5 for all others."""
    batch: int = BATCH
    """Texts of an update."""
    warm: int = 200
    """Updates of every player but the generator before the game, by the method's own loss."""
    rounds: int = 1
    """How often the method begins anew."""
    mle: str = "mle"
    """The method of maximum likelihood."""
    beside: str | None = None
    """A method whose discriminator learns beside likelihood, update for update."""

    def rate(self, player: str) -> float:
        """A player's learning rate at the start of the game."""
        return self.rates.get(player, RATES.get(player, 2e-3))


@dataclass(frozen=True)
class Result:
    """Exact divergences, in nats a text."""

    start: float
    end: float
    moved: float
    """KL(end || start)."""


def players(game: Game, seed: int) -> tuple[Any, Any]:
    """A generator and a discriminator with their first weights."""
    runtime.seed("players", seed)
    kind = GENERATORS[game.generator["name"]]
    special = {"bos_token_id": 1, "eos_token_id": EOS, "pad_token_id": 0, "never": [0, 1]}
    config = kind.config_class(
        vocab_size=VOCABULARY, length=LENGTH + 1, options=dict(game.generator), **special
    )
    judge = DISCRIMINATORS[game.discriminator["name"]]
    options = dict(game.discriminator)
    return kind(config), judge(judge.config_class(vocab_size=VOCABULARY, options=options))


def turn(
    method: Any,
    player: str,
    mover: Any,
    real: Sequences,
    progress: float,
    updates: int = 1,
    clip: float = 5.0,
) -> None:
    """A player's updates in a row, as the trainer plays them, on texts that were drawn at once."""
    method.train()
    for name in ("generator", "discriminator"):
        getattr(method, name).requires_grad_(name == player)
    fake = method.play(real, progress)
    for batch, other in zip(real.split(updates), fake.split(updates), strict=True):
        mover.zero_grad()
        method.loss(player, batch, other, progress).total.backward()
        torch.nn.utils.clip_grad_norm_(getattr(method, player).parameters(), clip)
        mover.step()
        method.after_step(player)


def optimizer(
    method: Any, player: str, rate: float, algorithm: str = "adam"
) -> torch.optim.Optimizer:
    options = OptimizerOptions(algorithm=algorithm, lr=rate)
    return make_optimizer(options, getattr(method, player).parameters())


def make(name: str, options: Mapping[str, Any], generator: Any, discriminator: Any) -> Any:
    kind = METHODS[name]
    return kind(kind.Options(**options), generator, discriminator)


@cache
def _likelihood(game: str, seed: int, steps: int) -> Any:
    played = Game(**json.loads(game))
    pair, rng = players(played, seed), np.random.default_rng((seed, 0))
    turns = [("generator", make(played.mle, {}, *pair), 1e-2)]
    if played.beside:
        turns.append(("discriminator", make(played.beside, {}, *pair), 2e-3))
    adams = [optimizer(method, player, rate) for player, method, rate in turns]
    turns[0][1].begin()
    for step in range(steps):
        runtime.seed("likelihood", seed, step)
        for (player, method, rate), adam in zip(turns, adams, strict=True):
            falling = 1 - step / steps if steps == CONVERGED else 1.0
            adam.param_groups[0]["lr"] = rate * falling
            turn(method, player, adam, real(rng, START_BATCH), step / steps)
    return pair


def start(game: Game, seed: int, steps: int) -> tuple[Any, Any]:
    """The players behind so many updates of maximum likelihood."""
    parts = "generator", "discriminator", "mle", "beside"
    same = json.dumps({part: getattr(game, part) for part in parts})
    return copy.deepcopy(_likelihood(same, seed, steps))


def play(name: str, game: Game, seed: int, likelihood: int = HALF) -> Result:
    """Play a game; the same seed gives every method the same start."""
    before = density(start(game, seed, likelihood)[0])
    after = density(played(name, game, seed, likelihood).generator)
    return Result(jsd(TRUTH, before), jsd(TRUTH, after), kl(after, before))


def played(name: str, game: Game, seed: int, likelihood: int) -> Any:
    """The method at the end of its game."""
    pair = start(game, seed, likelihood)
    runtime.seed("method", seed)
    method = make(name, game.options, *pair)
    updates = {p: n for p, n in game.updates.items() if p in method.trains}
    movers = {p: optimizer(method, p, game.rate(p)) for p in updates}
    movers["generator"] = optimizer(method, "generator", game.rate("generator"), game.algorithm)
    rng = np.random.default_rng((seed, 1))
    for step in range(game.warm // WARM):
        for judge in [player for player in updates if player != "generator"]:
            runtime.seed("warm", seed, step)
            turn(method, judge, movers[judge], real(rng, WARM * game.batch), 0.0, WARM)
    for step in range(game.steps):
        progress = step / game.steps
        if step % max(1, game.steps // game.rounds) == 0:
            method.begin()
        for player, number in updates.items():
            movers[player].param_groups[0]["lr"] = game.rate(player) * (1 - progress)
            runtime.seed("game", seed, step, player)
            texts = real(rng, number * game.batch)
            clip = game.clip if player == "generator" else 5.0
            turn(method, player, movers[player], texts, progress, number, clip)
    return method


def resampled(game: Game, seed: int) -> Result:
    """The law of texts that residual_ebm weighs by its energy, in the place of the end."""
    method = played("residual_ebm", game, seed, HALF)
    before = density(method.generator)
    energy = torch.cat([method.discriminator.judge(s) for s in EVERY.split(4)])
    after = before * np.exp(energy.double().numpy())
    after /= after.sum()
    return Result(jsd(TRUTH, before), jsd(TRUTH, after), kl(after, before))
