"""A recipe becomes a run: new, going on from another run, or resumed."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tokenizers
import torch
import transformers

import textgan
from textgan import (
    checkpoint,
    config,
    density,
    inheritance,
    models,
    new_players,
    oracle,
    processes,
    runs,
    runtime,
    seal,
)
from textgan.config import Tree
from textgan.data import cards
from textgan.data.corpus import Corpus
from textgan.data.files import read_texts
from textgan.data.splits import CorpusOptions
from textgan.discriminators import Discriminator
from textgan.errors import UserError
from textgan.generators import Generator
from textgan.interrupts import Interrupted
from textgan.origin import Origin
from textgan.recipe import Recipe, Stage
from textgan.tracking import command, say
from textgan.trainer import Trainer


def start(
    stage: Stage,
    given: Tree,
    run: Path | None,
    source: Path | Origin | None,
    words: Sequence[str] | None = None,
) -> Path:
    """Train a new run; ``given`` is what config files and command line say.

    Args:
        stage: which list of phases.
        given: the tree under which the defaults lie.
        run: its folder; default: a new one.
        source: what to go on from, opened or not; default: the newest pretraining run of the
            config for ``adversarial``, nothing for ``pretrain``.
        words: the command line's config files and options, for a command that an error names.

    Returns:
        The run's folder.

    Raises:
        UserError: a mistake in the configuration, the text or the source.
        Interrupted: stopped by the user, after saving.
    """
    given, origin = inheritance.inherit(stage, given, source, words)
    recipe = config.check(Recipe, given)
    if not getattr(recipe, stage) and stage == "pretrain":
        raise UserError("pretrain: the recipe's list of phases is empty; it needs no pretraining")
    run = processes.of_first(lambda: _place(run, recipe.name, stage))
    before = origin.checkpoint if origin and stage == "adversarial" else None
    if origin and origin.checkpoint:
        seal.check(origin.checkpoint.folder, "" if before else "generator")
    left = checkpoint.load_state(before.folder) if before else {}
    trainer = _build(stage, recipe, run, origin, about(stage, recipe, origin), before is not None)
    if before:
        with _whole(before):
            trainer.cast.inherit(_optimizers(left["optimizers"], recipe, before))
    return _train(trainer)


def _place(run: Path | None, name: str, stage: Stage) -> Path:
    """The run's folder, a new one if none is given."""
    run = run or runs.new_run(name, stage)
    if runs.is_run(run):
        raise UserError(
            f"--run: {run} holds a run already; take another name, or --resume {run} to go on"
        )
    return run


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
    seal.check(last.folder)
    origin = Origin(run, last.generator, last)
    trainer = _build(stage, recipe, last.run, origin, last.about, same_texts=True)
    state = checkpoint.load_state(last.folder)
    with _whole(last), _writing(trainer):
        trainer.load(state)
    say(f"going on with {run} after turn {trainer.position:,}")
    return _train(trainer)


def about(stage: Stage, recipe: Recipe, origin: Origin | None) -> Tree:
    """What run.yaml says besides the recipe."""
    return {
        "stage": stage,
        "from": str(origin.name) if origin else None,
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
    stage: Stage,
    recipe: Recipe,
    run: Path,
    origin: Origin | None,
    about: Tree,
    same_texts: bool = False,
) -> Trainer:
    """Corpus and players, new or from an origin, and their trainer."""
    runtime.pick_device(recipe.trainer.device)
    with processes.first_goes_first(), processes.alone():
        parts = _parts(stage, recipe, origin, about, same_texts)
    processes.of_first(lambda: _make(run))
    trainer = Trainer(recipe, stage, run, *parts, about)
    about["turns"] = trainer.total
    return trainer


def _make(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--run: {run} can't be made ({error.strerror}); name another") from None


def _parts(
    stage: Stage, recipe: Recipe, origin: Origin | None, about: Tree, same_texts: bool
) -> tuple[Corpus, Generator, Discriminator]:
    """Corpus and players, new or from an origin."""
    generator = models.load_generator(origin.generator) if origin else None
    tokenizer = None
    if origin and generator:
        tokenizer = models.load_tokenizer(origin.generator, generator)
    corpus = oracle.open_corpus(recipe.corpus, recipe.tokenizer, tokenizer)
    say(corpus.describe())
    before = origin.checkpoint if origin else None
    if same_texts and before and before.about.get("texts", corpus.digest) != corpus.digest:
        raise UserError(
            f"{recipe.corpus.key}: '{recipe.corpus.place}', or the tokenizer in "
            f"{before.generator}, has "
            f"changed since {before.run}; the texts would differ. Put the old file back, or "
            "pretrain anew"
        )
    if tokenizer and not same_texts and not recipe.corpus.oracle:
        _warn_of_line_breaks(tokenizer, recipe.corpus)
    about["texts"] = corpus.digest
    if len(corpus) < recipe.trainer.batch_size:
        say(
            f"trainer.batch_size: {recipe.trainer.batch_size} is more than the {len(corpus)} "
            f"training texts; batches have {len(corpus)}"
        )
    seed = recipe.trainer.seed
    if generator is None:
        generator = new_players.make_generator(
            recipe.generator, corpus.tokenizer, corpus.length, seed
        )
    else:
        new_players.fit(generator, corpus.length)
    new_players.name_categories(generator, corpus.labels, corpus.shares, recipe.corpus)
    if stage == "adversarial" and corpus.oracle is not None and generator.latent_size:
        say(f"corpus.oracle: {density.NOTE}")
    if before and _same_discriminator(recipe, before):
        discriminator = models.load_discriminator(before.folder / "discriminator")
    else:
        if before:
            say("discriminator: differs from the pretrained one; a new one starts from scratch")
        discriminator = new_players.make_discriminator(recipe.discriminator, corpus.tokenizer, seed)
    return corpus, generator, discriminator


def _warn_of_line_breaks(tokenizer: models.Tokenizer, options: CorpusOptions) -> None:
    """Say it if texts have line breaks and a tokenizer that was made for others loses them."""
    ids = tokenizer("a\nb", add_special_tokens=False)["input_ids"]
    if "\n" in tokenizer.decode(ids, skip_special_tokens=True):
        return
    options = cards.resolve(options)
    texts = read_texts(options.path, options.unit, options.text_column, options.label_column)
    if any("\n" in text.text for text in texts):
        say(
            f"warning: {options.path} has line breaks, which the inherited tokenizer doesn't know: "
            "each text is read, and will be written, as one line"
        )


def _same_discriminator(recipe: Recipe, origin: runs.Checkpoint) -> bool:
    section: Tree = origin.about["recipe"]["discriminator"]
    there = (origin.folder / "discriminator").is_dir()  # a shipped model comes without
    return there and section == recipe.discriminator.model_dump(mode="json")


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


@contextmanager
def _writing(trainer: Trainer) -> Iterator[None]:
    """A disk that is full or not to be written is said in one line."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{error.filename or trainer.run}: can't be written ({error.strerror or error}); make "
            f"room, or see who may write there, then {_again(trainer)}"
        ) from None


def _again(trainer: Trainer) -> str:
    """What to do when the mend is made."""
    if not runs.is_run(trainer.run):
        return "begin again"
    return f"`{command(trainer.stage, '--resume', trainer.run)}` goes on"


def _train(trainer: Trainer) -> Path:
    try:
        with _writing(trainer):
            trainer.train()
    except processes.Lost as lost:
        raise processes.Lost(f"{lost}; see why, then {_again(trainer)}") from lost
    except Interrupted:
        say(f"saved. Go on with:\n  {command(trainer.stage, '--resume', trainer.run)}")
        raise
    return trainer.run
