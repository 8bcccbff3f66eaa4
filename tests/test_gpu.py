"""What needs an accelerator: the same draws, texts, losses and rounds as on a CPU.

tests/test_meta.py asks on every machine that no update waits for the device or mixes devices.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.short_run import given
from tests.test_meta import WAITS, varied
from tests.test_precision import players
from textgan import api, experiment, runtime
from textgan.data.sequences import Sequences
from textgan.losses.adversarial import discriminator_loss
from textgan.tracking import read_metrics

CPU = torch.device("cpu")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.accelerator.is_available(), reason="this machine has none"),
]


def accelerator() -> torch.device:
    return runtime.pick_device("auto")


def test_draws_are_those_of_the_cpu() -> None:
    for draw in (runtime.uniform, runtime.normal):
        drawn = []
        for device in (CPU, accelerator()):
            runtime.seed("gpu")
            drawn.append(draw(50, 30, device))
        assert drawn[1].device.type == accelerator().type
        torch.testing.assert_close(drawn[1].cpu(), drawn[0])


def test_texts_and_losses_are_those_of_the_cpu() -> None:
    here = players()
    there = [deepcopy(player).to(accelerator()) for player in here]
    texts, found = [], []
    for generator, _ in (here, there):
        runtime.seed("gpu")
        texts.append(generator.sample(500).to(CPU))
    alike = (texts[0].ids == texts[1].ids).all(dim=1).float().mean()
    assert alike > 0.98, "a draw near the border of two tokens may fall on either side, not more"
    for generator, discriminator in (here, there):
        fake = texts[0].to(generator.device)
        d = discriminator(Sequences(fake.ids, fake.eos))
        loss = discriminator_loss("minimax", d[:250], d[250:]) - generator.log_prob(fake).mean()
        loss.backward()
        weights = [*generator.parameters(), *discriminator.parameters()]
        found.append([loss.detach().cpu(), *(weight.grad.cpu() for weight in weights)])
    torch.testing.assert_close(found[1], found[0], rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_round_is_played_and_its_curve_is_that_of_the_cpu(precision: str, tmp_path: Path) -> None:
    curves = []
    for device in ("cpu", "auto"):
        tree = given(tmp_path, trainer={"device": device, "precision": precision})
        tree["generator"]["dropout"] = tree["discriminator"]["dropout"] = 0.0
        run = experiment.start("pretrain", tree, tmp_path / device, None)
        curves.append([row["nll"] for row in read_metrics(run) if "nll" in row][:2])
    assert curves[1] == pytest.approx(curves[0], rel=1e-2)
    game = experiment.start("adversarial", tree, tmp_path / "game", run)
    assert len(api.sample(game, 3)) == 3


@pytest.mark.parametrize("variant", WAITS)
def test_what_waits_is_played_too(variant: str, tmp_path: Path) -> None:
    tree: Any = varied(tmp_path, variant)
    tree["trainer"]["device"] = "auto"
    assert (experiment.start("adversarial", tree, tmp_path / "run", None) / "last").exists()
