"""What a run goes on from: a run of textgan, or a causal language model of transformers."""

from dataclasses import dataclass
from pathlib import Path

from textgan import models, runs, shipped
from textgan.config import Tree
from textgan.generators import GENERATORS
from textgan.recipe import Stage


@dataclass(frozen=True)
class Origin:
    """A generator's folder, with its tokenizer, and the checkpoint it lies in, if in one."""

    path: Path
    """As the user names it."""
    generator: Path
    checkpoint: runs.Checkpoint | None = None
    """None for a model, which has no recipe to go on with."""

    @classmethod
    def open(cls, path: Path, stage: Stage) -> "Origin":
        """A run, a checkpoint, a model folder, or the name of a shipped model.

        Args:
            path: one of these.
            stage: what is to be played; the game goes on from a run's last checkpoint.

        Raises:
            UserError: it is none of them.
        """
        folder = shipped.place(str(path)) / "generator" if shipped.is_name(path) else path
        if (folder / "config.json").is_file():
            return cls(path, folder.resolve())
        last = stage == "adversarial" and runs.is_run(folder)
        checkpoint = runs.open_checkpoint(folder, "last" if last else None)
        return cls(path, checkpoint.generator, checkpoint)

    @property
    def name(self) -> Path:
        """What people know it by."""
        return self.checkpoint.folder if self.checkpoint else self.generator

    def sections(self) -> Tree:
        """The recipe's generator and tokenizer."""
        if self.checkpoint:
            recipe: Tree = self.checkpoint.about["recipe"]
            return {"generator": recipe["generator"], "tokenizer": recipe["tokenizer"]}
        return {"generator": _options(self.generator), "tokenizer": {"name": "pretrained"}}


def _options(folder: Path) -> Tree:
    """The options of a generator of ours, else those of any other model."""
    if models.class_of(folder, GENERATORS) is None:
        return {"name": "pretrained"}
    return dict(models.read_config(folder).get("options") or {})
