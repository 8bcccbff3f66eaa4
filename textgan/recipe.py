"""The whole configuration of a run: every section, and the lists of phases."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from textgan.config import check, did_you_mean, one_of
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.discriminators import DISCRIMINATORS, DiscriminatorOptions
from textgan.discriminators.cnn import CNNOptions
from textgan.errors import UserError
from textgan.generators import GENERATORS, GeneratorOptions
from textgan.generators.lstm import LSTMOptions
from textgan.methods import METHODS, Method, MethodOptions
from textgan.methods.seqgan import SeqGANOptions
from textgan.optimizers import OptimizerOptions
from textgan.phases import Phase, moves, walk
from textgan.precision import Precision

if TYPE_CHECKING:
    GeneratorSection = GeneratorOptions
    DiscriminatorSection = DiscriminatorOptions
    MethodSection = MethodOptions
else:
    GeneratorSection = one_of(*(g.Options for g in GENERATORS.values()))
    DiscriminatorSection = one_of(*(d.Options for d in DISCRIMINATORS.values()))
    MethodSection = one_of(*(m.Options for m in METHODS.values()))

Stage = Literal["pretrain", "adversarial"]


class TrainerOptions(BaseModel):
    """What holds for a whole run, whatever it trains."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    seed: int = 0
    """Every draw, order and first weight follows from it."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute; auto takes an accelerator if there is one."""
    precision: Precision = "fp32"
    """What players multiply in while they train; weights, losses and scores are fp32 anyway."""
    batch_size: int = Field(default=64, ge=1)
    """Real texts an update."""
    keep: int = Field(default=2, ge=1)
    """Checkpoints kept besides the best one."""
    save_minutes: float = Field(default=10.0, gt=0)
    """Save at least this often, inside a step too."""
    validation_samples: int = Field(default=500, ge=2)
    """Texts drawn for a score on the validation split while training adversarially."""
    shown_samples: int = Field(default=5, ge=0)
    """Texts written into the run's folder each time."""
    on_collapse: Literal["warn", "rollback", "stop"] = "warn"
    """When entropy, distinct pairs or Self-BLEU say that the generator collapsed: only say so; go
    on from the best checkpoint with half the generator's learning rate; or save and stop."""


class Recipe(BaseModel):
    """One experiment: text, players, method, schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Runs are named after it; default: the config files' names."""
    corpus: CorpusOptions = CorpusOptions()
    """The texts."""
    tokenizer: TokenizerOptions = TokenizerOptions()
    """How they are cut."""
    generator: GeneratorSection = LSTMOptions()
    """The player that writes."""
    discriminator: DiscriminatorSection = CNNOptions()
    """The player that judges."""
    method: MethodSection = SeqGANOptions()
    """The paper."""
    optimizers: dict[str, OptimizerOptions] = {}
    """How each player's weights move."""
    trainer: TrainerOptions = TrainerOptions()
    """Seed, device, batch, saving."""
    tracker: Literal["none", "tensorboard"] = "none"
    """Where the figures go besides metrics.jsonl."""
    pretrain: list[Phase] = []
    """Phases of the command `pretrain`."""
    adversarial: list[Phase] = []
    """Phases of the command `adversarial`."""

    @field_validator("optimizers")
    @classmethod
    def _optimizers_name_players(
        cls, optimizers: dict[str, OptimizerOptions]
    ) -> dict[str, OptimizerOptions]:
        players = dict.fromkeys(name for method in METHODS.values() for name in method.trains)
        wrong = [name for name in optimizers if name not in players]
        lines = [
            f"optimizers: no player '{name}'; there are {', '.join(players)}" for name in wrong
        ] + [
            f"optimizers.{name}.average: only generator and discriminator are saved as models; "
            "leave it out"
            for name, options in optimizers.items()
            if options.average is not None and name not in ("generator", "discriminator")
        ]
        if lines:
            raise UserError("\n".join(lines))
        return optimizers

    @field_validator("pretrain", "adversarial")
    @classmethod
    def _phases_name_what_exists(cls, phases: list[Phase], info: ValidationInfo) -> list[Phase]:
        if "method" not in info.data:  # wrong itself, so that nothing can be said of its phases
            return phases
        problems: list[str] = []
        for where, phase in walk(phases, str(info.field_name)):
            try:
                method = _method(phase, info.data["method"], where)
                _check_players(phase, method, info.data.get("optimizers", {}), where)
            except UserError as error:
                problems += str(error).splitlines()
        if problems:
            raise UserError("\n".join(problems))
        return phases


def _check_players(
    phase: Phase,
    method: MethodOptions,
    optimizers: dict[str, OptimizerOptions],
    where: str,
) -> None:
    trains = METHODS[method.name].players(method)
    players = list(dict.fromkeys(("generator", "discriminator", *trains)))
    problems = [
        f"{where}.{section}: no player '{name}'; {method.name} has {', '.join(players)}"
        for section in ("players", "optimizers")
        for name in getattr(phase, section)
        if name not in players
    ]
    if phase.players and not set(phase.players) & set(trains) and not problems:
        problems.append(f"{where}.players: {method.name} moves {', '.join(trains)} only")
    if not METHODS[method.name].plays and any(p.pool for p in phase.players.values()):
        problems.append(f"{where}.players: {method.name} draws no texts; leave out pool")
    generator = phase.players.get("generator")
    if METHODS[method.name].relaxes and generator and generator.pool:
        problems.append(
            f"{where}.players.generator.pool: {method.name}'s texts carry the gradient of the "
            "draw, which serves one update; give updates instead"
        )
    problems += _problems_of_replay(phase, where, METHODS[method.name])
    problems += _problems_of_until(phase, where, trains)
    problems += [
        f"{where}.optimizers.{name}.average: holds for a whole run; set optimizers.{name}.average"
        for name, changes in phase.optimizers.items()
        if "average" in changes
    ]
    for name in phase.optimizers:
        try:
            _optimizer(phase, optimizers, name, where)
        except UserError as error:
            problems += str(error).splitlines()
    if problems:
        raise UserError("\n".join(problems))


def _problems_of_replay(phase: Phase, where: str, method: type[Method]) -> list[str]:
    named = [name for name, player in phase.players.items() if player.replay]
    wrong = [name for name in named if name != "discriminator"]
    problems = [
        f"{where}.players.{name}.replay: only a discriminator may learn from old samples"
        for name in wrong
    ]
    if named and not wrong and not method.plays:
        problems.append(f"{where}.players: the method draws no texts; leave out replay")
    if named and not wrong and method.relaxes:
        problems.append(
            f"{where}.players.discriminator.replay: this method's texts are relaxed, too large to "
            "keep; leave it out"
        )
    return problems


def _problems_of_until(phase: Phase, where: str, trains: tuple[str, ...]) -> list[str]:
    until, problems = phase.until, []
    if until and until.metric and not moves(phase, trains, "generator"):
        problems.append(f"{where}.until.metric: only phases that move the generator are scored")
    if until and until.discriminator_accuracy and not moves(phase, trains, "discriminator"):
        problems.append(f"{where}.until.discriminator_accuracy: no discriminator moves here")
    return problems


def method_of(recipe: Recipe, phase: Phase) -> MethodOptions:
    """The options of the method that a phase plays."""
    return _method(phase, recipe.method)


def _method(phase: Phase, default: MethodOptions, where: str = "phase") -> MethodOptions:
    section = phase.method
    if section is None:
        return default
    tree = {"name": section} if isinstance(section, str) else section
    name = tree.get("name")
    if name not in METHODS:
        hint = did_you_mean(name, METHODS) or f"there are {', '.join(METHODS)}"
        raise UserError(f"{where}.method: no method '{name}'; {hint}")
    if tree == {"name": default.name}:
        return default
    return check(METHODS[name].Options, tree, f"{where}.method")


def optimizer_of(recipe: Recipe, phase: Phase, player: str) -> OptimizerOptions:
    """The recipe's optimizer of a player with the phase's changes."""
    return _optimizer(phase, recipe.optimizers, player)


def _optimizer(
    phase: Phase, optimizers: dict[str, OptimizerOptions], player: str, where: str = "phase"
) -> OptimizerOptions:
    base = optimizers.get(player, OptimizerOptions()).model_dump()
    changes = phase.optimizers.get(player, {})
    return check(OptimizerOptions, base | changes, f"{where}.optimizers.{player}")


def make_method(options: MethodOptions, generator: Any, discriminator: Any) -> Method:
    """The class behind a method's options, with its players."""
    return METHODS[options.name](options, generator, discriminator)
