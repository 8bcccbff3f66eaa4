"""A tiny grid: equal trials and seconds, resumed where it stopped, and its page."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from textgan import api, leaderboard
from textgan.benchmark import Benchmark, Grid, check, open_grid, settings
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
        main_ends_well(["benchmark", "toy.yaml", "--folder", "found"])
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
        found = leaderboard.results(folder, "toy", method)
        assert [run["seed"] for run in found] == [1, 2]
        assert len({str(run["setting"]) for run in found}) == 1  # the one that was chosen
        assert all(run["test"]["JSD"]["n"] == 120 for run in found)
    assert not (folder / "runs").exists()


def test_the_test_split_is_not_read_while_choosing(played: tuple[Grid, Path]) -> None:
    for place in played[1].glob("toy/*/*-seed0.json"):
        assert '"validation"' in place.read_text("utf-8")
        assert '"test"' not in place.read_text("utf-8")


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
