"""The models that come with textgan: a poem in the first minute, before anything is trained."""

from pathlib import Path

from textgan.errors import UserError

NAMES = ("sonnets", "shi")
"""English quatrains in the manner of sonnets; classical Chinese quatrains."""


def place(name: str) -> Path:
    """The checkpoint folder of a shipped model.

    Raises:
        UserError: there is none of that name.
    """
    if name not in NAMES:
        raise UserError(f"--model: must be {' or '.join(NAMES)}, got {name!r}")
    return Path(__file__).parent / "shipped_models" / name
