"""The folder of runs: finding one, naming one, reading what it is."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textgan import config, seal, shipped
from textgan.errors import UserError
from textgan.tracking import command, read_metrics, say


def home() -> Path:
    """Where runs go: the folder of the environment variable TEXTGAN_RUNS, else ``runs``."""
    return Path(os.environ.get("TEXTGAN_RUNS") or "runs")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder and what its run.yaml says."""

    folder: Path
    about: dict[str, Any]

    @property
    def run(self) -> Path:
        """The run it belongs to."""
        return self.folder.resolve().parent

    @property
    def stage(self) -> str:
        """``pretrain`` or ``adversarial``."""
        return str(self.about["stage"])

    @property
    def generator(self) -> Path:
        """All that sampling needs: a model folder of transformers."""
        return self.folder / "generator"

    @property
    def position(self) -> int:
        """Turns done."""
        here = self.folder.resolve()
        if here.name in ("last", "best"):  # a copy in which links became folders
            newest = sorted(self.run.glob("checkpoint-*"), key=lambda f: (len(f.name), f.name))
            here = newest[-1] if newest else Path("0")
        return int(here.name.split("-")[-1])


def is_run(folder: Path) -> bool:
    """True for the folder of a run that has saved something."""
    return (folder / "last").exists()


def all_runs() -> list[Path]:
    """Every run in ``home()``, the newest last; one that is damaged is named and left out."""
    if not home().is_dir():
        return []
    found = [folder for folder in home().iterdir() if is_run(folder) and _readable(folder)]
    return sorted(found, key=lambda run: (run / "last").lstat().st_mtime_ns)


def _readable(run: Path) -> bool:
    try:
        _about(run / "last")
    except UserError as error:
        say(f"warning: left out: {error}")
        return False
    return True


def open_checkpoint(path: Path, which: str | None = None) -> Checkpoint:
    """A run's checkpoint, or a checkpoint folder itself.

    Args:
        path: a run or a checkpoint.
        which: ``best`` or ``last`` of a run; default: best after pretraining, last after the game.

    Raises:
        UserError: it is neither, or damaged.
    """
    if not path.exists():
        raise UserError(
            f"{path}: is not there; `{command('runs')}` lists what is{shipped.hint(path)}"
        )
    if is_run(path):
        if which is None:
            which = "last" if _about(path / "last").get("stage") == "adversarial" else "best"
        if not (path / which).exists():
            raise UserError(f"{path}: has no '{which}' checkpoint yet; try last, or train on")
        path = path / which
    elif which is not None:
        raise UserError(
            f"--checkpoint: {path} is a checkpoint itself; give its run, or leave it out"
        )
    return Checkpoint(path.resolve(), _about(path))


def _about(folder: Path) -> dict[str, Any]:
    if not (folder / "run.yaml").is_file():
        raise UserError(
            f"{folder}: is neither a run that saved something nor a checkpoint (it has no run.yaml)"
        )
    seal.refuse_links(folder)
    try:
        about = config.read_yaml(str(folder / "run.yaml"))
    except UserError as error:
        raise UserError(f"{error} or use another checkpoint") from None
    if missing := {"recipe", "stage", "turns", "versions"} - set(about):
        missing_keys = ", ".join(sorted(missing))
        raise UserError(
            f"{folder}/run.yaml: is damaged (no {missing_keys}); use another checkpoint"
        )
    return about


def newest(stage: str | None = None, name: str | None = None) -> Path | None:
    """The newest run, of a stage and a recipe's name if they are given."""
    for run in reversed(all_runs()):
        about = _about(run / "last")
        if stage in (None, about["stage"]) and name in (None, about["recipe"]["name"]):
            return run
    return None


def new_run(name: str, stage: str) -> Path:
    """An unused folder in ``home()``, for example ``runs/shi-seqgan-pretrain-2``."""
    number = 1
    while (home() / f"{name}-{stage}-{number}").exists():
        number += 1
    return home() / f"{name}-{stage}-{number}"


def summary(run: Path) -> dict[str, Any]:
    """What `runs` shows of a run."""
    last = open_checkpoint(run, "last")
    figures: dict[str, float] = {}
    phase = ""
    for row in read_metrics(run):
        phase = row["phase"]
        figures |= {k: v for k, v in row.items() if k not in ("turn", "phase")}
    return {
        "run": str(run),
        "config": last.about["recipe"]["name"],
        "phase": phase,
        "turn": f"{last.position:,} of {last.about['turns']:,}",
        **figures,
    }
