"""A checkpoint is read if it is whole, its own and within its run; else one line says why not."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Command, Result
from tests.short_run import given
from textgan import api, checkpoint, seal

RUN = Path("runs/small-pretrain-1")
FILES = (
    "generator/model.safetensors",
    "generator/config.json",
    "generator/tokenizer.json",
    "generator/tokenizer_config.json",
    "discriminator/model.safetensors",
    "state.json",
    "state.safetensors",
)
Tamper = Callable[[Path], object]


def refused(result: Result) -> str:
    """The one line of an error."""
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert result.code == 2 and len(errors) == 1, result.err
    assert "Traceback" not in result.err
    return errors[0].removeprefix("error: ")


def commands(small: Path, file: str = "generator/x") -> list[list[object]]:
    """What opens a checkpoint; the last two read its generator only."""
    trains: list[list[object]] = [
        ["pretrain", "--resume", RUN],
        ["adversarial", small, "--from", RUN, "--run", "runs/new"],
    ]
    reads: list[list[object]] = [["sample", RUN], ["evaluate", RUN]]
    return trains + reads * file.startswith("generator")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of another vocabulary."""
    folder = tmp_path_factory.mktemp("other")
    mle = [{"method": "mle", "steps": 1}]
    return api.train("pretrain", given(folder, pretrain=mle), run=folder / "run")


def cut(place: Path, share: float) -> None:
    data = place.read_bytes()
    place.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("share", [0.0, 0.4, 0.999])
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_cut_off(
    textgan: Command, small: Path, copied: Path, file: str, share: float
) -> None:
    for folder in {(RUN / link).resolve() for link in ("last", "best")}:
        cut(folder / file, share)
    for words in commands(small, file):
        assert f"/{file}: damaged (isn't what was saved there" in refused(textgan(*words))


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_run(
    textgan: Command, small: Path, copied: Path, other: Path, file: str
) -> None:
    """Also where all sizes agree: then nothing but the sums can tell."""
    source = other / "last" / file
    if (RUN / "last" / file).read_bytes() == source.read_bytes():
        pytest.skip("both runs have the same")
    for link in ("last", "best"):
        shutil.copy(source, RUN / link / file)
    for words in commands(small, file):
        assert f"/{file}: damaged (isn't what was saved there" in refused(textgan(*words))


@pytest.mark.parametrize("part", ["generator", "discriminator", "tokenizer"])
def test_parts_of_another_run_in_a_checkpoint_without_sums(
    textgan: Command, small: Path, copied: Path, other: Path, part: str
) -> None:
    name = "generator/tokenizer.json" if part == "tokenizer" else part
    for folder in {(RUN / link).resolve() for link in ("last", "best")}:
        (folder / seal.SUMS).unlink()
        if part == "tokenizer":
            shutil.copy(other / "last" / name, folder / name)
        else:
            shutil.rmtree(folder / name)
            shutil.copytree(other / "last" / name, folder / name)
    for words in commands(small, name):
        if words[0] in ("sample", "evaluate") and part == "generator":
            continue  # a whole model with its tokenizer: nobody can tell
        refused(textgan(*words))


def test_sums_that_are_damaged(textgan: Command, small: Path, copied: Path) -> None:
    for link in ("last", "best"):
        (RUN / link / seal.SUMS).write_bytes(b"\xff\n")
    for words in commands(small):
        assert ": can't be checked (" in refused(textgan(*words))


def test_sums_are_those_of_sha256sum(copied: Path) -> None:
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum")
    folder = copied / RUN.name / "last"
    done = subprocess.run(
        ["sha256sum", "-c", seal.SUMS], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert {line.split(":")[0] for line in done.stdout.splitlines()} >= set(FILES)


def test_a_run_yaml_mended_by_hand_is_taken(textgan: Command, copied: Path) -> None:
    for link in ("last", "best"):
        with (RUN / link / "run.yaml").open("a") as file:
            file.write("# my text has moved\n")
    assert textgan("sample", RUN).code == 0


# Links


def out(place: Path) -> None:
    """Move a file or folder out of the run, and leave a link."""
    aside = Path("aside") / place.name
    aside.parent.mkdir(exist_ok=True)
    shutil.move(place, aside)
    place.symlink_to(os.path.relpath(aside, place.parent))


@pytest.mark.parametrize("name", ["generator", "generator/model.safetensors", "state.json"])
def test_links_within_a_checkpoint(textgan: Command, small: Path, copied: Path, name: str) -> None:
    for folder in {(RUN / link).resolve() for link in ("last", "best")}:
        out(folder / name)
    for words in commands(small):
        assert f"/{name}: is a link or no file; " in refused(textgan(*words))


def test_a_pipe_is_no_file_to_wait_for(textgan: Command, small: Path, copied: Path) -> None:
    for folder in {(RUN / link).resolve() for link in ("last", "best")}:
        (folder / "generator/model.safetensors").unlink()
        os.mkfifo(folder / "generator/model.safetensors")
    for words in commands(small):
        assert "/model.safetensors: is a link or no file; " in refused(textgan(*words))


@pytest.mark.parametrize("given_as", [RUN, RUN / "last"])
def test_a_link_out_of_the_run(textgan: Command, copied: Path, given_as: Path, small: Path) -> None:
    """A resumed run would write into the other one."""
    target = Path("../small-adversarial-1") / (copied / "small-adversarial-1/last").readlink()
    for link in ("last", "best"):
        (RUN / link).unlink()
        (RUN / link).symlink_to(target)
    for words in (["adversarial", "--resume"], ["sample"], ["evaluate"]):
        said = refused(textgan(*words, given_as))
        assert said.startswith((f"{RUN}/last: leads out of its run, to ", f"{RUN}/best: leads"))
    assert textgan("runs").out.count(RUN.name) == 0


def test_a_best_that_leads_out_in_the_state(textgan: Command, copied: Path) -> None:
    folder = (RUN / "last").resolve()
    state = json.loads((folder / "state.json").read_text())
    best = dict(state["dict"])["best"]["dict"]
    dict(best)["checkpoint"]["value"] = "../small-adversarial-1/last"
    (folder / "state.json").write_text(json.dumps(state))
    (folder / seal.SUMS).unlink()
    assert "no checkpoint of a run: ../small" in refused(textgan("pretrain", "--resume", RUN))


def test_a_run_reached_through_a_link(textgan: Command, small: Path, copied: Path) -> None:
    Path("big").mkdir()
    shutil.move(RUN, "big/run")
    RUN.symlink_to(Path("../big/run"))
    assert textgan("runs").out.count(str(RUN)) == 1
    for words in commands(small):
        result = textgan(*words)
        assert result.code == 0, result.err
    Path("a-link").symlink_to((RUN / "last").resolve())
    assert textgan("sample", "a-link").code == 0


def test_a_copy_in_which_links_became_folders(textgan: Command, small: Path, copied: Path) -> None:
    whole = {p.relative_to(RUN): p.read_bytes() for p in RUN.glob("last/*/*")}
    shutil.copytree(RUN, "runs/copy")
    shutil.rmtree(RUN)
    shutil.move("runs/copy", RUN)
    assert not (RUN / "last").is_symlink()
    assert " 5 of 5" in textgan("runs").out
    for words in reversed(commands(small)):
        result = textgan(*words)
        assert result.code == 0, result.err
    assert (RUN / "last").is_symlink() and (RUN / "best").is_symlink()
    assert {p.relative_to(RUN): p.read_bytes() for p in RUN.glob("last/*/*")} == whole


def test_a_copy_of_last_alone_is_not_lost(textgan: Command, copied: Path) -> None:
    shutil.copytree(RUN / "last", "runs/copy/last")
    result = textgan("pretrain", "--resume", "runs/copy")
    assert result.code == 0, result.err
    assert textgan("sample", "runs/copy", "--checkpoint", "last").code == 0


def test_a_checkpoint_moved_to_another_disk_is_not_removed(tmp_path: Path) -> None:
    run, aside = tmp_path / "run", tmp_path / "aside"
    folders = [checkpoint.save(run, number, {}, {"number": number}) for number in (1, 2, 3)]
    shutil.move(folders[0], aside)
    folders[0].symlink_to(aside)
    checkpoint.link(run, "last", folders[2])
    checkpoint.rotate(run, 1)
    assert checkpoint.load_state(folders[0]) == {"number": 1}
    assert not folders[1].exists()
