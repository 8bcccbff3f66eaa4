"""The models that come with textgan: a poem in the first minute, before anything is trained."""

from pathlib import Path

from textgan.errors import UserError
from textgan.tracking import command

NAMES = ("sonnets", "shi")
"""English quatrains in the manner of sonnets; classical Chinese quatrains."""
HOME = Path(__file__).parent / "shipped_models"


def place(name: str) -> Path:
    """The checkpoint folder of a shipped model.

    Raises:
        UserError: there is none of that name.
    """
    if name not in NAMES:
        raise UserError(f"--model: must be {' or '.join(NAMES)}, got {name!r}")
    return HOME / name


def is_name(path: Path) -> bool:
    """True for a shipped model's name, where no file of that name is."""
    return str(path) in NAMES and not path.exists()


def hint(path: Path) -> str:
    """What to say beside the runs that are there, if a shipped model's name may be meant."""
    return f", and {' and '.join(NAMES)} are shipped" if len(path.parts) == 1 else ""


def resolve(path: Path) -> Path:
    """A path, or the checkpoint folder of the shipped model that it names."""
    return place(str(path)) if is_name(path) else path


def holds(folder: Path) -> bool:
    """True if a checkpoint folder is a shipped model."""
    return folder.resolve().parent == HOME.resolve()


def refuse(folder: Path) -> None:
    """Refuse a shipped model where the text that a checkpoint was trained on is needed.

    Raises:
        UserError: it is one.
    """
    if holds(folder):
        go_on = command("pretrain", "--from", folder.name, "--corpus.path", "mine.txt")
        raise UserError(
            f"the shipped model '{folder.name}' comes without the text it was trained on, and "
            f"can't be compared with it; train on a text of yours, or `{go_on}` goes on from the "
            "model, and take that run"
        )
