"""Curves of runs, while they are written."""

import json
from pathlib import Path

import pytest

from textgan.playground.curves import POINTS, Curves


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEXTGAN_RUNS", str(tmp_path))
    (tmp_path / "a").mkdir()
    return tmp_path / "a"


def log(run: Path, turns: range, **figures: float | str) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        for turn in turns:
            file.write(json.dumps({"turn": turn, "phase": "pretrain[0]", **figures}) + "\n")


def test_a_running_run_is_followed(run: Path) -> None:
    curves = Curves()
    assert curves.runs() == {}
    log(run, range(3), nll=2.0)
    assert [*curves.runs()] == ["a"]  # it has saved nothing yet
    assert curves.frame(["a"], "nll").to_dict("list") == {
        "run": ["a"] * 3,
        "turn": [0, 1, 2],
        "value": [2.0] * 3,
    }
    log(run, range(3, 5), nll=1.0)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"turn": 5, "nl')  # in the middle of a line
    assert [*curves.frame(["a"], "nll")["turn"]] == [0, 1, 2, 3, 4]
    assert curves.last(["a"], "nll") == [("a", 4, "pretrain[0]", 1.0)]


def test_words_and_turns_are_no_figures(run: Path) -> None:
    log(run, range(2), nll=1.0, distinct2=0.5, alarm="collapse", validation_nll=1.5)
    assert Curves().figures(["a"]) == ["nll", "validation_nll", "distinct2"]


def test_single_points_come_last(run: Path) -> None:
    log(run, range(2), nll=1.0)
    log(run, range(2, 3), bleu4=0.5, validation_nll=1.5)
    assert Curves().figures(["a"]) == ["nll", "bleu4", "validation_nll"]


def test_a_long_curve_keeps_its_end(run: Path) -> None:
    log(run, range(3 * POINTS + 1), nll=1.0)
    turns = [*Curves().frame(["a"], "nll")["turn"]]
    assert len(turns) <= POINTS
    assert turns[-1] == 3 * POINTS
    assert turns == sorted(turns)


def test_only_listed_runs_are_read(run: Path, tmp_path: Path) -> None:
    other = tmp_path.parent / f"{tmp_path.name}-other"
    other.mkdir()
    log(other, range(2), nll=1.0)
    assert Curves().rows(f"../{other.name}") == []
    assert len(Curves().frame(["b", "../x"], "nll")) == 0
