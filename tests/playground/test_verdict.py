"""Answers are kept, and what is said of them has intervals that cover."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.playground.answers import Answers
from textgan.playground.judge_tab import listed
from textgan.playground.verdict import verdicts, wilson


def real(source: str, answer: str, judge: str = "a") -> dict[str, Any]:
    shown = [{"source": source, "seed": 1, "number": 0, "text": "x"}]
    return {
        "task": "real",
        "judge": judge,
        "checkpoints": ["run/1"],
        "shown": shown,
        "answer": answer,
    }


def better(first: str, second: str, answer: str) -> dict[str, Any]:
    shown = [{"source": s, "seed": 1, "number": 0, "text": s} for s in (first, second)]
    return {
        "task": "better",
        "judge": "a",
        "checkpoints": ["b", "a"],
        "shown": shown,
        "answer": answer,
    }


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # scipy 1.17: binomtest(hits, of).proportion_ci(method="wilson")
    [(8, 10, 0.4901625, 0.9433178), (0, 10, 0.0, 0.2775328), (50, 100, 0.4038315, 0.5961685)],
)
def test_wilson_as_others_compute_it(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-6)


def test_wilson_covers() -> None:
    rng = np.random.default_rng(0)
    for share in (0.5, 0.8):
        hits = rng.binomial(40, share, size=4000)
        covered = [wilson(int(h), 40)[0] <= share <= wilson(int(h), 40)[1] for h in hits]
        assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_accuracy_and_who_was_fooled() -> None:
    answers = [
        *[real("real", "real")] * 3,
        real("real", "generated"),
        *[real("run/1", "generated", judge="b")] * 2,
        *[real("run/1", "real")] * 2,
    ]
    right, fooled = verdicts(answers)
    assert (right.kind, right.hits, right.of, right.judges) == ("right", 5, 8, 2)
    assert (fooled.kind, fooled.hits, fooled.of) == ("fooled", 2, 4)


def test_wins_whatever_the_order() -> None:
    answers = [
        better("a", "b", "first"),
        better("b", "a", "second"),
        better("b", "a", "first"),
        better("a", "b", "neither"),
    ]
    (wins,) = verdicts(answers)
    assert (wins.who, wins.whom, wins.hits, wins.of, wins.ties) == ("a", "b", 2, 3, 1)
    (beside_real,) = verdicts([better("real", "a", "second")])
    assert (beside_real.who, beside_real.whom, beside_real.hits) == ("a", "real", 1)


def test_nothing_but_ties_has_no_share() -> None:
    (wins,) = verdicts([better("a", "b", "neither")])
    assert wins.interval is None
    assert "–" in listed([wins], "en")


def test_the_file_is_only_added_to(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "new" / "answers.jsonl")
    assert answers.read() == []
    answers.add(real("real", "real"))
    before = answers.path.read_bytes()
    answers.add(better("a", "b", "first"))
    assert answers.path.read_bytes().startswith(before)
    assert [one["task"] for one in answers.read()] == ["real", "better"]
    assert json.loads(before)["time"].endswith("+00:00")


def test_a_line_cut_off_is_left_out(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "answers.jsonl")
    answers.add(real("real", "real"))
    with answers.path.open("a") as file:
        file.write('{"task": "re')
    answers.add(real("real", "real"))
    assert len(answers.read()) == 2


def test_what_an_answer_shows_may_have_any_sign_in_it(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "answers.jsonl")
    shown = "one\u2028two\u0085three\r\nfour"
    answers.add({"answer": "real", "shown": shown})
    answers.add({"answer": "generated", "shown": shown})
    assert [found["shown"] for found in answers.read()] == [shown, shown]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        Answers(tmp_path / "file" / "answers.jsonl").add(real("real", "real"))


def test_names_are_escaped() -> None:
    answer = real("<b>", "real") | {"checkpoints": ["<b>"]}
    assert "<b>" not in listed(verdicts([answer]), "zh")
