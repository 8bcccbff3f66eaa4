"""A recipe becomes a run: new, going on from another run, or resumed."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

import textgan
from textgan import checkpoint, config, models, runs, runtime
from textgan.config import Tree
from textgan.data.corpus import load_corpus
from textgan.errors import UserError
from textgan.interrupts import Interrupted
from textgan.recipe import Recipe, Stage
from textgan.tracking import command, say
from textgan.trainer import Trainer

INHERITED = ("corpus", "tokenizer", "generator")
"""Sections that an adversarial run takes from the run it goes on from."""


def start(
    stage: Stage,
    given: Tree,
    run: Path | None,
    source: Path | None,
    words: Sequence[str] | None = None,
) -> Path:
    """Train a new run; ``given`` is what config files and command line say.

    Args:
        stage: which list of phases.
        given: the tree under which the defaults lie.
        run: its folder; default: a new one.
        source: the run or checkpoint to go on from (adversarial only).
        words: the command line's config files and options, for a command that an error names.

    Returns:
        The run's folder.

    Raises:
        UserError: a mistake in the configuration, the text or the source.
        Interrupted: stopped by the user, after saving.
    """
    if stage == "adversarial":
        given, origin = inherit(given, source, words)
    else:
        origin = None
    recipe = config.check(Recipe, given)
    if not getattr(recipe, stage) and stage == "pretrain":
        raise UserError("pretrain: the recipe's list of phases is empty; it needs no pretraining")
    run = run or runs.new_run(recipe.name, stage)
    if runs.is_run(run):
        raise UserError(
            f"--run: {run} holds a run already; take another name, or --resume {run} to go on"
        )
    left = checkpoint.load_state(origin.folder) if origin else {}
    trainer = _build(stage, recipe, run, origin, about(stage, recipe, origin))
    if origin:
        with _whole(origin):
            trainer.cast.inherit(_optimizers(left["optimizers"], recipe, origin))
    return _train(trainer)


def resume(run: Path, stage: Stage) -> Path:
    """Go on with a run from its last checkpoint.

    Raises:
        UserError: it is no run, or a run of the other command.
        Interrupted: stopped again, after saving.
    """
    last = runs.open_checkpoint(run, "last" if runs.is_run(run) else None)
    if last.stage != stage:
        raise UserError(f"--resume: {run} is a run of `{last.stage}`; use that command")
    recipe = config.check(Recipe, last.about["recipe"])
    trainer = _build(stage, recipe, last.run, last, last.about)
    state = checkpoint.load_state(last.folder)
    with _whole(last):
        trainer.load(state)
    say(f"going on with {run} after turn {trainer.position:,}")
    return _train(trainer)


def inherit(
    given: Tree, source: Path | None, words: Sequence[str] | None = None
) -> tuple[Tree, runs.Checkpoint]:
    """The recipe of the run to go on from, with what is given laid over it.

    Raises:
        UserError: there is no such run, or a key contradicts it.
    """
    name = given.get("name", "default")
    if source is None:
        source = runs.newest("pretrain", name)
        if source is None:
            same = "" if words is not None else " with the same config"
            raise UserError(
                f"adversarial: no pretraining run of config '{name}' in {runs.home()}/ to go on "
                f"from; `{command('pretrain', *(words or []))}`{same} makes one"
            )
        say(f"going on from {source}")
    origin = runs.open_checkpoint(source, "last" if runs.is_run(source) else None)
    theirs = origin.about["recipe"]
    wrong = [
        f"{key}: {mine!r} contradicts {old!r} of {source}, which this run goes on from"
        for section in INHERITED
        for key, mine, old in contradictions(given.get(section, {}), theirs[section], section)
    ]
    if wrong:
        raise UserError("\n".join(wrong))
    return config.merge(deepcopy(theirs), given), origin


def preview(given: Tree, source: Path | None, default: Tree) -> Tree:
    """What an adversarial run would be given, for --print-config; needs no run to go on from."""
    if source is None and runs.newest("pretrain", given.get("name", "default")) is None:
        return config.merge(default, given)
    return inherit(given, source)[0]


def contradictions(mine: Any, theirs: Any, path: str) -> list[tuple[str, Any, Any]]:
    """Keys given with another value than the other tree has."""
    found: list[tuple[str, Any, Any]] = []
    if not isinstance(mine, dict):
        return found
    for key, value in mine.items():
        old = theirs.get(key, value)
        if plain(value) != plain(old):
            found.append((f"{path}.{key}", value, old))
    return found


def plain(value: Any) -> Any:
    """A value as YAML may have meant it: PyYAML reads ``1e-4`` as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def about(stage: Stage, recipe: Recipe, origin: runs.Checkpoint | None) -> Tree:
    """What run.yaml says besides the recipe."""
    return {
        "stage": stage,
        "from": str(origin.folder) if origin else None,
        "turns": 0,
        "versions": {
            "textgan": textgan.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }


def _build(
    stage: Stage, recipe: Recipe, run: Path, origin: runs.Checkpoint | None, about: Tree
) -> Trainer:
    """Corpus and players, new or from a checkpoint, and their trainer."""
    runtime.pick_device(recipe.trainer.device)
    generator = models.load_generator(origin.generator) if origin else None
    tokenizer = None
    if origin and generator:
        tokenizer = models.load_tokenizer(origin.generator, generator.config.vocab_size)
    corpus = load_corpus(recipe.corpus, recipe.tokenizer, tokenizer)
    say(corpus.describe())
    if origin and origin.about.get("texts", corpus.digest) != corpus.digest:
        raise UserError(
            f"corpus.path: '{recipe.corpus.path}', or the tokenizer in {origin.generator}, has "
            f"changed since {origin.run}; the texts would differ. Put the old file back, or "
            "pretrain anew"
        )
    about["texts"] = corpus.digest
    if len(corpus) < recipe.trainer.batch_size:
        say(
            f"trainer.batch_size: {recipe.trainer.batch_size} is more than the {len(corpus)} "
            f"training texts; batches have {len(corpus)}"
        )
    seed = recipe.trainer.seed
    if generator is None:
        generator = models.make_generator(recipe.generator, corpus.tokenizer, corpus.length, seed)
    if origin and _same_discriminator(recipe, origin):
        discriminator = models.load_discriminator(origin.folder / "discriminator")
    else:
        if origin:
            say("discriminator: differs from the pretrained one; a new one starts from scratch")
        discriminator = models.make_discriminator(recipe.discriminator, corpus.tokenizer, seed)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--run: {run} can't be made ({error.strerror}); name another") from None
    trainer = Trainer(recipe, stage, run, corpus, generator, discriminator, about)
    about["turns"] = trainer.total
    return trainer


def _same_discriminator(recipe: Recipe, origin: runs.Checkpoint) -> bool:
    section: Tree = origin.about["recipe"]["discriminator"]
    return section == recipe.discriminator.model_dump(mode="json")


def _optimizers(saved: Tree, recipe: Recipe, origin: runs.Checkpoint) -> Tree:
    """The optimizers that a new run goes on with: those of the players that it goes on with.

    The official SeqGAN has one optimizer for the discriminator in both stages.
    """
    if _same_discriminator(recipe, origin):
        return saved
    return {key: state for key, state in saved.items() if " discriminator " not in key}


@contextmanager
def _whole(place: runs.Checkpoint) -> Iterator[None]:
    """What a checkpoint's state lacks is said in one line."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(
            f"{place.folder}: state is damaged ({error!r}); use another checkpoint"
        ) from None


def _train(trainer: Trainer) -> Path:
    try:
        trainer.train()
    except Interrupted:
        say(f"saved. Go on with:\n  {command(trainer.stage, '--resume', trainer.run)}")
        raise
    return trainer.run
