"""Who plays in a stage: two players, the methods of its phases, and their optimizers."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from textgan import runtime
from textgan.discriminators import Discriminator
from textgan.errors import UserError
from textgan.generators import Generator
from textgan.methods import Method
from textgan.optimizers import OptimizerOptions, make_optimizer
from textgan.phases import Phase, walk
from textgan.recipe import Recipe, Stage, make_method, method_of, optimizer_of


@dataclass(frozen=True)
class Scene:
    """A phase with its method, and by player the options and the optimizer of its updates."""

    phase: Phase
    method: Method
    options: dict[str, OptimizerOptions]
    optimizers: dict[str, torch.optim.Optimizer]


class Cast:
    """What learns in a run of a stage, and what that leaves behind besides the players' weights.

    Phases whose methods have the same options share one method. A player's optimizer belongs to a
    method's name and an algorithm: MLE's moments are not the game's. A player whose optimizer has
    an ``average`` is seen, scored and saved as the moving average of its weights.
    """

    def __init__(
        self, recipe: Recipe, stage: Stage, generator: Generator, discriminator: Discriminator
    ) -> None:
        self.recipe = recipe
        self.device = runtime.pick_device(recipe.trainer.device)
        self.generator = generator.to(self.device)  # type: ignore[arg-type]
        self.discriminator = discriminator.to(self.device)  # type: ignore[arg-type]
        # What was read from a file may lie at any address, where sums round otherwise.
        for weight in [*generator.parameters(), *discriminator.parameters()]:
            weight.data = weight.data.clone()
        for player in (self.generator, self.discriminator):
            runtime.share_weights(player)
        self.averages: dict[str, Any] = {
            name: deepcopy(getattr(self, name)).requires_grad_(False)
            for name, options in sorted(recipe.optimizers.items())
            if options.average is not None
        }
        self.methods: dict[str, Method] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        phases = walk(getattr(recipe, stage), stage)
        self.scenes = {where: self._scene(phase) for where, phase in phases}

    def _scene(self, phase: Phase) -> Scene:
        method = self._method(phase)
        options = {p: optimizer_of(self.recipe, phase, p) for p in method.trains}
        for player in method.couples:
            if player in options and options[player].accumulation > 1:
                raise UserError(
                    f"optimizers.{player}.accumulation: {method.options.name} takes the texts "
                    "of a batch together, which can't be worked through in parts; set it to 1"
                )
        optimizers = {p: self._optimizer(method, p, options[p]) for p in method.trains}
        return Scene(phase, method, options, optimizers)

    def _method(self, phase: Phase) -> Method:
        options = method_of(self.recipe, phase)
        key = options.model_dump_json()
        if key not in self.methods:
            runtime.seed(self.recipe.trainer.seed, "method", key)
            method = make_method(options, self.generator, self.discriminator)
            self.methods[key] = method.to(self.device)
            runtime.share_weights(method)
        return self.methods[key]

    def _optimizer(
        self, method: Method, player: str, options: OptimizerOptions
    ) -> torch.optim.Optimizer:
        key = f"{method.options.name} {player} {options.algorithm}"
        if key not in self.optimizers:
            parameters = getattr(method, player).parameters()
            self.optimizers[key] = make_optimizer(options, parameters)
        return self.optimizers[key]

    def seen(self, player: str) -> Any:
        """The player as it is evaluated, sampled and saved: its average, if it has one."""
        return self.averages.get(player, getattr(self, player))

    def follow(self, player: str) -> None:
        """Move a player's average behind an update; buffers are those of the players, which may
        be copies of what has just moved.
        """
        if player in self.averages:
            average, now = self.averages[player], getattr(self, player)
            mix = get_ema_multi_avg_fn(self.recipe.optimizers[player].average)  # type: ignore[no-untyped-call]
            mix(list(average.parameters()), list(now.parameters()), None)
        for name, average in self.averages.items():
            for buffer, value in zip(average.buffers(), getattr(self, name).buffers(), strict=True):
                buffer.copy_(value)

    def take(self, player: str, weights: nn.Module) -> None:
        """Go on with a player's weights as a checkpoint's folder has them."""
        getattr(self, player).load_state_dict(weights.state_dict())
        if player in self.averages:
            self.averages[player].load_state_dict(weights.state_dict())

    def finite(self) -> torch.Tensor:
        """True if every weight of both players is a number, on the device."""
        weights = [*self.generator.parameters(), *self.discriminator.parameters()]
        return torch.stack([torch.isfinite(weight.detach()).all() for weight in weights]).all()

    def writers(self, tokenizer: Any) -> dict[str, Callable[[Path], object]]:
        """By folder name, what writes a player; the tokenizer lies with the generator."""

        def generator(place: Path) -> None:
            self.seen("generator").save_pretrained(place)
            tokenizer.save_pretrained(place)

        save_discriminator = self.seen("discriminator").save_pretrained
        return {"generator": generator, "discriminator": save_discriminator}

    def state(self) -> dict[str, Any]:
        """What the methods and the optimizers keep; the players have folders of their own.

        Where a folder holds an average, the weights behind it are here.
        """
        return {
            "methods": {key: method.own_state() for key, method in self.methods.items()},
            "optimizers": {key: o.state_dict() for key, o in sorted(self.optimizers.items())},
            "weights": {name: _tensors(getattr(self, name)) for name in self.averages},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take a saved state on, behind the players of its folders."""
        for key, method in self.methods.items():
            method.load_state_dict(state["methods"][key], strict=False)
        for name in self.averages:
            for key, tensor in _tensors(getattr(self, name)).items():
                tensor.copy_(state["weights"][name][key])
        self.inherit({key: state["optimizers"][key] for key in self.optimizers})

    def inherit(self, optimizers: dict[str, Any]) -> None:
        """Start with the moments of another run's optimizers, where there is one of the name."""
        for key in optimizers.keys() & self.optimizers.keys():
            self.optimizers[key].load_state_dict(optimizers[key])


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and buffers by name, without gradient; what is tied comes once."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach() for name, tensor in named}
