"""A recipe's schedule is data: phases in YAML, unrolled into one turn after the other.

docs/phases.md writes five published recipes in these terms. A turn says all that the trainer must
know, so the position in a run is one number, and resuming is counting up to it.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Replay(BaseModel):
    """Earlier samples that a discriminator sees again, so that it doesn't forget old faults."""

    model_config = STRICT

    size: int = Field(default=10_000, ge=1)
    """Generated texts kept: an even sample of all that were drawn so far."""
    share: float = Field(default=0.5, gt=0, lt=1)
    """Of the generated texts of an update, or of a pool, so many are old ones."""


class PlayerTurns(BaseModel):
    """What one player does in a step."""

    model_config = STRICT

    updates: int = Field(default=1, ge=0)
    """Updates a step, each on fresh texts; not with a pool, which makes as many as it takes."""
    pool: int | None = Field(default=None, ge=1)
    """Draw this many generated texts at once and go over them in batches, `epochs` times."""
    epochs: int = Field(default=1, ge=1)
    """Passes over each pool."""
    rounds: int = Field(default=1, ge=1)
    """Fresh pools a step."""
    batch_size: int | None = Field(default=None, ge=1)
    """Real texts an update (and as many generated ones); default: trainer.batch_size."""
    replay: Replay | None = None
    """Mix earlier samples under the generated ones; the discriminator's only."""

    @model_validator(mode="after")
    def _a_pool_or_not(self) -> "PlayerTurns":
        if self.pool and self.updates != 1:
            raise ValueError("updates and pool exclude each other: give rounds, fresh pools a step")
        if not self.pool and (self.epochs, self.rounds) != (1, 1):
            raise ValueError("epochs and rounds are those of a pool: give pool, or updates alone")
        return self


class Every(BaseModel):
    """What happens now and then, counted in the phase's steps; null: the default."""

    model_config = STRICT

    evaluate: int | None = Field(default=None, ge=1)
    """Score on the validation split; default: every epoch, or ten times a phase."""
    sample: int | None = Field(default=None, ge=1)
    """Write texts into the run's folder; default: with each evaluation."""
    checkpoint: int | None = Field(default=None, ge=1)
    """Save; default: with each evaluation."""


class Until(BaseModel):
    """What ends a phase before its steps are done: the first rule that holds behind a step."""

    model_config = STRICT

    discriminator_accuracy: float | None = Field(default=None, ge=0.5, lt=1)
    """How near one half is near enough: 0.52 ends the phase at 0.48 to 0.52."""
    window: int = Field(default=50, ge=1)
    """Updates of the discriminator, in this occurrence of the phase, whose mean accuracy counts."""
    metric: str | None = None
    """A figure of the evaluations, as metrics.jsonl names it."""
    at_least: float | None = None
    """End when the metric is this or more."""
    at_most: float | None = None
    """End when the metric is this or less."""

    @model_validator(mode="after")
    def _says_when(self) -> "Until":
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if len(bounds) != (self.metric is not None):
            raise ValueError("a metric needs either at_least or at_most, and they need a metric")
        if self.metric is None and self.discriminator_accuracy is None:
            raise ValueError("give discriminator_accuracy, or a metric with at_least or at_most")
        return self

    def reached(self, value: float) -> bool:
        """True if the metric's value ends the phase."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


class Phase(BaseModel):
    """A stretch of training: steps of one method, or phases in a row."""

    model_config = STRICT

    method: str | dict[str, Any] | None = None
    """A method's name, or its section; default: the recipe's method."""
    steps: int | None = Field(default=None, ge=1)
    """How many steps; default 1."""
    epochs: float | None = Field(default=None, gt=0)
    """Instead of steps: passes over the training texts, one update of the first player a step."""
    repeat: int = Field(default=1, ge=1)
    """The whole phase so many times."""
    phases: list["Phase"] = []
    """Phases inside this one, instead of steps."""
    players: dict[str, PlayerTurns] = {}
    """What each player does in a step, in this order; default: one update each."""
    optimizers: dict[str, dict[str, Any]] = {}
    """Changes to the recipe's optimizers, in this phase only."""
    every: Every = Every()
    """When to evaluate, sample and save."""
    patience: int | None = Field(default=None, ge=1)
    """End after so many evaluations without a better one, and go on from the best weights."""
    until: Until | None = None
    """End as soon as real and generated texts are alike enough."""

    @model_validator(mode="after")
    def _one_length(self) -> "Phase":
        if self.steps and self.epochs:
            raise ValueError("steps and epochs exclude each other: give one of them")
        fields = type(self).model_fields.items()
        own = [key for key, field in fields if getattr(self, key) != field.default]
        if extra := [key for key in own if self.phases and key not in ("phases", "repeat")]:
            raise ValueError(f"a phase of phases has no {' or '.join(extra)} of its own")
        return self


@dataclass(frozen=True)
class Turn:
    """One update of one player, and what surrounds it."""

    number: int
    """Turns before this one in the whole run."""
    phase: str
    """Where it stands in the recipe, for example ``pretrain[1].phases[0]``."""
    occurrence: int
    """How often this phase was begun before."""
    player: str
    index: int
    """Updates of this player before this one, in this occurrence of the phase."""
    batch_size: int
    taken: int
    """Texts of this player's turns before this one, in this occurrence of the phase."""
    step: int
    steps: int
    progress: float
    """Share of this phase's steps that lie behind, over all its occurrences: [0, 1]."""
    draw: Literal["fresh", "pool", "keep"]
    """Fresh texts, a fresh pool, or the next batch of the pool."""
    pool_size: int
    pool_start: int
    """Where in the shuffled pool this turn's batch begins."""
    pool_epoch: int
    begins: bool
    """First turn of an occurrence of the phase."""
    ends_step: bool
    ends: bool
    """Last turn of an occurrence of the phase."""
    replay: Replay | None = None
    """Which earlier samples the turn mixes in."""


def evaluates(phase: Phase, turn: Turn) -> bool:
    """True if the generator is scored behind this turn's step: by ``every.evaluate``, each epoch,
    or ten times an occurrence of the phase (each step, if there are fewer).
    """
    done = turn.step + 1
    if turn.ends or phase.every.evaluate:
        return turn.ends or done % (phase.every.evaluate or 1) == 0
    times = phase.epochs or 10
    return int(done * times / turn.steps) > int(turn.step * times / turn.steps)


def moves(phase: Phase, trains: tuple[str, ...], player: str) -> bool:
    """True if a player has updates in a phase whose method moves ``trains``."""
    turns = (phase.players or default_players(trains)).get(player)
    return player in trains and turns is not None and turns.updates > 0


def walk(phases: list[Phase], path: str) -> Iterator[tuple[str, Phase]]:
    """Every phase that has steps, once, with its path."""
    for i, phase in enumerate(phases):
        here = f"{path}[{i}]"
        if phase.phases:
            yield from walk(phase.phases, f"{here}.phases")
        else:
            yield here, phase


def order(phases: list[Phase], path: str) -> Iterator[tuple[str, Phase]]:
    """Every occurrence of every phase that has steps, in the order of play."""
    for i, phase in enumerate(phases):
        for _ in range(phase.repeat):
            if phase.phases:
                yield from order(phase.phases, f"{path}[{i}].phases")
            else:
                yield f"{path}[{i}]", phase


def unroll(
    phases: list[Phase], path: str, trains: dict[str, tuple[str, ...]], texts: int, batch_size: int
) -> Iterator[Turn]:
    """All turns of a run, one after the other.

    Args:
        phases: the recipe's list.
        path: its name, ``pretrain`` or ``adversarial``.
        trains: by phase, the players that its method moves; the others rest.
        texts: how many training texts there are.
        batch_size: the trainer's.
    """
    occurrences = list(order(phases, path))
    total = Counter(where for where, _ in occurrences)
    begun: Counter[str] = Counter()
    number = 0
    for where, phase in occurrences:
        steps = length(phase, texts, batch_size)
        updates = list(_step(phase, trains[where], texts, batch_size))
        done: Counter[str] = Counter()
        taken: Counter[str] = Counter()
        for step, (i, (player, update)) in product(range(steps), enumerate(updates)):
            ends_step = i == len(updates) - 1
            yield Turn(
                number=number,
                phase=where,
                occurrence=begun[where],
                player=player,
                index=done[player],
                taken=taken[player],
                step=step,
                steps=steps,
                progress=(begun[where] * steps + step) / (total[where] * steps),
                begins=step == i == 0,
                ends_step=ends_step,
                ends=ends_step and step == steps - 1,
                **update,
            )
            done[player] += 1
            taken[player] += update["batch_size"]
            number += 1
        begun[where] += 1


def _step(
    phase: Phase, trains: tuple[str, ...], texts: int, batch_size: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The updates of one step, each with its player; all steps of a phase are alike."""
    for name, player in (phase.players or default_players(trains)).items():
        if name in trains:
            for update in _updates(player, min(player.batch_size or batch_size, texts)):
                yield name, update | {"replay": player.replay}


def _updates(player: PlayerTurns, size: int) -> Iterator[dict[str, Any]]:
    if player.pool is None:
        none = {"pool_size": 0, "pool_start": 0, "pool_epoch": 0}
        yield from [{"draw": "fresh", "batch_size": size, **none}] * player.updates
        return
    for _, epoch in product(range(player.rounds), range(player.epochs)):
        for start in range(0, player.pool, size):
            yield {
                "draw": "keep" if epoch or start else "pool",
                "batch_size": min(size, player.pool - start),
                "pool_size": player.pool,
                "pool_start": start,
                "pool_epoch": epoch,
            }


def default_players(trains: tuple[str, ...]) -> dict[str, PlayerTurns]:
    """One update each."""
    return {name: PlayerTurns() for name in trains}


def length(phase: Phase, texts: int, batch_size: int) -> int:
    """Steps of one occurrence of a phase."""
    if phase.epochs is None:
        return phase.steps or 1
    players = list(phase.players.values())
    size = (players[0].batch_size if players else None) or batch_size
    return max(1, round(phase.epochs * math.ceil(texts / size)))
