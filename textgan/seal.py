"""What a checkpoint may hold: files of its own, and the very ones that were saved.

``SHA256SUMS``, which ``sha256sum -c`` reads too, tells what was cut off, spoilt, or put in from
another run. It is no signature: who can write the files can write their sums.
"""

import hashlib
from pathlib import Path

from textgan.errors import UserError

SUMS = "SHA256SUMS"
UNSEALED = (SUMS, "run.yaml")
"""run.yaml may be mended by hand, for a text that has moved."""


def close(folder: Path) -> None:
    """Write down what a checkpoint's files hold."""
    lines = (f"{digest}  {name}\n" for name, digest in sums(folder).items())
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def sums(folder: Path, below: str = "") -> dict[str, str]:
    """The digests of a checkpoint's files, or of those ``below`` one of its folders, by name."""
    found: dict[str, str] = {}
    for place in sorted((folder / below).rglob("*")):
        name = place.relative_to(folder).as_posix()
        if place.is_file() and name not in UNSEALED:
            with place.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def check(folder: Path, below: str = "") -> None:
    """Compare a checkpoint's files, or those ``below`` one of its folders, with what was saved.

    One without sums, an older or a shipped one, is taken as it is.

    Raises:
        UserError: a file is missing, or another than was saved.
    """
    if not (folder / SUMS).exists():
        return
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        saved = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        found = sums(folder, below)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: can't be checked ({error}); use another checkpoint") from None
    for name, digest in saved.items():
        if name.startswith(below) and found.get(name) != digest:
            problem = "isn't what was saved there" if name in found else "is missing"
            raise UserError(
                f"{folder / name}: damaged ({problem}: cut off, changed or of another run); "
                "use another checkpoint"
            )


def refuse_links(folder: Path) -> None:
    """Refuse a ``last`` or ``best`` that leads out of its run, and links within a checkpoint.

    The run itself may be reached through a link, and ``last`` and ``best`` may be folders, as in a
    copy made without links.

    Raises:
        UserError: there is one.
    """
    is_link = folder.name in ("last", "best") and folder.is_symlink()
    if is_link and folder.resolve().parent != folder.parent.resolve():
        raise UserError(
            f"{folder}: leads out of its run, to {folder.resolve()}; copy that checkpoint into "
            "the run, or give it itself"
        )
    for place in folder.rglob("*"):
        if place.is_symlink() or not (place.is_file() or place.is_dir()):
            raise UserError(
                f"{place}: is a link or no file; a checkpoint must hold its files itself, so copy "
                "what it leads to (cp -rL)"
            )
