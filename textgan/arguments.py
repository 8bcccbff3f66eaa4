"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from textgan.errors import UserError

RunArgument = Annotated[
    Path | None, typer.Argument(help="A run or a checkpoint folder; default: the newest run.")
]
Which = Annotated[
    str | None, typer.Option("--checkpoint", help="best or last; default: as the run's stage.")
]


def which(checkpoint: str | None) -> str | None:
    """The checkpoint that ``--checkpoint`` names.

    Raises:
        UserError: there is no such one.
    """
    if checkpoint not in (None, "best", "last"):
        raise UserError(f"--checkpoint: must be best or last, got {checkpoint!r}")
    return checkpoint
