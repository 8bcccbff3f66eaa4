"""A method's own opponent (a reference, a mediator) is saved: a resumed run ends where it would."""

from pathlib import Path
from typing import Any

import pytest

from tests.short_run import differences, end_state, given
from textgan import api
from textgan.phases import Turn
from textgan.trainer import Interrupted, Trainer

ADVERSARIAL: dict[str, Any] = {
    "ddo": [{"repeat": 2, "steps": 3}],  # stops inside each round
    "spin": [{"repeat": 2, "steps": 3}],
    "dgsan": [{"repeat": 2, "steps": 3}],
    "cot": [{"steps": 3}],  # stops between the players
}


def recipe(folder: Path, name: str) -> Any:
    tree = given(folder, pretrain=[{"method": "mle", "steps": 2}], adversarial=ADVERSARIAL[name])
    tree["method"] = {"name": name}
    return tree


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_opponent_is_resumed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = recipe(tmp_path, name)
    source = api.train("pretrain", tree, tmp_path / "pretrain")
    whole = api.train("adversarial", tree, tmp_path / "whole", source)
    update = Trainer.update

    def interrupting(trainer: Trainer, turn: Turn) -> None:
        update(trainer, turn)
        trainer.interrupted = turn.number in (1, 4)

    monkeypatch.setattr(Trainer, "update", interrupting)
    run = tmp_path / "parts"
    with pytest.raises(Interrupted):
        api.train("adversarial", tree, run, source)
    with pytest.raises(Interrupted):
        api.resume(run)
    api.resume(run)
    assert differences(end_state(whole), end_state(run)) == []
