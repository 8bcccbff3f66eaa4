"""The commands as functions, for scripts and notebooks: load, train, resume, sample, evaluate.

Mistakes raise ``textgan.errors.UserError``; progress goes to stderr.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from transformers.utils import logging

from textgan import (
    beside_mle,
    config,
    evaluation,
    experiment,
    inheritance,
    outside,
    processes,
    runs,
    shipped,
)
from textgan import sweep as sweeps
from textgan.config import Tree
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError
from textgan.evaluation import Row, Wanted
from textgan.metrics import ENCODED, chosen
from textgan.over_seeds import Group
from textgan.poet import Poem, Poet, Taste, Wish
from textgan.recipe import Stage
from textgan.report import Line

DEFAULT = "configs/default.yaml"
"""What is loaded when no config file is named."""


@contextmanager
def quiet() -> Iterator[None]:
    """No bars of transformers inside: they would tear ours, one for every file read or written.

    A launcher's processes meet here.
    """
    processes.join()
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def load(*files: str | Path, **sections: Any) -> Tree:
    """Config files merged left to right, and sections over them, as in ``trainer={"seed": 7}``.

    The files' names become the config's name, after which its runs are named.
    """
    names = [str(file) for file in files or [DEFAULT]]
    tree: Tree = {}
    for name in names:
        config.merge(tree, config.read_yaml(name))
    tree = {"name": "-".join(Path(name).stem for name in names)} | tree
    return inheritance.Given(config.merge(tree, sections), sections)


@quiet()
def train(
    stage: Stage, recipe: Tree, run: str | Path | None = None, source: str | Path | None = None
) -> Path:
    """Train a new run and return its folder.

    Args:
        stage: ``pretrain`` or ``adversarial``.
        recipe: what ``load`` gave.
        run: the run's folder; default: a new one in ``runs.home()``.
        source: what the run goes on from: a run, a checkpoint, a model folder, or a shipped
            model's name; default: the config's newest pretraining, or for ``pretrain`` nothing.

    Raises:
        UserError: a mistake in recipe, text or source, or the sections given to ``load`` contradict
            the source. A recipe that ``load`` didn't make must agree with it as a whole.
    """
    return experiment.start(stage, recipe, _path(run), _path(source))


@quiet()
def resume(run: str | Path) -> Path:
    """Go on with a run where it stopped, and return its folder."""
    stage = cast(Stage, runs.open_checkpoint(Path(run), "last").stage)
    return experiment.resume(Path(run), stage)


@quiet()
def sample(
    run: str | Path,
    count: int = 5,
    prefix: str = "",
    temperature: float = 1.0,
    seed: int = 0,
    category: str | None = None,
    candidates: int | None = None,
) -> list[str]:
    """Texts of a run's or checkpoint's generator, by what is asked most often of a ``Wish``."""
    taste = Taste(temperature)
    wish = Wish(taste=taste, prefix=prefix, category=category, candidates=candidates)
    return [poem.text for poem in poems(run, wish, count, seed)]


@quiet()
def poems(run: str | Path, wish: Wish, count: int = 5, seed: int = 0) -> list[Poem]:
    """Texts as they are wished for, with what they cost; see ``wish.Wish`` and ``draft.Poem``."""
    _check_seed(seed)
    return [*Poet.open(run).poems(wish, count, seed)]


@quiet()
def evaluate(
    *found: str | Path, metrics: str | None = None, seed: int = 0, encoder: str | None = None
) -> list[Row]:
    """Runs or checkpoints beside real text and counted n-grams: a row each, of figures by name.

    Args:
        found: the runs.
        metrics: names of ``textgan.metrics.METRICS`` with commas between them, or ``all``;
            default: those that take seconds and need nothing more installed.
        seed: of the texts that are drawn.
        encoder: a folder of sentence-transformers for metrics of embeddings.
    """
    places = [shipped.resolve(Path(run)) for run in found]
    wanted = _wanted(metrics, seed, encoder)
    return evaluation.evaluate([runs.open_checkpoint(place) for place in places], wanted)


@quiet()
def evaluate_files(
    samples: str | Path,
    reference: str | Path,
    training: str | Path | None = None,
    tokenizer: str = "word",
    *,
    metrics: str | None = None,
    seed: int = 0,
    encoder: str | None = None,
) -> list[Row]:
    """Texts that any program wrote, a text a line, beside real ones: rows as of ``evaluate``.

    Args:
        samples: the file of generated texts.
        reference: the file of held-out real texts.
        training: the file of texts that trained, for n-grams counted and for memorisation.
        tokenizer: ``word``, ``whitespace`` or ``character``.
        metrics: as for ``evaluate``.
        seed: of what is drawn.
        encoder: as for ``evaluate``.
    """
    options = config.check(TokenizerOptions, {"name": tokenizer}, "tokenizer")
    wanted = _wanted(metrics, seed, encoder)
    return outside.score(Path(samples), Path(reference), _path(training), options, wanted)


@quiet()
def sweep(groups: list[Group], wanted: Wanted) -> tuple[list[Line], list[str]]:
    """Curves of quality and diversity for a page, and what they show in a line each."""
    curves = sweeps.of_groups(groups, wanted)
    return [curve.line for curve in curves], beside_mle.said(curves, wanted.seed)


def _wanted(metrics: str | None, seed: int, encoder: str | None) -> Wanted:
    names = chosen(metrics)
    if encoder is not None and not ENCODED & {*names}:
        raise UserError(
            f"--encoder: none of {', '.join(names)} embeds sentences; name "
            f"{', '.join(sorted(ENCODED))} in --metrics, or leave it out"
        )
    _check_seed(seed)
    return Wanted(names, seed, encoder)


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise UserError(f"seed: must be 0 or more, got {seed}")


def _path(place: str | Path | None) -> Path | None:
    return None if place is None else Path(place)
