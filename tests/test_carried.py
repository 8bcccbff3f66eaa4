"""The game goes on with the pretrained discriminator's optimizer, as the official SeqGAN does."""

from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch

from tests.short_run import given
from textgan import checkpoint, experiment
from textgan.trainer import Trainer

PRETRAIN = [
    {"method": "mle", "steps": 2},
    {"steps": 1, "players": {"discriminator": {"updates": 3}}},
]
JUDGE, WRITER = "seqgan discriminator adam", "seqgan generator adam"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("carried")
    experiment.start("pretrain", given(folder, pretrain=PRETRAIN), folder / "pretrained", None)
    return folder


def optimizers(run: Path) -> Any:
    return checkpoint.load_state(run / "last")["optimizers"]


def at_the_start(folder: Path, name: str, **over: Any) -> Any:
    """The optimizers' states of a game before its first turn."""
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train", lambda trainer: found.append(trainer.cast.state()))
        tree = given(folder, pretrain=PRETRAIN, **over)
        experiment.start("adversarial", tree, folder / name, folder / "pretrained")
    return {key: state["state"] for key, state in found[0]["optimizers"].items()}


def test_the_discriminators_moments_are_carried_and_the_generators_are_new(folder: Path) -> None:
    saved = optimizers(folder / "pretrained")
    assert set(saved) == {"mle generator adam", JUDGE, WRITER}
    carried = at_the_start(folder, "start")
    assert set(carried) == {JUDGE, WRITER}
    assert carried[WRITER] == {}
    assert carried[JUDGE].keys() == saved[JUDGE]["state"].keys() != set()
    for number, moments in carried[JUDGE].items():
        assert all(torch.equal(moments[k], v) for k, v in saved[JUDGE]["state"][number].items())


@pytest.mark.parametrize(
    "over",
    [
        {"discriminator": {"dropout": 0.1}},
        {"optimizers": {"discriminator": {"algorithm": "rmsprop"}}},
    ],
    ids=["another discriminator", "another algorithm"],
)
def test_moments_of_something_else_are_not_carried(folder: Path, over: dict[str, Any]) -> None:
    name = next(iter(over))
    assert not any(at_the_start(folder, f"other-{name}", **over).values())


def test_a_game_counts_its_updates_on_from_pretrainings(folder: Path) -> None:
    game = [{"steps": 1, "players": {"generator": {}, "discriminator": {"updates": 2}}}]
    run = folder / "game"
    tree = given(folder, pretrain=PRETRAIN, adversarial=game)
    experiment.start("adversarial", tree, run, folder / "pretrained")
    steps = {key: o["state"][0]["step"].item() for key, o in optimizers(run).items()}
    assert steps == {JUDGE: 3 + 2, WRITER: 1}


def test_a_source_whose_state_is_damaged_is_said(folder: Path, tmp_path: Path) -> None:
    source = Path(copytree(folder / "pretrained", tmp_path / "source", symlinks=True))
    (source / "last" / "state.json").write_text("{", "utf-8")
    with pytest.raises(experiment.UserError, match=r"state\.json"):  # its sum tells
        experiment.start("adversarial", given(folder), tmp_path / "game", source)
    (source / "last" / "SHA256SUMS").unlink()
    with pytest.raises(experiment.UserError, match="state is damaged"):
        experiment.start("adversarial", given(folder), tmp_path / "game", source)
    assert not (tmp_path / "game").exists()
