"""Alarms: silent on healthy figures, once within a stated number of updates on collapsed ones."""

import json
import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.short_run import differences, end_state, given
from tests.test_resume import stopped, watch
from textgan import cli, experiment
from textgan.alarms import ALARMS, ROLLBACKS, WINDOWS, Alarms
from textgan.figures import LOG_TURNS
from textgan.phases import Turn
from textgan.recipe import TrainerOptions
from textgan.trainer import Trainer
from textgan.variety import variety

VOCABULARY = 5_000
PHASE = "adversarial[0]"


class Told:
    """Figures that remember what happened instead of writing it down."""

    stage = "adversarial"
    broken = torch.zeros(())

    def __init__(self) -> None:
        self.events: list[tuple[int, str]] = []
        self.texts: list[str] = []

    def event(self, position: int, phase: str, figures: dict[str, Any], text: str) -> None:
        self.events += [(position, str(value)) for value in figures.values()]
        self.texts.append(text)


def alarms(on_collapse: Any = "warn", stage: str = "adversarial") -> tuple[Alarms, Told]:
    told = Told()
    told.stage = stage
    return Alarms(told, TrainerOptions(on_collapse=on_collapse), VOCABULARY), told  # type: ignore[arg-type]


def play(watching: Alarms, figure: str, values: Iterable[float], first: int = 0) -> None:
    """An update a turn, each with one figure."""
    for number, value in enumerate(values, first):
        watching.note(PHASE, {figure: torch.tensor(float(value))})
        watching.behind(SimpleNamespace(number=number, ends=False, phase=PHASE))  # type: ignore[arg-type]


HEALTHY = {
    "discriminator_wins": (0.85, 0.05),
    "discriminator_at_chance": (0.7, 0.05),
    "entropy_fell": (4.0, 0.3),
    "reward_flat": (0.1, 0.03),
}
BROKEN = {
    "discriminator_wins": 1.0,
    "discriminator_at_chance": 0.5,
    "entropy_fell": 1.0,
    "reward_flat": 0.0,
}


def noise(name: str, count: int, seed: int = 0) -> np.ndarray:
    mean, std = HEALTHY[name]
    return np.random.default_rng(seed).normal(mean, std, count).clip(1e-3, 0.98 + 9 * (mean > 1))


@pytest.mark.parametrize("name", HEALTHY)
def test_an_alarm_rings_once_within_a_window_and_again_if_it_went_away(name: str) -> None:
    figure = next(alarm.figure for alarm in ALARMS if alarm.name == name)
    watching, told = alarms()
    play(watching, figure, noise(name, 400))
    assert told.events == []
    play(watching, figure, [BROKEN[name]] * 400, 400)
    [(position, rang)] = told.events
    assert rang == name
    assert 400 < position <= 400 + WINDOWS[figure] + LOG_TURNS
    play(watching, figure, noise(name, 400, 1), 800)
    assert len(told.events) == 1
    play(watching, figure, [BROKEN[name]] * 400, 1200)
    assert [rang for _, rang in told.events] == [name, name]


@pytest.mark.parametrize("seed", range(5))
def test_healthy_games_ring_no_bell(seed: int) -> None:
    """2,000 updates: entropy falls slowly to 65 %, accuracy wanders between 0.6 and 0.95."""
    rng, place = np.random.default_rng(seed), np.linspace(0, 1, 2_000)
    entropy = 4 * (1 - 0.35 * place) + rng.normal(0, 0.2, 2_000)
    accuracy = 0.775 + 0.175 * np.sin(9 * place + seed) + rng.normal(0, 0.03, 2_000)
    spread = 0.1 * (1 - 0.7 * place) * rng.uniform(0.5, 1.5, 2_000)
    for figure, values in (("entropy", entropy), ("d_accuracy", accuracy), ("reward_std", spread)):
        watching, told = alarms()
        play(watching, figure, values.clip(0, None))
        assert told.events == []


def slowly(values: list[float]) -> list[int]:
    """Where ``entropy_fell`` rings, with lists alone: begins below half, ends above 0.6."""
    found, on = [], False
    for done in range(LOG_TURNS, len(values) + 1, LOG_TURNS):
        start, now = np.mean(values[:10]), np.mean(values[done - 10 : done])
        if now > 0.6 * start:
            on = False
        if now <= 0.5 * start and not on:
            found.append(done)
            on = True
    return found


def test_a_figure_on_the_edge_rings_as_often_as_it_came_back() -> None:
    rng = np.random.default_rng(3)
    waves = 2 + 0.5 * np.sin(np.arange(3_000) / 100) + rng.normal(0, 0.8, 3_000)
    values = [4.0] * 20 + list(waves)
    watching, told = alarms()
    play(watching, "entropy", values)
    expected = slowly(values)
    assert [position for position, _ in told.events] == expected
    means = [np.mean(values[d - 10 : d]) for d in range(LOG_TURNS, len(values) + 1, LOG_TURNS)]
    crossings = sum(a > 2 >= b for a, b in pairwise(means))
    assert 1 < len(expected) < crossings  # with one threshold it would have rung more often


def test_the_level_of_an_untrained_generator_is_none() -> None:
    uniform = math.log(VOCABULARY)
    watching, told = alarms()
    play(watching, "entropy", [0.95 * uniform] * 20 + [0.3 * uniform] * 100)
    assert told.events == []
    watching, told = alarms()
    play(watching, "entropy", [0.85 * uniform] * 20 + [0.3 * uniform] * 100)
    assert [rang for _, rang in told.events] == ["entropy_fell"]


def test_pretraining_is_not_watched() -> None:
    watching, told = alarms(stage="pretrain")
    play(watching, "entropy", [4.0] * 20 + [0.0] * 100)
    assert told.events == []


EVALUATIONS = {
    "pretrained, then all alike": (
        [(0.30, 0.3), (0.29, 0.32), (0.1, 0.7), (0.05, 0.9)],
        (0.32, 0.25),
        [(2, "distinct2_fell"), (2, "self_bleu4_climbed")],
    ),
    "noise that comes down to the texts": ([(1.0, 0.0), (0.6, 0.2), (0.3, 0.5)], (0.3, 0.5), []),
    "texts that are alike themselves": ([(0.1, 0.9), (0.08, 0.93)], (0.1, 0.92), []),
    "fewer pairs only": (
        [(0.4, 0.5), (0.1, 0.5)],
        (0.4, 0.5),
        [(1, "distinct2_fell")],
    ),
}


@pytest.mark.parametrize("name", EVALUATIONS)
def test_variety_is_compared_with_the_start_and_with_real_texts(name: str) -> None:
    found, (real_distinct, real_bleu), expected = EVALUATIONS[name]
    watching, told = alarms()
    real = {"distinct2": real_distinct, "self_bleu4": real_bleu}
    for position, (distinct, own) in enumerate(found):
        figures = {"distinct2": distinct, "self_bleu4": own}
        begun = watching.scored(position, PHASE, figures, real)
        assert begun == any(place == position for place, _ in expected)
        watching.verdict(position, PHASE)
    assert told.events == expected


def test_variety_counts_pairs_with_the_ends() -> None:
    # -1 5, 5 6, 6 -1; -1 5, 5 -1: four different ones of five
    assert variety([[5, 6], [5]])["distinct2"] == 4 / 5
    assert variety([[]] * 50) == {"distinct2": 1 / 50, "self_bleu4": 0.0}
    assert variety([[3, 4, 5, 6]] * 3)["self_bleu4"] == pytest.approx(1)


def test_verdicts_by_option_and_the_sixth_collapse_stops() -> None:
    given_up = []
    for option in ("warn", "stop", "rollback"):
        watching, told = alarms(option)
        verdicts = []
        play(watching, "entropy", [4.0] * 10)
        for collapse in range(ROLLBACKS + 1):
            play(watching, "entropy", [0.5] * 40, 40 * (collapse + 1))
            verdicts.append(watching.verdict(40 * (collapse + 2), PHASE))
        given_up.append(verdicts)
        if option == "rollback":
            assert watching.rate == 0.5**5
            assert told.texts[-1] == (
                f"{PHASE}: collapsed after 5 rollbacks; saved and stopped at turn 280"
            )
    warn, stop, rollback = given_up
    assert warn == ["go on"] * 6
    assert stop == ["stop"] + ["go on"] * 5  # still on: it rang once
    assert rollback == ["roll back"] * 5 + ["stop"]


def test_only_entropy_and_variety_count_as_collapse() -> None:
    collapse = {alarm.name for alarm in ALARMS if alarm.collapse}
    assert collapse == {"entropy_fell", "distinct2_fell", "self_bleu4_climbed"}


# A real game


PRETRAIN = [
    {"method": "mle", "epochs": 30, "every": {"evaluate": 150}},
    {"steps": 1, "players": {"discriminator": {"updates": 4}}},
]
BOTH = {"generator": {}, "discriminator": {}}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alarms")
    experiment.start("pretrain", recipe(folder), folder / "pretrained", None)
    return folder


def recipe(
    folder: Path, lr: float = 1e-3, steps: int = 20, average: float | None = None, **trainer: Any
) -> Any:
    return given(
        folder,
        pretrain=PRETRAIN,
        adversarial=[{"steps": steps, "players": BOTH, "every": {"evaluate": 5}}],
        generator={"dropout": 0.0},
        optimizers={"generator": {"lr": lr, "average": average}},
        trainer={"shown_samples": 0, **trainer},
    )


def rows(run: Path, key: str) -> list[tuple[int, Any]]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [(row["turn"], row[key]) for row in map(json.loads, lines) if key in row]


def test_a_game_at_a_rate_of_1_collapses_and_one_at_a_thousandth_does_not(folder: Path) -> None:
    for lr in (1e-3, 1.0):
        tree = recipe(folder, lr)
        experiment.start("adversarial", tree, folder / f"{lr}", folder / "pretrained")
    assert rows(folder / "0.001", "alarm") == []
    rang = rows(folder / "1.0", "alarm")
    assert {name for _, name in rang} >= {"distinct2_fell", "self_bleu4_climbed"}
    assert len(rang) == len({name for _, name in rang})  # each once
    assert min(turn for turn, _ in rang) <= 20
    assert len(rows(folder / "1.0", "self_bleu4")) == 5


def test_stop_saves_says_it_in_a_line_and_exits_0(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = folder / "stop.yaml"
    tree = recipe(folder, 1.0, on_collapse="stop")
    config.write_text(experiment.config.to_yaml(tree), encoding="utf-8")
    run = folder / "stop"
    words = ["adversarial", str(config), "--run", str(run), "--from", str(folder / "pretrained")]
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 0
    turn = min(turn for turn, _ in rows(run, "alarm"))
    assert f"collapsed; saved and stopped at turn {turn}\n" in capsys.readouterr().err
    assert (run / "last").readlink() == Path(f"checkpoint-{turn:06d}")
    assert rows(run, "ended") == [(turn, "collapse")]


def test_a_rollback_takes_the_best_checkpoint_and_half_the_rate(folder: Path) -> None:
    states: list[dict[str, torch.Tensor]] = []
    rates: list[float] = []

    def note(trainer: Trainer, turn: Turn) -> None:
        scene = trainer.cast.scenes[turn.phase]
        if turn.player == "generator":
            rates.append(scene.optimizers["generator"].param_groups[0]["lr"])

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, note)
        react = Trainer.react

        def reacted(trainer: Trainer, turn: Turn) -> None:
            before = trainer.alarms.rollbacks
            react(trainer, turn)
            if trainer.alarms.rollbacks > before:
                states.append(
                    {k: v.clone() for k, v in trainer.cast.generator.state_dict().items()}
                )

        patch.setattr(Trainer, "react", reacted)
        tree = recipe(folder, 1.0, on_collapse="rollback")
        run = experiment.start("adversarial", tree, folder / "back", folder / "pretrained")
    first, count = rows(run, "rollback")[0]
    assert count == 1 and len(states) == len(rows(run, "rollback"))
    pretrained = experiment.models.load_generator(folder / "pretrained/last/generator")
    assert all(torch.equal(states[0][k], v) for k, v in pretrained.state_dict().items())
    assert rates[: first // 2] == [1.0] * (first // 2)
    assert rates[first // 2] == 0.5


def test_six_collapses_stop_the_game(folder: Path) -> None:
    tree = recipe(folder, 200.0, steps=60, on_collapse="rollback")
    run = experiment.start("adversarial", tree, folder / "six", folder / "pretrained")
    assert [count for _, count in rows(run, "rollback")] == [1, 2, 3, 4, 5]
    [(turn, reason)] = rows(run, "ended")
    assert reason == "collapse" and turn < 120
    assert (run / "last").readlink() == Path(f"checkpoint-{turn:06d}")


@pytest.mark.parametrize("average", [None, 0.5])
def test_a_game_with_rollbacks_resumes_alike(folder: Path, average: float | None) -> None:
    tree = recipe(folder, 1.0, average=average, on_collapse="rollback")
    whole, run = folder / f"whole-{average}", folder / f"stopped-{average}"
    experiment.start("adversarial", tree, whole, folder / "pretrained")
    first = rows(whole, "rollback")[0][0]
    assert len(rows(whole, "rollback")) > 1 and first < 25
    stops = [first - 2, first - 1, first + 3]  # before, at and behind the first one
    stopped("adversarial", tree, run, folder / "pretrained", stops)
    assert differences(end_state(run), end_state(whole)) == []
