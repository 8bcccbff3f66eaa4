"""Optimizers by name, with warm-up and schedule as functions of the turn: nothing to save."""

import math
from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimizerOptions(BaseModel):
    """How one player's weights move."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    algorithm: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    """Which algorithm of torch.optim."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay of the two moments (adam, adamw)."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Shrinks the weights (adamw: decoupled from the gradient)."""
    warmup: int = Field(default=0, ge=0)
    """Updates over which the rate rises from 0, at the start of each phase."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls to 0 over the phase."""
    accumulation: int = Field(default=1, ge=1)
    """Parts that a batch is worked through in, to save memory; the update is that of the whole
    batch (dropout aside), the figures shown are means over the parts."""
    clip: float | None = Field(default=5.0, gt=0)
    """Largest norm of a player's gradient; null: no limit."""
    average: float | None = Field(default=None, gt=0, lt=1)
    """Keep a moving average of the weights, so much of it kept at each update (0.999, say): it is
    what is evaluated, sampled and saved as the player; null: the weights themselves are."""


def make_optimizer(
    options: OptimizerOptions, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """An optimizer over a player's weights."""
    arguments: dict[str, object] = {"lr": options.lr, "weight_decay": options.weight_decay}
    if options.algorithm in ("adam", "adamw"):
        arguments |= {"betas": options.betas, "fused": True}
    return OPTIMIZERS[options.algorithm](list(parameters), **arguments)  # type: ignore[arg-type]


def learning_rate(options: OptimizerOptions, update: int, progress: float) -> float:
    """The rate of the ``update``-th update (from 0) at ``progress`` in [0, 1] of the phase."""
    warm = min(1.0, (update + 1) / options.warmup) if options.warmup else 1.0
    fall = {
        "constant": 1.0,
        "linear": 1.0 - progress,
        "cosine": 0.5 * (1.0 + math.cos(math.pi * progress)),
    }[options.schedule]
    return options.lr * warm * fall


def step(
    optimizer: torch.optim.Optimizer,
    parameters: list[nn.Parameter],
    options: OptimizerOptions,
    update: int,
    progress: float,
    rate: float = 1.0,
) -> None:
    """Clip the gradients and move the weights, by the options as they are in this phase.

    ``rate``: what the learning rate is multiplied by.
    """
    if options.clip is not None:
        nn.utils.clip_grad_norm_(parameters, options.clip)
    for group in optimizer.param_groups:
        group["lr"] = rate * learning_rate(options, update, progress)
        group["weight_decay"] = options.weight_decay
        if "betas" in group:
            group["betas"] = options.betas
    optimizer.step()
