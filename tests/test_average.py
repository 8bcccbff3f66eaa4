"""A moving average of a player's weights is what is scored and saved; raw weights go on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.short_run import differences, end_state, given
from tests.test_resume import stopped, watch
from textgan import checkpoint, experiment, models, validation
from textgan.config import check
from textgan.errors import UserError
from textgan.recipe import Recipe
from textgan.trainer import Trainer

DECAY = 0.7
BOTH = {"generator": {"average": DECAY}, "discriminator": {"average": 0.5}}
PHASES = [
    {"steps": 3, "players": {"discriminator": {}, "generator": {}}, "every": {"evaluate": 1}},
]


def recipe(folder: Path, **over: Any) -> Any:
    return given(folder, pretrain=PHASES, optimizers=BOTH, **over)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("average")


@pytest.fixture(scope="module")
def run(folder: Path) -> tuple[Path, dict[str, list[dict[str, np.ndarray]]], list[Trainer]]:
    """A run of six updates, each player's weights before and behind its own, and the trainer."""
    weights: dict[str, list[dict[str, np.ndarray]]] = {}
    trainers: list[Trainer] = []

    def copied(trainer: Trainer, player: str) -> dict[str, np.ndarray]:
        named = getattr(trainer.cast, player).named_parameters()
        return {name: weight.detach().double().numpy().copy() for name, weight in named}

    with pytest.MonkeyPatch.context() as patch:
        watch(
            patch, lambda trainer, turn: weights[turn.player].append(copied(trainer, turn.player))
        )
        train = Trainer.train

        def noted(trainer: Trainer) -> None:
            weights.update({player: [copied(trainer, player)] for player in BOTH})
            trainers.append(trainer)
            train(trainer)

        patch.setattr(Trainer, "train", noted)
        made = experiment.start("pretrain", recipe(folder), folder / "whole", None)
    return made, weights, trainers


@pytest.mark.parametrize("player", BOTH)
def test_the_saved_player_is_the_average_and_the_raw_weights_lie_beside_it(
    run: tuple[Path, dict[str, list[dict[str, np.ndarray]]], list[Trainer]], player: str
) -> None:
    place, weights, _ = run
    seen, decay = weights[player], BOTH[player]["average"]
    saved = load_file(place / "last" / player / "model.safetensors")
    raw = checkpoint.load_state(place / "last")["weights"][player]
    assert len(seen) == 4
    far = 0.0
    for name, first in seen[0].items():
        average = first
        for later in seen[1:]:
            average = decay * average + (1 - decay) * later[name]
        mean = np.mean([later[name] for later in seen[1:]], axis=0)
        assert np.allclose(saved[name].numpy(), average, atol=1e-6)
        assert np.array_equal(raw[name].numpy(), seen[-1][name].astype(np.float32))
        far = max(far, np.abs(average - seen[-1][name]).max(), np.abs(average - mean).max())
    assert far > 1e-4  # neither the last weights nor their mean


def test_the_average_is_what_is_scored(
    run: tuple[Path, dict[str, list[dict[str, np.ndarray]]], list[Trainer]],
) -> None:
    place, _, [trainer] = run
    rows = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
    told = [row["validation_nll"] for row in rows if "validation_nll" in row][-1]
    saved = models.load_generator(place / "last" / "generator")
    assert validation.nll(saved, trainer.corpus, "validation").value == pytest.approx(told, 1e-6)
    raw = validation.nll(trainer.cast.generator, trainer.corpus, "validation").value
    assert abs(raw - told) > 1e-4


@pytest.mark.parametrize("stops", [[2], [0, 3]], ids=str)
def test_three_updates_a_resume_and_three_more_are_six(
    folder: Path,
    run: tuple[Path, dict[str, list[dict[str, np.ndarray]]], list[Trainer]],
    stops: list[int],
) -> None:
    other = stopped("pretrain", recipe(folder), folder / f"stopped-{stops}", None, stops)
    assert differences(end_state(other), end_state(run[0])) == []


def test_a_game_with_averages_resumes_alike(
    folder: Path, run: tuple[Path, dict[str, list[dict[str, np.ndarray]]], list[Trainer]]
) -> None:
    phase = {"steps": 4, "players": {"generator": {}, "discriminator": {}}, "patience": 1}
    tree = recipe(folder, adversarial=[phase | {"every": {"evaluate": 1}}])
    whole = experiment.start("adversarial", tree, folder / "game", run[0])
    other = stopped("adversarial", tree, folder / "game-stopped", run[0], [1])
    assert differences(end_state(other), end_state(whole)) == []


def test_both_go_back_to_the_best_checkpoint(folder: Path) -> None:
    """Patience restores the saved generator: the average, and the weights to go on from."""
    phase = {"method": "mle", "steps": 9, "patience": 1, "every": {"evaluate": 1}}
    rates = {"generator": {"average": DECAY, "lr": 2.0}}
    tree = given(folder, pretrain=[phase], optimizers=rates)
    run = experiment.start("pretrain", tree, folder / "patience", None)
    best = load_file(run / "best" / "generator" / "model.safetensors")
    last = load_file(run / "last" / "generator" / "model.safetensors")
    raw = checkpoint.load_state(run / "last")["weights"]["generator"]
    assert (run / "best").readlink() != (run / "last").readlink()
    for name, weight in best.items():
        assert torch.equal(weight, last[name]) and torch.equal(weight, raw[name])


def test_an_averaged_generator_sees_with_the_discriminators_eyes(folder: Path) -> None:
    """LeakGAN: the average's copy of the features is renewed behind the discriminator's updates."""
    features = {"embedding_size": 4, "widths": [1, 2], "filters": [3, 3]}
    phase = {"steps": 1, "players": {"generator": {}, "discriminator": {"updates": 2}}}
    tree = given(
        folder,
        generator={"name": "leakgan", "features": features, "hidden_size": 4},
        discriminator={"name": "cnn", **features},
        method={"name": "leakgan", "rollouts": 1},
        optimizers={"generator": {"average": DECAY}},
        pretrain=[phase],
    )
    run = experiment.start("pretrain", tree, folder / "leakgan", None)
    generator = load_file(run / "last" / "generator" / "model.safetensors")
    discriminator = load_file(run / "last" / "discriminator" / "model.safetensors")
    leaked = [name for name in generator if name.startswith("leak.")]
    assert len(leaked) == 7  # word vectors, two widths of filters, the highway layer
    for name in leaked:
        assert torch.equal(generator[name], discriminator[name.removeprefix("leak.")])


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"optimizers": {"critic": {"average": 0.9}}},
            "optimizers.critic.average: only generator and discriminator are saved as models; "
            "leave it out",
        ),
        (
            {"pretrain": [{"optimizers": {"generator": {"average": 0.9}}}]},
            "pretrain[0].optimizers.generator.average: holds for a whole run; set "
            "optimizers.generator.average",
        ),
    ],
)
def test_what_an_average_must_not_be(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        check(Recipe, tree)
    assert str(error.value) == message
