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

from tests.learning.language import EOS, LENGTH, TRUTH, VOCABULARY, density, jsd, kl, real
from textgan import runtime
from textgan.discriminators import DISCRIMINATORS
from textgan.generators import GENERATORS
from textgan.methods import METHODS

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
BATCH = 64


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
    """Learning rates; default 2e-3."""
    warm: int = 200
    """Updates of the discriminator before the game, by the method's own loss."""
    rounds: int = 1
    """How often the method begins anew."""
    mle: str = "mle"
    """The method of maximum likelihood."""


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


def update(method: Any, player: str, optimizer: Any, rng: Any, progress: float) -> None:
    """One turn of a player, as the trainer plays it."""
    method.train()
    for name in ("generator", "discriminator"):
        getattr(method, name).requires_grad_(name == player)
    batch = real(rng, BATCH)
    optimizer.zero_grad()
    method.loss(player, batch, method.play(batch, progress), progress).total.backward()
    torch.nn.utils.clip_grad_norm_(getattr(method, player).parameters(), 5.0)
    optimizer.step()
    method.after_step(player)


def optimizer(method: Any, player: str, rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(getattr(method, player).parameters(), rate)


def make(name: str, options: Mapping[str, Any], generator: Any, discriminator: Any) -> Any:
    kind = METHODS[name]
    return kind(kind.Options(**options), generator, discriminator)


@cache
def _likelihood(generator: str, discriminator: str, mle: str, seed: int, steps: int) -> Any:
    game = Game(generator=json.loads(generator), discriminator=json.loads(discriminator))
    pair = players(game, seed)
    method, rng = make(mle, {}, *pair), np.random.default_rng((seed, 0))
    adam = optimizer(method, "generator", 1e-2)
    for step in range(steps):
        runtime.seed("likelihood", seed, step)
        if steps == CONVERGED:
            adam.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        update(method, "generator", adam, rng, step / steps)
    return pair


def start(game: Game, seed: int, steps: int) -> tuple[Any, Any]:
    """The players behind so many updates of maximum likelihood."""
    sections = (json.dumps(dict(part)) for part in (game.generator, game.discriminator))
    return copy.deepcopy(_likelihood(*sections, game.mle, seed, steps))


def play(name: str, game: Game, seed: int, likelihood: int = HALF) -> Result:
    """Play a game; the same seed gives every method the same start."""
    generator, discriminator = start(game, seed, likelihood)
    before = density(generator)
    method = make(name, game.options, generator, discriminator)
    updates = {p: n for p, n in game.updates.items() if p in method.trains}
    adam = {p: optimizer(method, p, game.rates.get(p, 2e-3)) for p in updates}
    rng = np.random.default_rng((seed, 1))
    for step in range(game.warm if "discriminator" in updates else 0):
        runtime.seed("warm", seed, step)
        update(method, "discriminator", adam["discriminator"], rng, 0.0)
    for step in range(game.steps):
        if step % max(1, game.steps // game.rounds) == 0:
            method.begin()
        for player, number in updates.items():
            for i in range(number):
                runtime.seed("game", seed, step, player, i)
                update(method, player, adam[player], rng, step / game.steps)
    after = density(generator)
    return Result(jsd(TRUTH, before), jsd(TRUTH, after), kl(after, before))
