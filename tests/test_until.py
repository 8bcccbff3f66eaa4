"""A phase ends when the two kinds of text are alike enough, and the log says by which rule."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.short_run import differences, end_state, given
from tests.test_resume import stopped
from textgan import experiment
from textgan.config import check
from textgan.errors import UserError
from textgan.phases import Until
from textgan.recipe import Recipe
from textgan.stopping import Stopping

PRETRAIN = [{"method": "mle", "steps": 4}]
TWO = {"discriminator": {"updates": 2}, "generator": {}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("until")
    experiment.start("pretrain", given(folder, pretrain=PRETRAIN), folder / "pretrained", None)
    return folder


def game(folder: Path, name: str, *phases: dict[str, Any]) -> Path:
    tree = given(folder, pretrain=PRETRAIN, adversarial=list(phases))
    return experiment.start("adversarial", tree, folder / name, folder / "pretrained")


def rows(run: Path, key: str) -> list[tuple[int, Any]]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [(row["turn"], row[key]) for row in map(json.loads, lines) if key in row]


NEAR = {"steps": 20, "players": TWO, "until": {"discriminator_accuracy": 0.526, "window": 5}}


def test_a_phase_ends_at_the_first_step_whose_window_is_near_one_half(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies: list[float] = []
    note = Stopping.note

    def noted(stopping: Stopping, parts: dict[str, torch.Tensor]) -> None:
        note(stopping, parts)
        accuracies.extend(float(parts[name]) for name in parts if name == "d_accuracy")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stopping, "note", noted)
        run = game(folder, "near", NEAR)
    steps = len(accuracies) // 2
    means = [sum(accuracies[2 * s - 5 : 2 * s]) / 5 for s in range(3, steps + 1)]
    assert 3 < steps < 20
    assert [abs(mean - 0.5) <= 0.026 for mean in means] == [False] * (steps - 3) + [True]
    [(turn, reason)] = rows(run, "ended")
    rule, mean, *rest = reason.split(" ")
    assert (turn, rule, " ".join(rest)) == (3 * steps, "discriminator_accuracy", "over 5 updates")
    assert float(mean) == pytest.approx(means[-1], abs=6e-4)
    said = capsys.readouterr().err
    assert f"adversarial[0]: {reason}, ended after step {steps}\n" in said
    assert rows(run, "harmonic_bleu4")[-1][0] == 3 * steps  # the end is scored
    assert (run / "last").readlink() == Path("checkpoint-000060")  # and the next phase could begin


def test_each_occurrence_fills_its_own_window(folder: Path) -> None:
    near = {"discriminator_accuracy": 0.99, "window": 5}
    run = game(folder, "again", {"steps": 4, "repeat": 2, "players": TWO, "until": near})
    assert [turn for turn, _ in rows(run, "ended")] == [9, 12 + 9]  # 5 updates: behind step 3


def test_a_phase_ends_when_a_metric_is_reached_and_best_is_there(folder: Path) -> None:
    mle = {"method": "mle", "steps": 8, "every": {"evaluate": 1}}
    whole = experiment.start("pretrain", given(folder, pretrain=[mle]), folder / "nll", None)
    scores = rows(whole, "validation_nll")
    bound = (scores[3][1] + scores[4][1]) / 2
    assert min(value for _, value in scores[:4]) > bound >= scores[4][1]
    until = {"metric": "validation_nll", "at_most": bound}
    tree = given(folder, pretrain=[mle | {"until": until}, mle | {"steps": 1}])
    run = experiment.start("pretrain", tree, folder / "until-nll", None)
    assert rows(run, "ended") == [(5, f"validation_nll {scores[4][1]:.4g}")]
    assert rows(run, "validation_nll")[:5] == scores[:5]
    assert (run / "best").resolve().is_dir()
    assert (run / "last").readlink() == Path("checkpoint-000009")


def test_at_least_ends_a_game(folder: Path) -> None:
    until = {"metric": "harmonic_bleu4", "at_least": 0.0}
    run = game(folder, "least", {"steps": 6, "players": TWO, "until": until})
    [(turn, reason)] = rows(run, "ended")
    assert turn == 3 and reason.startswith("harmonic_bleu4 0.")


def test_patience_is_named_too(folder: Path) -> None:
    worse = {"method": "mle", "steps": 9, "patience": 1, "every": {"evaluate": 1}}
    worse["optimizers"] = {"generator": {"lr": 2.0}}
    tree = given(folder, pretrain=[*PRETRAIN, worse])
    run = experiment.start("pretrain", tree, folder / "patience", None)
    assert [reason for _, reason in rows(run, "ended")] == ["no better for 1 evaluations"]


def test_an_unknown_metric_is_said_at_the_first_evaluation(folder: Path) -> None:
    until = {"metric": "bleu", "at_least": 1.0}
    with pytest.raises(UserError) as error:
        game(folder, "unknown", {"steps": 6, "players": TWO, "until": until})
    assert str(error.value) == (
        "adversarial[0].until.metric: no evaluation here tells 'bleu'; there are bleu4, "
        "backward_bleu4, harmonic_bleu4, distinct2, self_bleu4"
    )


def test_a_window_is_part_of_a_checkpoint(folder: Path) -> None:
    whole = folder / "near"
    if not whole.exists():
        game(folder, "near", NEAR)
    [(end, _)] = rows(whole, "ended")
    for stops in ([7, end - 2], [end - 1]):
        tree = given(folder, pretrain=PRETRAIN, adversarial=[NEAR])
        run = folder / f"stopped-{stops}"
        stopped("adversarial", tree, run, folder / "pretrained", stops)
        assert differences(end_state(run), end_state(whole)) == []


def test_a_metric_that_ends_a_phase_resumes_alike(folder: Path) -> None:
    mle = {"method": "mle", "steps": 8, "every": {"evaluate": 1}}
    until = {"metric": "validation_nll", "at_most": 99.0}
    tree = given(folder, pretrain=[{"method": "mle", "steps": 3}, mle | {"until": until}, mle])
    whole = experiment.start("pretrain", tree, folder / "metric", None)
    run = stopped("pretrain", tree, folder / "metric-stopped", None, [3])
    assert differences(end_state(run), end_state(whole)) == []


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, "give discriminator_accuracy, or a metric with at_least or at_most"),
        ({"at_least": 1}, "a metric needs either at_least or at_most, and they need a metric"),
        ({"metric": "x"}, "a metric needs either at_least or at_most, and they need a metric"),
        (
            {"metric": "x", "at_least": 1, "at_most": 2},
            "a metric needs either at_least or at_most, and they need a metric",
        ),
    ],
)
def test_what_until_must_not_say(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Until.model_validate(tree)
    assert [problem["msg"] for problem in caught.value.errors()] == [f"Value error, {message}"]


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (
            {"players": {"discriminator": {}}, "until": {"metric": "bleu4", "at_least": 1}},
            "adversarial[0].until.metric: only phases that move the generator are scored",
        ),
        (
            {"players": {"generator": {}}, "until": {"discriminator_accuracy": 0.6}},
            "adversarial[0].until.discriminator_accuracy: no discriminator moves here",
        ),
    ],
)
def test_what_a_recipe_must_not_say(phase: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        check(Recipe, {"adversarial": [phase]})
    assert str(error.value) == message


def test_a_method_without_accuracy_is_said(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stopping, "note", lambda *_: None)
        with pytest.raises(UserError) as error:
            game(folder, "mute", NEAR)
    assert str(error.value) == (
        "adversarial[0].until.discriminator_accuracy: this method tells no d_accuracy; use a "
        "metric or patience"
    )
