"""A run that was stopped and resumed ends, bit for bit, where it would have ended anyway."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.short_run import differences, end_state, given
from textgan import checkpoint, cli, experiment, models, tree, validation
from textgan.phases import Turn
from textgan.trainer import Interrupted, Trainer


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def watch(monkeypatch: pytest.MonkeyPatch, each: Callable[[Trainer, Turn], object]) -> None:
    """Call ``each`` behind every update."""
    update = Trainer.update

    def watched(trainer: Trainer, turn: Turn) -> None:
        update(trainer, turn)
        each(trainer, turn)

    monkeypatch.setattr(Trainer, "update", watched)


def stopped(stage: Any, tree: Any, run: Path, source: Path | None, stops: list[int]) -> Path:
    """A run stopped behind each of some turns and resumed behind each stop."""

    def play(attempt: int) -> None:
        if attempt:
            experiment.resume(run, stage)
        else:
            experiment.start(stage, tree, run, source)

    for attempt, stop in enumerate(stops):
        with pytest.MonkeyPatch.context() as patch:

            def note(trainer: Trainer, turn: Turn, stop: int = stop) -> None:
                trainer.interrupted = turn.number == stop

            watch(patch, note)
            with pytest.raises(Interrupted):
                play(attempt)
    play(len(stops))
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resume")


@pytest.fixture(scope="module")
def pretrained(folder: Path) -> tuple[Path, list[Turn]]:
    """The uninterrupted pretraining run, and the turns that it played."""
    played: list[Turn] = []
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, lambda trainer, turn: played.append(turn))
        run = experiment.start("pretrain", given(folder), folder / "pretrained", None)
    return run, played


@pytest.fixture(scope="module")
def adversarial(folder: Path, pretrained: tuple[Path, list[Turn]]) -> Path:
    return experiment.start("adversarial", given(folder), folder / "game", pretrained[0])


def first(played: list[Turn], found: Callable[[Turn], bool]) -> int:
    return next(turn.number for turn in played if found(turn))


PLACES: dict[str, Callable[[list[Turn]], int]] = {
    "mid-epoch": lambda played: first(played, lambda t: t.phase == "pretrain[0]" and t.index == 6),
    "a pool drawn": lambda played: first(played, lambda t: t.draw == "pool"),
    "in a pool, second pass": lambda played: first(played, lambda t: t.pool_epoch == 1),
    "in a pool of a repetition": lambda played: first(
        played, lambda t: t.pool_epoch == 1 and t.occurrence == 1
    ),
    "before early stopping": lambda played: skipped(played) - 1,
    "at early stopping": lambda played: skipped(played),
    "behind early stopping": lambda played: first(played, lambda t: t.phase == "pretrain[3]"),
    "between players": lambda played: first(
        played, lambda t: t.phase == "pretrain[3]" and t.index == 1
    ),
    "last turn": lambda played: played[-1].number,
}


def skipped(played: list[Turn]) -> int:
    """The turn behind which early stopping leapt to the phase's end."""
    return next(a.number for a, b in pairwise(played) if b.number > a.number + 1)


@pytest.mark.parametrize("place", PLACES)
def test_stopped_and_resumed_pretraining_ends_alike(
    folder: Path, pretrained: tuple[Path, list[Turn]], place: str
) -> None:
    whole, played = pretrained
    run = folder / place.replace(" ", "-")
    stopped("pretrain", given(folder), run, None, [PLACES[place](played)])
    assert differences(end_state(run), end_state(whole)) == []


@pytest.mark.parametrize("stops", [[0], [2], [7, 13]], ids=str)
def test_stopped_and_resumed_adversarial_training_ends_alike(
    folder: Path, pretrained: tuple[Path, list[Turn]], adversarial: Path, stops: list[int]
) -> None:
    run = folder / f"game-{stops}"
    stopped("adversarial", given(folder), run, pretrained[0], stops)
    assert differences(end_state(run), end_state(adversarial)) == []


def test_stopped_many_times_ends_alike(folder: Path, pretrained: tuple[Path, list[Turn]]) -> None:
    whole, played = pretrained
    stops = [turn.number for turn in played[2::7]]
    run = stopped("pretrain", given(folder), folder / "many", None, stops)
    assert len(stops) > 3
    assert differences(end_state(run), end_state(whole)) == []


def test_a_resume_from_the_score_before_the_first_turn_scores_once(
    folder: Path, pretrained: tuple[Path, list[Turn]], adversarial: Path
) -> None:
    run = folder / "scored"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "turn", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            experiment.start("adversarial", given(folder), run, pretrained[0])
    assert (run / "last").readlink() == Path("checkpoint-000000")
    experiment.resume(run, "adversarial")
    assert differences(end_state(run), end_state(adversarial)) == []


OTHERS: dict[str, dict[str, Any]] = {
    "accumulation": {"optimizers": {"generator": {"accumulation": 2}}},
    "rmsprop and sgd": {
        "optimizers": {
            "generator": {"algorithm": "rmsprop"},
            "discriminator": {"algorithm": "sgd"},
        }
    },
    "sgd, which keeps nothing": {
        "optimizers": {"generator": {"algorithm": "sgd"}},
        "pretrain": [{"method": "mle", "steps": 8}],
    },
    "adamw": {
        "optimizers": {
            "generator": {"algorithm": "adamw", "weight_decay": 0.1, "warmup": 4},
            "discriminator": {"schedule": "cosine"},
        }
    },
    "pool larger than the corpus": {
        "pretrain": [{"steps": 2, "players": {"discriminator": {"pool": 100}, "generator": {}}}]
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_optimizers_and_pools_resume_alike(folder: Path, name: str) -> None:
    phases = [
        {"method": "mle", "steps": 4},
        {"steps": 2, "players": {"discriminator": {"pool": 20}, "generator": {}}},
    ]
    tree = given(folder, **({"pretrain": phases} | OTHERS[name]))
    whole = experiment.start("pretrain", tree, folder / f"{name}-whole", None)
    run = stopped("pretrain", tree, folder / f"{name}-stopped", None, [2, 6])
    assert differences(end_state(run), end_state(whole)) == []


def test_the_saved_state_is_what_the_trainer_had(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        trainers: list[Trainer] = []

        def note(trainer: Trainer, turn: Turn) -> None:
            trainers.append(trainer)
            trainer.interrupted = turn.pool_epoch == 1

        watch(patch, note)
        with pytest.raises(Interrupted):
            experiment.start("pretrain", given(folder), folder / "state", None)
    state = checkpoint.load_state(folder / "state" / "last")
    assert state["pool"]["ids"].shape[0] == 16
    saved, had = tree.flatten(state), tree.flatten(trainers[-1].state())
    assert saved[1] == had[1]
    assert all(torch.equal(value, had[0][name]) for name, value in saved[0].items())
    weights = load_file(folder / "state" / "last" / "generator" / "model.safetensors")
    live = trainers[-1].cast.generator.state_dict()
    assert all(torch.equal(value, live[name]) for name, value in weights.items())


def test_last_and_best_and_rotation(pretrained: tuple[Path, list[Turn]], adversarial: Path) -> None:
    run, played = pretrained
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scores = {row["turn"]: row["validation_nll"] for row in rows if "validation_nll" in row}
    best = min(scores, key=scores.__getitem__)
    assert (run / "best").readlink() == Path(f"checkpoint-{best:06d}")
    assert (run / "last").readlink() == Path(f"checkpoint-{played[-1].number + 1:06d}")
    for whole in (run, adversarial):
        names = {folder.name for folder in whole.glob("checkpoint-*")}
        best_name = (whole / "best").readlink().name
        assert len(names) <= 3
        assert len(names - {best_name}) <= 2  # trainer.keep
        assert best_name in names


def test_best_in_the_game_is_the_highest_harmonic_bleu(adversarial: Path) -> None:
    rows = [json.loads(line) for line in (adversarial / "metrics.jsonl").read_text().splitlines()]
    scores = [(row["harmonic_bleu4"], -row["turn"]) for row in rows if "harmonic_bleu4" in row]
    assert (adversarial / "best").readlink() == Path(f"checkpoint-{-max(scores)[1]:06d}")


def test_keep_one_rotates_all_but_last_and_best(folder: Path) -> None:
    phases = [{"method": "mle", "steps": 6, "every": {"evaluate": 1}}]
    tree = given(folder, pretrain=phases, trainer={"keep": 1})
    run = experiment.start("pretrain", tree, folder / "keep", None)
    names = {folder.name for folder in run.glob("checkpoint-*")}
    assert names == {(run / "last").readlink().name, (run / "best").readlink().name}


def test_after_patience_the_generator_holds_its_best_weights(folder: Path) -> None:
    phase = {
        "method": "mle",
        "epochs": 20,
        "patience": 2,
        "optimizers": {"generator": {"lr": 0.5}},
    }
    tree = given(folder, pretrain=[phase])
    run = experiment.start("pretrain", tree, folder / "patience", None)
    last, best = run / "last", run / "best"
    assert last.readlink() != best.readlink()
    weights = "generator/model.safetensors"
    assert (last / weights).read_bytes() == (best / weights).read_bytes()
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scores = [row["validation_nll"] for row in rows if "validation_nll" in row]
    assert len(scores) < 20 and min(scores) == scores[-3]  # two evaluations without a better one
    with pytest.MonkeyPatch.context() as patch:
        found: list[Trainer] = []
        patch.setattr(Trainer, "train", lambda trainer: found.append(trainer))
        experiment.resume(run, "pretrain")
    generator = models.load_generator(best / "generator")
    score = validation.nll(generator, found[0].corpus, "validation")[0]
    assert score == pytest.approx(min(scores), abs=1e-6)


def test_patience_counts_anew_in_every_phase(folder: Path) -> None:
    """A phase's evaluations without a better one aren't those of the phase before."""
    worse = {"optimizers": {"generator": {"lr": 2.0}}, "every": {"evaluate": 1}}
    mle = {"method": "mle", "steps": 8} | worse
    phases = [
        {"method": "mle", "steps": 2},
        mle | {"patience": 2},
        {"steps": 4, "patience": 1, "players": {"discriminator": {}}},
        mle | {"patience": 3},
    ]
    played: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, lambda trainer, turn: played.append(turn.phase))
        experiment.start("pretrain", given(folder, pretrain=phases), folder / "anew", None)
    assert [played.count(f"pretrain[{i}]") for i in range(4)] == [2, 2, 4, 3]


def test_patience_without_any_score_ends_quietly(folder: Path) -> None:
    phases = [{"steps": 2, "patience": 1, "players": {"discriminator": {}}}]
    run = experiment.start("pretrain", given(folder, pretrain=phases), folder / "unscored", None)
    assert not (run / "best").exists()
    assert (run / "last").readlink() == Path("checkpoint-000002")


def test_the_last_figures_of_a_phase_that_stopped_early_are_its_own(
    pretrained: tuple[Path, list[Turn]],
) -> None:
    run, _ = pretrained
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert any(row["phase"] == "pretrain[2]" and "nll" in row for row in rows)
    assert not any(row["phase"] == "pretrain[3]" and "nll" in row for row in rows)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_a_signal_saves_says_how_to_go_on_and_exits_130(
    folder: Path,
    pretrained: tuple[Path, list[Turn]],
    number: signal.Signals,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = folder / "short.yaml"
    config.write_text(experiment.config.to_yaml(given(folder)), encoding="utf-8")
    run = folder / f"signal-{number.name}"

    def send(trainer: Trainer, turn: Turn) -> None:
        if turn.number == 12:
            os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    with monkeypatch.context() as patch:
        watch(patch, send)
        with pytest.raises(SystemExit) as end:
            cli.main(["pretrain", str(config), "--run", str(run)])
    assert end.value.code == 130
    assert signal.getsignal(number) is handler
    assert (run / "last").readlink() == Path("checkpoint-000013")
    said = capsys.readouterr().err
    assert "stopping: finishing this update, then saving (once more to stop at once)" in said
    assert f"saved. Go on with:\n  textgan pretrain --resume {run}\n" in said
    with pytest.raises(SystemExit) as end:
        cli.main(["pretrain", "--resume", str(run)])
    assert end.value.code == 0
    assert f"going on with {run} after turn 13" in capsys.readouterr().err
    assert differences(end_state(run), end_state(pretrained[0])) == []


def test_a_second_signal_stops_at_once(folder: Path) -> None:
    def send(trainer: Trainer, turn: Turn) -> None:
        if turn.number == 12:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    run = folder / "twice"
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, send)
        with pytest.raises(KeyboardInterrupt) as end:
            experiment.start("pretrain", given(folder), run, None)
    assert not isinstance(end.value, Interrupted)
    assert (run / "last").readlink() == Path("checkpoint-000010")
