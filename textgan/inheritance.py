"""What a run takes over from the run or the model that it goes on from."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from textgan import config, runs
from textgan.config import Tree
from textgan.errors import UserError
from textgan.origin import Origin
from textgan.recipe import Stage
from textgan.tracking import command, say


class Given(Tree):
    """A recipe's tree that knows what was said beside config files.

    What files say of generator and tokenizer gives way to a model to go on from; what is said on
    the command line, or in the sections of ``api.load``, must agree with it.
    """

    def __init__(self, tree: Tree, said: Tree) -> None:
        super().__init__(tree)
        self.said = said


INHERITED = ("corpus", "tokenizer", "generator")
"""Sections that an adversarial run takes from the run it goes on from."""


def inherit(
    stage: Stage, given: Tree, source: Path | Origin | None, words: Sequence[str] | None = None
) -> tuple[Tree, Origin | None]:
    """What is given, laid over what it takes from the run or model to go on from.

    An adversarial run goes on with its pretraining run's whole recipe. Anything else that goes on
    from something takes its generator and tokenizer, and may train on other texts.

    Raises:
        UserError: there is no such run or model, or a key contradicts it.
    """
    if source is None:
        # ScratchGAN and others have no pretraining to go on from.
        if stage == "pretrain" or given.get("pretrain") == []:
            return given, None
        source = _newest(given, words)
    origin = source if isinstance(source, Origin) else Origin.open(source, stage)
    if stage == "adversarial" and origin.checkpoint:
        theirs: Tree = origin.checkpoint.about["recipe"]
        _agree({section: given.get(section) for section in INHERITED}, theirs, origin.path)
        return config.merge(deepcopy(theirs), given), origin
    theirs = origin.sections()
    said = given.said if isinstance(given, Given) else given
    said = {section: said[section] for section in theirs if section in said}
    _agree(said, theirs, origin.path)
    say(f"generator and tokenizer: those of {origin.path}")
    return {**given, **config.merge(deepcopy(theirs), said)}, origin


def _newest(given: Tree, words: Sequence[str] | None) -> Path:
    name = given.get("name", "default")
    source = runs.newest("pretrain", name)
    if source is None:
        same = "" if words is not None else " with the same config"
        raise UserError(
            f"adversarial: no pretraining run of config '{name}' in {runs.home()}/ to go on "
            f"from; `{command('pretrain', *(words or []))}`{same} makes one"
        )
    say(f"going on from {source}")
    return source


def _agree(given: Tree, theirs: Tree, source: Path) -> None:
    wrong = [
        f"{key}: {mine!r} contradicts {old!r} of {source}, which this run goes on from"
        for section in given
        for key, mine, old in contradictions(given[section], theirs[section], section)
    ]
    if wrong:
        raise UserError("\n".join(wrong))


def preview(
    stage: Stage,
    given: Tree,
    source: Path | Origin | None,
    default: Tree,
    words: Sequence[str] | None = None,
) -> Tree:
    """What a run would be given, for --print-config; needs no run to go on from."""
    none = source is None and runs.newest("pretrain", given.get("name", "default")) is None
    if stage == "adversarial" and none:
        return config.merge(default, given)
    return inherit(stage, given, source, words)[0]


def contradictions(mine: Any, theirs: Any, path: str) -> list[tuple[str, Any, Any]]:
    """Keys given with another value than the other tree has."""
    found: list[tuple[str, Any, Any]] = []
    if not isinstance(mine, dict):
        return found
    for key, value in mine.items():
        old = theirs.get(key, value)
        if isinstance(value, dict) and isinstance(old, dict):
            found += contradictions(value, old, f"{path}.{key}")
        elif plain(value) != plain(old):
            found.append((f"{path}.{key}", value, old))
    return found


def plain(value: Any) -> Any:
    """A value as YAML may have meant it: PyYAML reads ``1e-4`` as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
