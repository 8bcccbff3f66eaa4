"""benchmarks/rollouts.py and benchmarks/curves.py at sizes of nothing: what they count and draw."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import curves, estimators, rollouts
from benchmarks.curves import Size
from benchmarks.rollouts import Point
from benchmarks.solvable import Players
from textgan import runtime
from textgan.methods.seqgan import SeqGAN, SeqGANOptions


@pytest.mark.slow
def test_both_languages_are_measured_written_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = Players(likelihood=2, warm=2, words=3, length=4)
    monkeypatch.setattr(estimators, "WARM", 1)
    monkeypatch.setattr(rollouts, "SMALL", [rollouts.SMALL[0], rollouts.SMALL[-1]])
    monkeypatch.setattr(rollouts, "LARGE", [(2, 1), (1, 2)])
    monkeypatch.setattr(rollouts, "TEXTS", 8)
    monkeypatch.setattr(rollouts, "Players", lambda **_: tiny)
    monkeypatch.setattr(rollouts, "paper_players", lambda: (tiny.generator, tiny.judges["cnn"]))
    words = ["rollouts.py", "--batches", "3", "--large", "3", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    rollouts.main()
    told = capsys.readouterr().out
    found = [
        Point(**point) for point in json.loads((tmp_path / "gradient_variance.json").read_text())
    ]
    assert [p.name for p in found if p.language == "large"] == [
        *(f"rollouts 2, {b}" for b in rollouts.BASELINES),
        *(f"rollouts 1, every 2, {b}" for b in rollouts.BASELINES),
        "terminal, none",
        "terminal, leave_one_out",
    ]
    assert found[2].variance == 1
    assert all(p.name in told for p in found)
    assert (tmp_path / "gradient_variance.png").read_bytes().startswith(b"\x89PNG")
    assert [rollouts.mark(p) for p in found] == ["T", "t", *["2"] * 3, *["1/2"] * 3, "T", "T"]


def test_values_that_baselines_share_give_each_games_own_gradient() -> None:
    tiny = Players(likelihood=2, warm=2, words=3, length=4)
    for baseline in rollouts.BASELINES:
        game = SeqGAN(
            SeqGANOptions.model_validate({"baseline": baseline, "rollouts": 2}),
            tiny.generator,
            tiny.judges["cnn"],
        )
        runtime.seed("own")
        fake = game.generator.sample(8)
        whole = game.generator_loss(fake, fake, 0.0).total / 8
        runtime.seed("own")
        fake = game.generator.sample(8)
        found = rollouts.slope(game, game.values(fake), fake)
        assert torch.equal(found, tiny.slope(whole))


@pytest.mark.parametrize(
    ("name", "every", "tokens"), [("lstm", 1, 6 + 5 + 4 + 3 + 2 + 1), ("transformer", 3, 4 + 1)]
)
def test_a_step_takes_as_many_tokens_as_predicted(
    name: str, every: int, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = Size(name, units=4, length=7, vocabulary=11, rollouts=3, every=every, batch=2)
    assert sum(7 - t for t in size.positions) == tokens
    generator, judge = curves.players(size)
    method = SeqGAN(SeqGANOptions(rollouts=3, rollout_every=every), generator, judge)
    drawn: list[int] = []
    right = type(generator).complete

    def complete(*given: Any, **named: Any) -> Any:
        ids, log_prob = right(*given, **named)
        drawn.append(ids.numel())
        return ids, log_prob

    fake = generator.sample(2, 7)
    monkeypatch.setattr(type(generator), "complete", complete)
    method.generator_loss(fake, fake, 0.0)
    assert sum(drawn) == 2 * 3 * tokens
    more = [curves.gflop(s, generator, judge) for s in (size, Size(**{**vars(size), "batch": 6}))]
    assert more[1] == pytest.approx(3 * more[0])


def test_windows_that_rollouts_share_are_counted_once() -> None:
    size = Size(length=9, vocabulary=11, rollouts=3, batch=2)
    _, judge = curves.players(size)
    total = 0
    for width, filters in zip(judge.options.widths, judge.options.filters, strict=True):
        for t in range(1, 9):
            seen = {
                (start, 0 if start + width <= t else rollout)
                for rollout in range(3)
                for start in range(max(1, 9 - width + 1))
            }
            total += 2 * 2 * filters * width * 64 * len(seen)
    assert curves.windows(size, judge) == total


@pytest.mark.slow
def test_a_point_has_seconds_memory_and_a_prediction() -> None:
    cost = curves.measure(Size(units=4, length=5, vocabulary=11, rollouts=1, batch=1))
    assert min(cost.seconds, cost.gflop) > 0
    found = {name: [cost, cost] for name in curves.CURVES}
    assert curves.table(found).count("\n| lstm") == 8
    assert len(curves.draw(found).axes) == 2 * len(curves.CURVES)
