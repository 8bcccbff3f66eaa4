"""A folder in, a folder out: what a run saves, and how nothing is lost when it dies meanwhile.

A checkpoint is written beside its place, flushed to the disk, then renamed: a folder of that name
is whole. ``last`` and ``best`` are links, replaced in one step.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from textgan import seal, tree
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
    partial = run / f".{final.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        with writing(partial):
            _fill(partial, writers, state)
        if final.exists():
            discard(final)  # damaged, or of a run that died before it could say so
        os.replace(partial, final)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)  # the disk is full enough
        raise
    flush(run)
    return final


def _fill(folder: Path, writers: dict[str, Callable[[Path], object]], state: Any) -> None:
    for name, write in writers.items():
        write(folder / name)
    tensors, rest = tree.flatten(state)
    save_file(tensors, folder / "state.safetensors")
    (folder / "state.json").write_text(json.dumps(rest), encoding="utf-8")
    seal.close(folder)
    for place in [*folder.rglob("*"), folder]:
        flush(place)


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """What can't be written is an OSError, also from libraries in Rust, which have their own."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if not found:
            raise
        code = int(found[1])
        raise OSError(code, os.strerror(code), str(place)) from None


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
    if not target.is_dir():
        return  # in a copy of ``last`` alone, which is a folder there
    partial = run / f".{name}.partial"
    partial.unlink(missing_ok=True)
    partial.symlink_to(target.name)
    if (run / name).is_dir() and not (run / name).is_symlink():
        discard(run / name)  # in a copy of a run, made without links
    os.replace(partial, run / name)
    flush(run)


def rotate(run: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` checkpoints and those that a link names.

    What failed saves and kills left over goes too.
    """
    named = {(run / name).resolve().name for name in ("last", "best")}
    folders = run.glob("checkpoint-*")
    for folder in sorted(folders, key=lambda f: (len(f.name), f.name))[:-keep]:
        if folder.name not in named and not folder.is_symlink():
            discard(folder)
    for left in run.glob(".checkpoint-*"):
        shutil.rmtree(left, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a checkpoint; renamed first, so that a folder called checkpoint-… is always whole."""
    doomed = folder.with_name(f".{folder.name}.old")
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
