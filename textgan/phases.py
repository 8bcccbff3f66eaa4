"""A recipe's schedule is data: phases in YAML, unrolled into one turn after the other.

docs/phases.md writes five published recipes in these terms. A turn says all that the trainer must
know, so the position in a run is one number, and resuming is counting up to it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PlayerTurns(BaseModel):
    """What one player does in a step."""

    model_config = STRICT

    updates: int = Field(1, ge=0)
    """Updates a step, each on fresh texts; with a pool, see there."""
    pool: int | None = Field(None, ge=1)
    """Draw this many generated texts at once and go over them in batches, `epochs` times."""
    epochs: int = Field(1, ge=1)
    """Passes over each pool."""
    rounds: int = Field(1, ge=1)
    """Fresh pools a step."""
    batch_size: int | None = Field(None, ge=1)
    """Real texts an update (and as many generated ones); default: trainer.batch_size."""


class Every(BaseModel):
    """What happens now and then, counted in the phase's steps; null: the default."""

    model_config = STRICT

    evaluate: int | None = Field(None, ge=1)
    """Score on the validation split; default: every epoch, or ten times a phase."""
    sample: int | None = Field(None, ge=1)
    """Write texts into the run's folder; default: with each evaluation."""
    checkpoint: int | None = Field(None, ge=1)
    """Save; default: with each evaluation."""


class Phase(BaseModel):
    """A stretch of training: steps of one method, or phases in a row."""

    model_config = STRICT

    method: str | dict[str, Any] | None = None
    """A method's name, or its section; default: the recipe's method."""
    steps: int | None = Field(None, ge=1)
    """How many steps; default 1."""
    epochs: float | None = Field(None, gt=0)
    """Instead of steps: passes over the training texts, one update of the first player a step."""
    repeat: int = Field(1, ge=1)
    """The whole phase so many times."""
    phases: list["Phase"] = []
    """Phases inside this one, instead of steps."""
    players: dict[str, PlayerTurns] = {}
    """What each player does in a step, in this order; default: one update each."""
    optimizers: dict[str, dict[str, Any]] = {}
    """Changes to the recipe's optimizers, in this phase only."""
    every: Every = Every()
    """When to evaluate, sample and save."""
    patience: int | None = Field(None, ge=1)
    """End after so many evaluations without a better one, and go on from the best weights."""

    @model_validator(mode="after")
    def _one_length(self) -> "Phase":
        if self.steps and self.epochs:
            raise ValueError("steps and epochs exclude each other: give one of them")
        if self.phases and (self.steps or self.epochs or self.players or self.method):
            raise ValueError("a phase of phases has no steps, epochs, players or method of its own")
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
    total = {where: sum(w == where for w, _ in occurrences) for where, _ in occurrences}
    begun = dict.fromkeys(total, 0)
    number = 0
    for where, phase in occurrences:
        turns = list(_occurrence(phase, trains[where], texts, batch_size))
        steps = turns[-1][0] + 1 if turns else 0
        counts: dict[str, int] = {}
        for i, (step, player, turn) in enumerate(turns):
            ends = i == len(turns) - 1
            yield Turn(
                number=number,
                phase=where,
                occurrence=begun[where],
                player=player,
                index=counts.get(player, 0),
                step=step,
                steps=steps,
                progress=(begun[where] * steps + step) / (total[where] * steps),
                begins=i == 0,
                ends_step=ends or turns[i + 1][0] > step,
                ends=ends,
                **turn,
            )
            counts[player] = counts.get(player, 0) + 1
            number += 1
        begun[where] += 1


def _occurrence(
    phase: Phase, trains: tuple[str, ...], texts: int, batch_size: int
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    players = {name: p for name, p in (phase.players or default_players(trains)).items()}
    players = {name: p for name, p in players.items() if name in trains}
    for step in range(length(phase, texts, batch_size)):
        for name, p in players.items():
            size = min(p.batch_size or batch_size, texts)
            for turn in _updates(p, size):
                yield step, name, turn


def _updates(p: PlayerTurns, size: int) -> Iterator[dict[str, Any]]:
    common = {"pool_size": 0, "pool_start": 0, "pool_epoch": 0}
    if p.pool is None:
        for _ in range(p.updates):
            yield {**common, "draw": "fresh", "batch_size": size}
        return
    for _ in range(p.rounds):
        for epoch in range(p.epochs):
            for start in range(0, p.pool, size):
                yield {
                    "draw": "keep" if epoch or start else "pool",
                    "batch_size": min(size, p.pool - start),
                    "pool_size": p.pool,
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
