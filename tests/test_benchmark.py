"""A tiny grid: equal trials and seconds, resumed where it stopped, and its page."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from textgan import api, benchmark, leaderboard
from textgan.benchmark import Benchmark, Grid, Job, check, open_grid, settings
from textgan.cli import main
from textgan.clock import Clock
from textgan.config import to_yaml
from textgan.errors import UserError
from textgan.trainer import Trainer

TOY: dict[str, Any] = {
    "corpus": {
        "oracle": {
            "vocabulary": 6,
            "length": 3,
            "embedding_size": 2,
            "hidden_size": 3,
            "texts": 60,
        }
    },
    "generator": {"name": "lstm", "embedding_size": 3, "hidden_size": 4},
    "trainer": {"batch_size": 20, "validation_samples": 20},
}
GAME: dict[str, Any] = {
    "method": {"rollouts": 1, "reduction": "mean"},
    "discriminator": {"name": "cnn", "widths": [1], "filters": [4]},
    "adversarial": [
        {"steps": 2, "players": {"discriminator": {}}},
        {"players": {"generator": {}, "discriminator": {"updates": 2}}},
    ],
}
RATE = "optimizers.generator.lr"
GRID: dict[str, Any] = {
    "data": {"toy": TOY},
    "methods": {
        "ngram": {"counted": True, "tune": {"order": [1, 2]}},
        "mle": {"files": ["configs/methods/mle.yaml"], "tune": {RATE: [1e-2, 1e-3]}},
        "seqgan": {
            "files": ["configs/methods/seqgan.yaml"],
            "over": GAME,
            "tune": {RATE: [1e-3, 1e-4]},
        },
    },
    "seeds": 2,
    "trials": 1,
    "seconds": 0.05,
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Grid, Path]:
    folder = tmp_path_factory.mktemp("benchmark")
    (folder / "toy.yaml").write_text(to_yaml(GRID), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(benchmark, "SCORED", 2)
        main_ends_well(["benchmark", str(folder / "toy.yaml"), "--folder", str(folder / "found")])
    return open_grid(str(folder / "toy.yaml")), folder / "found"


def main_ends_well(words: list[str]) -> None:
    try:
        main(words)
    except SystemExit as end:
        assert not end.code


def test_every_method_has_its_trials_and_its_seeds(played: tuple[Grid, Path]) -> None:
    grid, folder = played
    for method in grid.methods:
        names = [place.stem for place in (folder / "toy" / method).iterdir()]
        assert Counter(name.split("-seed")[1] for name in names) == {"0": 1, "1": 1, "2": 1}
        found = Benchmark(grid, folder).tests("toy", method)
        assert [run["seed"] for run in found] == [1, 2]
        assert len({str(run["setting"]) for run in found}) == 1  # the one that was chosen
        assert all(run["test"]["JSD"]["n"] == 120 for run in found)
    assert not (folder / "runs").exists()


def test_the_test_split_is_not_read_while_choosing(played: tuple[Grid, Path]) -> None:
    for place in played[1].glob("toy/*/*-seed0.json"):
        assert '"validation"' in place.read_text("utf-8")
        assert '"test"' not in place.read_text("utf-8")


def test_every_run_tells_what_it_spent(played: tuple[Grid, Path]) -> None:
    grid, folder = played
    for run in Benchmark(grid, folder).tests("toy", "mle"):
        assert run["seconds"] > grid.seconds / 2  # a few steps' speed tells how many there are
        assert list(run["updates"]) == ["pretrain[0] generator"]
    for run in Benchmark(grid, folder).tests("toy", "seqgan"):
        assert min(run["seconds"], run["start"]["seconds"]) > grid.seconds / 4
        assert run["updates"]["adversarial[0] discriminator"] == 2
        assert run["updates"]["adversarial[1] generator"] > 0
    assert {run["seconds"] for run in Benchmark(grid, folder).tests("toy", "ngram")} == {0}


def changed(grid: Grid, **over: Any) -> Grid:
    return Grid.model_validate(grid.model_dump() | over)


def test_what_another_grid_made_is_refused(played: tuple[Grid, Path]) -> None:
    grid, folder = played
    game = grid.methods["seqgan"].model_dump()
    other = {**game, "over": {**GAME, "method": {"rollouts": 2, "reduction": "mean"}}}
    methods = {**grid.model_dump()["methods"], "seqgan": other}
    for now, made in (
        (changed(grid, seconds=9), "mle"),
        (changed(grid, methods=methods), "seqgan"),
    ):
        with pytest.raises(UserError, match="comes from another budget or recipe") as raised:
            Benchmark(now, folder).best("toy", made)
        assert str(raised.value).startswith(f"{folder / 'toy' / made}")
        assert len(str(raised.value).splitlines()) == 1
    assert len(Benchmark(changed(grid, baseline="seqgan"), folder).tests("toy", "seqgan")) == 2
    start = Job("toy", "seqgan", {RATE: 1e-3}, 1)
    with pytest.raises(UserError, match=r"starts/seed1\.json: comes from another"):
        bench = Benchmark(changed(grid, seconds=9), folder)
        bench.best = lambda *_: {}  # type: ignore[method-assign]
        bench.start(start, 1.0)


def test_results_of_other_settings_are_not_read(played: tuple[Grid, Path]) -> None:
    grid, folder = played
    [place] = (folder / "toy" / "mle").glob("*-seed1.json")
    other = place.with_name("lr=7-seed1.json")
    other.write_text(place.read_text("utf-8"), encoding="utf-8")
    assert [run["seed"] for run in Benchmark(grid, folder).tests("toy", "mle")] == [1, 2]
    other.unlink()


def test_a_trial_without_a_figure_is_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    scores: dict[float, Any] = {1: None, 2: "inf", 3: 0.7, 4: 0.8}
    tune = {"tune": {RATE: list(scores)}}
    methods = {**GRID["methods"], "mle": {**GRID["methods"]["mle"], **tune}}
    bench = Benchmark(Grid.model_validate({**GRID, "methods": methods}), Path())
    bench = Benchmark(bench.grid.model_copy(update={"trials": 4}), Path())
    monkeypatch.setattr(bench, "result", lambda job: {"validation": scores[job.setting[RATE]]})
    assert bench.best("toy", "mle") == {RATE: 3}


def test_a_benchmark_computes_on_one_thread(
    played: tuple[Grid, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    monkeypatch.setattr(Benchmark, "result", lambda *_: seen.append(torch.get_num_threads()))
    monkeypatch.setattr(Benchmark, "best", lambda *_: {})
    Benchmark(*played).play()
    assert set(seen) == {1} and torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_a_method_without_a_finite_figure_is_the_last_and_is_not_compared(
    played: tuple[Grid, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = Benchmark.tests

    def one_is_infinite(bench: Benchmark, data: str, name: str) -> list[Any]:
        found = tests(bench, data, name)
        if name == "ngram":
            found[1]["test"]["JSD"]["value"] = "inf"
        return found

    monkeypatch.setattr(Benchmark, "tests", one_is_infinite)
    *_, last = (
        line
        for line in leaderboard.table(Benchmark(*played), "toy").splitlines()
        if line.startswith("| ")
    )
    cells = [cell.strip() for cell in last.split("|")[1:-1]]
    assert cells[:2] == ["ngram", "not finite at 1 of 2 seeds"]
    assert cells[-1] == "not compared: no finite figure"


def test_a_finished_benchmark_trains_nothing_more(
    played: tuple[Grid, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, folder = played
    before = {place: place.stat().st_mtime_ns for place in folder.rglob("*.json")}
    monkeypatch.setattr(Benchmark, "run", None)
    Benchmark(grid, folder).play()
    assert {place: place.stat().st_mtime_ns for place in folder.rglob("*.json")} == before


def test_what_is_missing_is_made_again_from_the_kept_start(
    played: tuple[Grid, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, folder = played
    [place] = (folder / "toy" / "seqgan").glob("*-seed2.json")
    place.unlink()
    stages = []
    train = api.train

    def noted(stage: Any, *rest: Any) -> Path:
        stages.append(stage)
        return train(stage, *rest)

    monkeypatch.setattr(api, "train", noted)
    Benchmark(grid, folder).play()
    assert stages == ["adversarial", "adversarial"]  # timed, played
    assert place.exists()


def test_the_page_shows_every_method_and_a_verdict(played: tuple[Grid, Path]) -> None:
    grid, folder = played
    page = (folder / "leaderboard.md").read_text("utf-8")
    assert page.startswith(f"# toy\n\n`python cli.py benchmark {folder.parent / 'toy.yaml'}`. ")
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")]
    head, _, *table = rows
    assert head[1].strip() == "JSD" and r"KL(p\||g)" not in page
    assert {row[0].strip() for row in table} == set(grid.methods)
    values = [float(row[1].split("±")[0]) for row in table]
    assert values == sorted(values)
    [verdict] = {row[-1].strip() for row in table if row[0].strip() == "seqgan"}
    assert verdict.startswith("2 seeds can't reach p < .05 in 2 comparisons; 7 could")


def test_settings_follow_from_the_seed_and_are_distinct() -> None:
    entry = (
        Grid.model_validate(GRID)
        .methods["mle"]
        .model_copy(update={"tune": {"a": [1, 2, 3], "b": [4, 5]}})
    )
    found = settings(entry, 4, seed=1)
    assert found == settings(entry, 4, seed=1) != settings(entry, 4, seed=2)
    assert len({tuple(setting.items()) for setting in found}) == 4


def tuned(name: str, tune: dict[str, Any]) -> dict[str, Any]:
    """A change of the grid."""
    return {"methods": {**GRID["methods"], name: {**GRID["methods"][name], "tune": tune}}}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"trials": 3}, "methods.ngram.tune has 2 settings and 3 trials; equal trials for all"),
        ({"baseline": "best"}, "methods must have mle, where others start, and the baseline"),
        ({"seedz": 2}, "unknown key 'seedz'; did you mean 'seed'?"),
        (
            {"data": {"toy": TOY | {"generatr": {}}}},
            "grid: ngram on toy: unknown key 'generatr'; did you mean 'generator'?",
        ),
        (
            tuned("ngram", {"ordr": [1, 2]}),
            "grid: ngram on toy: tune: unknown key 'ordr'; did you mean 'order'?",
        ),
        (
            tuned("mle", {"pretrain.steps": [1, 2]}),
            "grid: mle on toy: tune: pretrain.steps: 'pretrain' is no section; give a section's",
        ),
    ],
)
def test_a_mistake_is_found_before_the_hours_begin(
    change: dict[str, Any], error: str, tmp_path: Path
) -> None:
    place = tmp_path / "grid.yaml"
    place.write_text(to_yaml(GRID | change), encoding="utf-8")
    with pytest.raises(UserError) as raised:
        check(open_grid(str(place)))
    assert error in str(raised.value)


def test_the_clock_counts_updates_by_phase_and_player(played: tuple[Grid, Path]) -> None:
    tree = api.load("configs/methods/mle.yaml") | TOY
    tree["pretrain"] = [{"method": "mle", "steps": 3}, {"method": "mle", "steps": 2}]
    update = Trainer.update
    with Clock().watching() as clock:
        api.train("pretrain", tree, played[1].parent / "timed")
    assert Trainer.update is update
    assert clock.updates == {("pretrain[0]", "generator"): 3, ("pretrain[1]", "generator"): 2}
    assert 0 < clock.spent("pretrain[0]") < clock.total


def test_a_full_clock_ends_the_run_behind_an_update_and_scores_it(tmp_path: Path) -> None:
    tree = api.load("configs/methods/mle.yaml") | TOY
    tree["pretrain"] = [{"method": "mle", "steps": 500, "every": {"evaluate": 500}}]
    play = Trainer.turn
    with Clock(0.02).watching() as clock:
        run = api.train("pretrain", tree, tmp_path / "run")
    assert Trainer.turn is play
    [(key, updates)] = clock.updates.items()
    assert key == ("pretrain[0]", "generator") and 0 < updates < 500
    assert clock.said() == {
        "seconds": clock.total,
        "updates": {"pretrain[0] generator": updates},
    }
    assert clock.total >= 0.02
    assert (run / "best").resolve().name == f"checkpoint-{updates:06d}"
