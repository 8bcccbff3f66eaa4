"""A tiny grid: equal trials and seconds, resumed where it stopped, and its page."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from textgan import api, benchmark, leaderboard
from textgan.benchmark import Benchmark
from textgan.cli import main
from textgan.clock import Clock
from textgan.config import to_yaml
from textgan.errors import Diverged, UserError
from textgan.grid import Grid, Job, check, open_grid, settings
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
    "seconds": 0.2,
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


def test_the_data_beside_the_page_have_its_figures(played: tuple[Grid, Path]) -> None:
    grid, folder = played
    page = (folder / "leaderboard.md").read_text("utf-8")
    rows = list(csv.DictReader((folder / "leaderboard.csv").read_text("utf-8").splitlines()))
    for method in grid.methods:
        jsd = {
            row["seed"]: float(row["value"])
            for row in rows
            if (row["data"], row["method"], row["figure"]) == ("toy", method, "JSD")
        }
        assert list(jsd) == ["1", "2"]
        assert f"| {method} | {np.mean([*jsd.values()]):.4f} ± " in page


HOT = 3e38
"""A rate at which weights leave the numbers behind a few updates."""


def hot(mle: list[float], seqgan: list[float]) -> dict[str, Any]:
    """The grid with other rates, all of which are tried."""
    rates = {"mle": mle, "seqgan": seqgan}
    methods = {
        name: {**GRID["methods"][name], "tune": {RATE: rates[name]}} for name in ("mle", "seqgan")
    }
    return {**GRID, "methods": methods, "trials": 2, "seeds": 1}


def command(folder: Path, grid: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """`benchmark` of a grid: what it says on stderr."""
    (folder / "grid.yaml").write_text(to_yaml(grid), encoding="utf-8")
    capsys.readouterr()
    main_ends_well(["benchmark", str(folder / "grid.yaml"), "--folder", str(folder / "found")])
    return capsys.readouterr().err.splitlines()


def failures(folder: Path) -> dict[str, str]:
    """Why each run failed that did."""
    found = {place: json.loads(place.read_text("utf-8")) for place in folder.glob("toy/*/*.json")}
    return {
        f"{place.parent.name}/{place.stem}": run["failed"]
        for place, run in found.items()
        if "failed" in run
    }


def rows(page: str) -> dict[str, list[str]]:
    """The cells of a leaderboard, by method."""
    cells = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")]
    return {first.strip(): [cell.strip() for cell in rest] for first, *rest in cells}


BROKEN = "a loss or weight became NaN or infinite by turn"


def test_a_broken_trial_is_the_worst_and_the_grid_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "SCORED", 2)
    err = command(tmp_path, hot([HOT, 1e-2], [1e-3, HOT]), capsys)
    found = failures(tmp_path / "found")
    assert set(found) == {"mle/lr=3e+38-seed0", "seqgan/lr=3e+38-seed0"}
    assert found["mle/lr=3e+38-seed0"].startswith(f"pretrain: {BROKEN}")
    assert found["seqgan/lr=3e+38-seed0"].startswith(f"adversarial: {BROKEN}")
    assert sum(line.startswith("failed: ") for line in err) == 2
    assert not (tmp_path / "found" / "runs").exists()
    page = (tmp_path / "found" / "leaderboard.md").read_text("utf-8")
    assert rows(page)["mle"][-2:] == [f"{RATE} 0.01; 1 of 2 trials failed", "baseline"]
    assert rows(page)["seqgan"][-2] == f"{RATE} 0.001; 1 of 2 trials failed"
    assert f"- mle, {RATE} 3e+38, seed 0 failed: pretrain: {BROKEN} " in page
    monkeypatch.setattr(Benchmark, "run", None)  # what failed isn't done again either
    command(tmp_path, hot([HOT, 1e-2], [1e-3, HOT]), capsys)


def test_a_method_all_of_whose_trials_break_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "SCORED", 2)
    command(tmp_path, hot([1e-2, 1e-3], [HOT, 2e38]), capsys)
    page = (tmp_path / "found" / "leaderboard.md").read_text("utf-8")
    *cells, setting, said = rows(page)["seqgan"]
    assert set(cells) == {"every trial failed"} and len(cells) == 4
    assert (setting, said) == ("2 of 2 trials failed", "not compared: no finite figure")
    assert "±" in rows(page)["mle"][0]
    assert list(rows(page))[-1] == "seqgan"


def test_where_likelihood_itself_breaks_nothing_can_start_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark, "SCORED", 2)
    command(tmp_path, hot([HOT, 2e38], [1e-2, 1e-3]), capsys)
    page = (tmp_path / "found" / "leaderboard.md").read_text("utf-8")
    assert set(rows(page)["mle"][:4]) == set(rows(page)["seqgan"][:4]) == {"every trial failed"}
    assert rows(page)["seqgan"][-1] == "not compared: the baseline has no finite figure"
    why = "seed 0 failed: mle, from which it would start, failed in every trial; to try it again, "
    assert page.count(f"{why}take toy/mle and toy/seqgan/") == 2


def test_a_start_that_broke_is_kept_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Benchmark(Grid.model_validate(GRID), tmp_path)
    made = []

    def breaks(*given: Any) -> Any:
        made.append(1)
        benchmark.beside(given[3]).mkdir(parents=True)
        raise Diverged("it broke", "mend it")

    monkeypatch.setattr(bench, "best", lambda *_: {RATE: 1e-2})
    monkeypatch.setattr(bench, "trained", breaks)
    job = Job("toy", "seqgan", {RATE: 1e-3}, 1)
    for _ in range(2):
        assert bench.outcome(job) == {
            "failed": "its start, mle, failed: it broke; to try it again, take "
            "toy/starts/seed1.json and toy/seqgan/lr=0.001-seed1.json away",
            "validation": None,
        }
    assert made == [1]
    assert [place.name for place in (tmp_path / "toy" / "starts").iterdir()] == ["seed1.json"]


def test_seeds_that_broke_are_counted_in_the_table(
    played: tuple[Grid, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = Benchmark.tests

    def one_failed(bench: Benchmark, data: str, name: str) -> list[Any]:
        found = tests(bench, data, name)
        broken = {"failed": "it broke", "validation": None, "setting": {RATE: 1}, "seed": 2}
        return [found[0], broken] if name == "seqgan" else found

    monkeypatch.setattr(Benchmark, "tests", one_failed)
    page = leaderboard.table(Benchmark(*played), "toy")
    assert set(rows(page)["seqgan"][:4]) == {"failed at 1 of 2 seeds"}
    assert page.endswith(f"- seqgan, {RATE} 1, seed 2 failed: it broke")


def test_a_mistake_in_a_recipe_still_stops_the_grid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = {**TOY, "corpus": {"path": str(tmp_path / "no.txt")}}
    (tmp_path / "grid.yaml").write_text(to_yaml({**GRID, "data": {"toy": missing}}), "utf-8")
    with pytest.raises(SystemExit) as end:
        main(["benchmark", str(tmp_path / "grid.yaml"), "--folder", str(tmp_path / "found")])
    *_, last = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert last.startswith("error: corpus: file ") and "no.txt" in last
    assert failures(tmp_path / "found") == {}


KILLED = """
import os, sys
from textgan import api, benchmark, cli
benchmark.SCORED = 2
train, count = api.train, [0]
def until(stage, *rest):
    count[0] += 1
    if count[0] == int(sys.argv[1]):  # as a power cut: nothing is tidied up
        os._exit(9)
    return train(stage, *rest)
api.train = until
cli.main(["benchmark", "grid.yaml", "--folder", "found"])
"""


@pytest.mark.slow
def test_a_killed_grid_goes_on_without_redoing_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grid.yaml").write_text(to_yaml(GRID), encoding="utf-8")
    monkeypatch.setattr(benchmark, "SCORED", 2)
    root = str(Path(benchmark.__file__).parents[1])
    # mle is timed and trained for seeds 0, 1, 2; then seqgan's start for seed 0, and seqgan timed
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "10"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 9, done.stderr.decode()
    known = {place: place.stat().st_mtime_ns for place in (tmp_path / "found").glob("toy/*/*.json")}
    assert len(known) == 7  # three results of mle, three of n-grams, and the first start
    stages: list[str] = []
    train = api.train

    def noted(stage: Any, *rest: Any) -> Path:
        stages.append(stage)
        return train(stage, *rest)

    monkeypatch.setattr(api, "train", noted)
    command(tmp_path, GRID, capsys)
    assert {place: place.stat().st_mtime_ns for place in known} == known
    one = ["adversarial"] * 2
    assert stages == [*one, *["pretrain"] * 2, *one, *["pretrain"] * 2, *one]
    assert (tmp_path / "found" / "leaderboard.md").exists()


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
