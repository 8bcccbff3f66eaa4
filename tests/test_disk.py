"""A disk that is full, or read-only, while a run saves: one line, nothing lost, and it goes on."""

import builtins
import errno
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerFast

from tests.short_run import differences, end_state, given
from textgan import cli, experiment, runs, sampling, seal
from textgan.errors import UserError
from textgan.trainer import Trainer

PHASES = [
    {"method": "mle", "steps": 2, "every": {"evaluate": 1}},
    {"players": {"discriminator": {"pool": 16}}},
]
FULL = "No space left on device"


class Disk:
    """Counts what needs room on a disk, and is full from the n-th time on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.active = True
        self.room: int | None = None
        self.patch = patch
        full = OSError(errno.ENOSPC, FULL)
        rust = f"{FULL} (os error {errno.ENOSPC})"
        for name in ("fsync", "replace", "symlink", "mkdir"):
            self.wrap(os, name, full)
        self.wrap(safetensors.torch, "serialize_file", SafetensorError(f"I/O error: {rust}"))
        self.wrap(PreTrainedTokenizerFast, "_save_pretrained", Exception(rust))
        self.wrap_open(full)

    def take(self, name: str, error: Exception) -> None:
        if not self.active:
            return
        if self.room is not None and len(self.names) >= self.room:
            raise error
        self.names.append(name)

    def wrap(self, owner: Any, name: str, error: Exception) -> None:
        old = getattr(owner, name)

        def wrapped(*args: Any, **keys: Any) -> Any:
            self.take(name, error)
            return old(*args, **keys)

        self.patch.setattr(owner, name, wrapped)

    def wrap_open(self, error: Exception) -> None:
        real = builtins.open

        def opened(file: Any, mode: str = "r", *args: Any, **keys: Any) -> Any:
            handle = real(file, mode, *args, **keys)
            if mode[0] in "wax":
                write = handle.write

                def written(text: Any) -> Any:
                    try:
                        self.take("write", error)
                    except OSError:
                        write(text[: len(text) // 2])  # as much as there is room for
                        raise
                    return write(text)

                handle.write = written
            return handle

        self.patch.setattr(builtins, "open", opened)
        self.patch.setattr(io, "open", opened)


def recipe(folder: Path) -> dict[str, Any]:
    return given(folder, pretrain=PHASES, trainer={"keep": 1, "shown_samples": 1})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return experiment.start("pretrain", recipe(folder), folder / "run", None)


def one_line(action: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        action()
    text = str(caught.value)
    assert len(text.splitlines()) == 1, text
    return text


def assert_nothing_is_lost(run: Path) -> None:
    """Whatever is called a checkpoint is whole, and the links open what was good before."""
    for folder in run.glob("checkpoint-*"):
        assert (folder / seal.SUMS).exists()
        seal.check(folder)
    for link in ("last", "best") if runs.is_run(run) else ():
        if os.path.lexists(run / link):
            opened = runs.open_checkpoint(run, link)
            assert len(sampling.Writer.open(opened).generator.sample(1)) == 1


def begin_or_go_on(folder: Path, run: Path) -> None:
    if runs.is_run(run):
        experiment.resume(run, "pretrain")
    else:
        experiment.start("pretrain", recipe(folder), run, None)


def begins(disk: Disk, train: Callable[[Trainer], None]) -> Callable[[Trainer], None]:
    def watched(trainer: Trainer) -> None:
        disk.active = True
        train(trainer)

    return watched


def played(folder: Path, run: Path, room: int | None) -> list[str]:
    """The operations of a run on a disk with so much room, after which there is room again."""
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        disk.room = room
        disk.active = False  # the texts go to another disk
        patch.setattr(Trainer, "train", begins(disk, Trainer.train))
        if room is None:
            experiment.start("pretrain", recipe(folder), run, None)
            return disk.names
        text = one_line(lambda: experiment.start("pretrain", recipe(folder), run, None))
    assert text.startswith(str(run)), text
    then = f"`textgan pretrain --resume {run}` goes on" if runs.is_run(run) else "begin again"
    assert f": can't be written ({FULL}); make room" in text and text.endswith(f"then {then}"), text
    assert not list(run.glob(".checkpoint-*.partial"))
    return disk.names


def check_full(folder: Path, whole: Path, rooms: Iterator[int] | range) -> None:
    (folder / "corpus.txt").write_bytes((whole.parent / "corpus.txt").read_bytes())
    for room in rooms:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        played(folder, run, room)
        assert_nothing_is_lost(run)
        begin_or_go_on(folder, run)
        expected = end_state(whole)
        ended = end_state(run)
        # the text's and the sources' places stand there
        for state in (expected, ended):
            state["last/run.yaml"] = state.pop("run.yaml").split(b"path:")[-1][-200:]
        assert differences(ended, expected) == [], room


def count(tmp_path: Path) -> int:
    names = played(tmp_path, tmp_path / "counted", None)
    assert {"write", "fsync", "replace", "symlink", "mkdir", "serialize_file"} <= set(names)
    assert "_save_pretrained" in names
    return len(names)


def test_a_disk_that_gets_full_at_any_of_some_writes(tmp_path: Path, whole: Path) -> None:
    total = count(tmp_path)
    check_full(tmp_path, whole, range(2, total, max(1, total // 9)))


@pytest.mark.slow
def test_a_disk_that_gets_full_at_every_write(tmp_path: Path, whole: Path) -> None:
    check_full(tmp_path, whole, range(1, count(tmp_path)))


def test_samples_and_metrics_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = recipe(tmp_path)
    for number, name in enumerate(("metrics.jsonl", "samples")):
        run = tmp_path / f"run{number}"
        run.mkdir()
        # no root can write into it either
        (run / name).mkdir() if name == "metrics.jsonl" else (run / name).write_text("")
        text = one_line(lambda run=run: experiment.start("pretrain", tree, run, None))  # type: ignore[misc]
        assert text.startswith(f"{run}/{name}"), text


def test_a_full_disk_is_exit_code_2(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run", symlinks=True))
    Disk(monkeypatch).room = 0
    with pytest.raises(SystemExit) as ended:
        cli.main(["pretrain", "--resume", str(run)])
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == [lines[-1]]


def test_a_save_that_fails_keeps_the_checkpoint_it_would_replace(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed from an older checkpoint, a run writes again what ``last`` names."""
    tree = given(tmp_path, pretrain=PHASES, trainer={"keep": 9, "shown_samples": 0})
    run = experiment.start("pretrain", tree, tmp_path / "run", None)
    oldest, newest = min(run.glob("checkpoint-*")), (run / "last").resolve()
    save = Trainer.save

    def full(trainer: Trainer) -> None:
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch)
            disk.room = 6 if newest.name.endswith(f"{trainer.position:06d}") else None
            save(trainer)

    monkeypatch.setattr(Trainer, "save", full)
    assert FULL in one_line(lambda: experiment.resume(oldest, "pretrain"))
    assert_nothing_is_lost(run)
    assert newest.is_dir()


def test_a_reader_that_has_no_room() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        words = [sys.executable, "cli.py", "pretrain", "--print-config"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == f"error: stdout: can't be written ({FULL}); make room there\n"


# A real disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounts no disk here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


def test_a_real_disk_that_is_full(tmp_path: Path, whole: Path, small_disk: Path) -> None:
    run = small_disk / "run"
    (tmp_path / "corpus.txt").write_bytes((whole.parent / "corpus.txt").read_bytes())
    text = one_line(lambda: experiment.start("pretrain", recipe(tmp_path), run, None))
    assert FULL in text
    assert_nothing_is_lost(run)
    remount(small_disk, "size=8m")
    begin_or_go_on(tmp_path, run)
    left = differences(end_state(run), end_state(whole))
    assert left in ([], ["run.yaml"])


def test_a_real_disk_that_is_read_only(tmp_path: Path, whole: Path, small_disk: Path) -> None:
    remount(small_disk, "size=8m")
    run = Path(shutil.copytree(whole, small_disk / "run", symlinks=True))
    remount(small_disk, "ro")
    text = one_line(lambda: experiment.resume(run, "pretrain"))
    assert text.startswith(str(run)) and "(Read-only file system)" in text
    assert_nothing_is_lost(run)
    remount(small_disk, "rw")
    experiment.resume(run, "pretrain")
    assert differences(end_state(run), end_state(whole)) == []
    remount(small_disk, "ro")
    text = one_line(lambda: experiment.start("pretrain", recipe(tmp_path), run / "new", None))
    assert "Read-only file system" in text
