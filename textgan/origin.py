"""What a run goes on from: a run of textgan, or a causal language model of transformers."""

import json
from dataclasses import dataclass
from pathlib import Path

from textgan import models, runs, shipped
from textgan.config import Tree
from textgan.errors import UserError


@dataclass(frozen=True)
class Origin:
    """A generator's folder, with its tokenizer, and the checkpoint it lies in, if in one."""

    generator: Path
    checkpoint: runs.Checkpoint | None = None

    @classmethod
    def open(cls, path: Path, which: str | None = None) -> "Origin":
        """A run, a checkpoint, a model folder, or the name of a shipped model.

        Args:
            path: one of these.
            which: of a run: ``best``, ``last``, or by its stage.

        Raises:
            UserError: it is none of them.
        """
        if not path.exists() and str(path) in shipped.NAMES:
            path = shipped.place(str(path)) / "generator"
        if (path / "config.json").is_file():
            return cls(path.resolve())
        checkpoint = runs.open_checkpoint(path, which if runs.is_run(path) else None)
        return cls(checkpoint.generator, checkpoint)

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
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        ours = config["model_type"] in models.kinds()
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"--from: {folder}/config.json can't be read ({error})") from None
    return dict(config["options"]) if ours else {"name": "pretrained"}
