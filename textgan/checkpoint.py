"""A folder in, a folder out: what a run saves, and how nothing is lost when it dies meanwhile.

A checkpoint is written beside its place, flushed to the disk, then renamed: a folder of that name
is whole. ``last`` and ``best`` are links, replaced in one step.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from textgan import tree
from textgan.errors import UserError


def save(run: Path, number: int, writers: dict[str, Callable[[Path], object]], state: Any) -> Path:
    """Write ``checkpoint-<number>`` of a run.

    Args:
        run: the run's folder.
        number: turns done.
        writers: by file or folder name, a function that writes it at the path it gets.
        state: a tree of tensors and plain values.
    """
    final = run / f"checkpoint-{number:06d}"
    if final.exists():
        discard(final)  # damaged, or of a run that died before it could say so
    partial = run / f".{final.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, write in writers.items():
        write(partial / name)
    tensors, rest = tree.flatten(state)
    save_file(tensors, partial / "state.safetensors")
    (partial / "state.json").write_text(json.dumps(rest), encoding="utf-8")
    for place in [*partial.rglob("*"), partial]:
        flush(place)
    os.replace(partial, final)
    flush(run)
    return final


def flush(place: Path) -> None:
    """Wait until a file or a folder's entries are on the disk."""
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(place: Path, text: str) -> None:
    """Replace a file in one step: readers see the old text or the new."""
    partial = place.with_name(f".{place.name}.partial")
    partial.write_text(text, encoding="utf-8")
    flush(partial)
    os.replace(partial, place)
    flush(place.parent)


def link(run: Path, name: str, target: Path) -> None:
    """Point ``last`` or ``best`` at a checkpoint, in one step."""
    partial = run / f".{name}.partial"
    partial.unlink(missing_ok=True)
    partial.symlink_to(target.name)
    os.replace(partial, run / name)
    flush(run)


def rotate(run: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` checkpoints and those that a link names."""
    named = {(run / name).resolve().name for name in ("last", "best")}
    folders = run.glob("checkpoint-*")
    for folder in sorted(folders, key=lambda f: (len(f.name), f.name))[:-keep]:
        if folder.name not in named:
            discard(folder)


def discard(folder: Path) -> None:
    """Remove a checkpoint; renamed first, so that a folder called checkpoint-… is always whole."""
    doomed = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(doomed, ignore_errors=True)
    os.replace(folder, doomed)
    shutil.rmtree(doomed)


def load_state(folder: Path) -> Any:
    """The state that ``save`` wrote.

    Raises:
        UserError: a file is missing, cut off or not what it should be.
    """
    try:
        rest = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return tree.unflatten(load_file(folder / "state.safetensors"), rest)
    except FileNotFoundError as error:
        missing = Path(error.filename or "state.safetensors").name
        raise UserError(f"{folder}: has no {missing}; it is no whole checkpoint") from None
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"{folder}: state is damaged ({str(error).splitlines()[0]}); use another checkpoint"
        ) from None
