"""bf16 training is fp32 training but for rounding: gradients, loss curves, resume, every method.

How far apart they may be: the cosine of a player's two gradients is above 0.99 and their norms
differ by less than 5 %; losses along a short seeded run differ by less than 1 %.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests import test_resume_methods as small
from tests.short_run import given
from textgan import config, experiment, runtime, trainer
from textgan.config import Tree, check
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.errors import UserError
from textgan.generators import GENERATORS
from textgan.generators.base import Generator
from textgan.losses.matching import squared_mmd
from textgan.losses.regularizers import squared_slope
from textgan.methods import METHODS, Method
from textgan.phases import Turn
from textgan.precision import Precision, computing, in_fp32, narrowed, widened
from textgan.recipe import Recipe
from textgan.tracking import read_metrics

CPU = torch.device("cpu")
FAST = {"seqgan", "wgan_gp", "textgail"}
"""Rollouts, penalties of gradients, attention."""
LOOSER = {"textgan generator": (0.9, 0.2)}
"""Its tokens are softmax(1000 o), which multiplies the rounding of o by 1000 as well."""
SIZES = {"batch_size": 32, "rollouts": 4, "embedding_size": 32, "hidden_size": 32, "head_size": 16}
SIZES |= {"representations": 8, "positions": 8, "goal_size": 8}
"""A filter's largest response is another window's where two are alike: of few filters one is many,
and LeakGAN's rewards are ranks in a batch.
"""


def without_dropout(tree: Any) -> Any:
    """A mask is drawn in the precision of what it falls on: two precisions would have two."""
    if isinstance(tree, list):
        return [without_dropout(part) for part in tree]
    if not isinstance(tree, dict):
        return tree
    return {key: 0.0 if "dropout" in key else without_dropout(v) for key, v in tree.items()}


def recipe(folder: Path, name: str) -> Tree:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small, "FEW", small.FEW | SIZES)
        patch.setattr(small, "WIDTHS", {"widths": [2, 3], "filters": [40, 40]})
        tree = without_dropout(small.recipe(folder, name))
    tree["trainer"] |= {"precision": "bf16"}
    return tree


def play(folder: Path, tree: Tree) -> None:
    stage: Any = "adversarial" if tree["adversarial"] else "pretrain"
    source = None
    if stage == "adversarial" and tree["pretrain"]:
        source = experiment.start("pretrain", tree, folder / "pretrained", None)
    experiment.start(stage, tree, folder / "run", source)


class Compared:
    """Stands in for ``gradients.backward``: takes both gradients, leaves that of bf16."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.plain = trainer.backward
        self.found: dict[str, list[tuple[float, float]]] = {}
        patch.setattr(trainer, "backward", self)

    def __call__(
        self,
        turn: Turn,
        method: Method,
        real: Sequences,
        fake: Sequences,
        parts: int,
        note: Any,
        lowered: Any,
    ) -> None:
        before = {key: value.clone() for key, value in method.own_state().items()}
        gradients = []
        for precision in ("fp32", "bf16"):
            with torch.no_grad():  # power iterations go on
                for key, value in method.own_state().items():
                    value.copy_(before[key])
            runtime.seed("compared", turn.number)
            context = computing(precision, CPU)
            texts = fake
            if method.relaxes:  # their graph serves one gradient
                with context:
                    texts = method.play(real, turn.progress)
            player = getattr(method, turn.player)
            player.zero_grad()
            told = note if precision == "bf16" else lambda loss: None
            self.plain(turn, method, real, texts, parts, told, context)
            gradients.append(flat(player))
        a, b = gradients
        cosine = float(a @ b / (a.norm() * b.norm()))
        key = f"{method.options.name} {turn.player}"
        self.found.setdefault(key, []).append((cosine, float(b.norm() / a.norm())))


def flat(player: nn.Module) -> Tensor:
    """A player's whole gradient, (N,)."""
    given = [p.grad if p.grad is not None else torch.zeros_like(p) for p in player.parameters()]
    return torch.cat([gradient.flatten() for gradient in given]).double()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in METHODS],
)
def test_gradients_are_those_of_fp32_but_for_rounding(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = Compared(monkeypatch)
    play(tmp_path, recipe(tmp_path, name))
    assert compared.found
    for key, pairs in compared.found.items():
        for cosine, ratio in pairs:
            least, most = LOOSER.get(key, (0.99, 0.05))
            assert cosine > least and abs(ratio - 1) < most, (key, pairs)


CURVES: dict[str, Tree] = {
    "mle": {"method": "mle"},
    "seqgan": {"method": {"name": "seqgan", "rollouts": 2, "reduction": "mean"}},
    "gsgan": {"method": {"name": "gsgan"}},
}


def curve(folder: Path, name: str, precision: Precision) -> list[dict[str, float]]:
    """Losses, each the mean of 20 turns."""
    phase = {"steps": 60, "every": {"evaluate": 60}, **CURVES[name]}
    tree = without_dropout(given(folder, pretrain=[phase]))
    optimizers = {"generator": {"lr": 1e-2}, "discriminator": {"lr": 1e-3}}
    trained = {"generator": {"hidden_size": 32}, "trainer": {"precision": precision}}
    config.merge(tree, trained | {"optimizers": optimizers})
    rows = read_metrics(experiment.start("pretrain", tree, folder / precision, None))
    losses = [{key: row[key] for key in row if key in ("nll", "g_loss", "d_loss")} for row in rows]
    return [row for row in losses if row]


@pytest.mark.parametrize(
    "name", ["mle", *(pytest.param(name, marks=pytest.mark.slow) for name in ("seqgan", "gsgan"))]
)
def test_loss_curves_are_those_of_fp32_but_for_rounding(name: str, tmp_path: Path) -> None:
    expected, found = (curve(tmp_path, name, precision) for precision in ("fp32", "bf16"))
    assert len(expected) >= 3 and expected != found
    assert found == [pytest.approx(row, rel=1e-2) for row in expected]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "scratchgan" else pytest.mark.slow)
        for name in METHODS
    ],
)
def test_every_method_resumes_bit_for_bit(name: str, tmp_path: Path) -> None:
    tree = small.recipe(tmp_path, name)
    tree["trainer"] |= {"precision": "bf16"}
    run = small.check(tmp_path, tree)
    assert "precision: bf16" in (run / "last" / "run.yaml").read_text()


def test_what_players_tell_is_fp32() -> None:
    generator, discriminator = players()
    with computing("bf16", CPU):
        drawn = generator.sample(6)
        log_prob, logits = generator.log_prob(drawn), generator.logits(drawn)
        told = [
            discriminator(drawn),
            discriminator.judge(drawn),
            *generator.step(*first(generator))[1],
        ]
        assert (torch.eye(2) @ torch.eye(2)).dtype == torch.bfloat16
    assert {x.dtype for x in (log_prob, logits, drawn.log_prob, *told)} == {torch.float32}
    # a draw and its likelihood agree, which ratios of policies are made of
    assert (log_prob - drawn.log_prob).abs().max() < 2e-3
    assert (
        logits.log_softmax(dim=2).gather(2, drawn.ids[..., None])[..., 0] * drawn.mask - log_prob
    ).abs().max() < 1e-5


def test_penalties_and_distances_are_those_of_fp32() -> None:
    _, discriminator = players()
    points, table = torch.randn(4, 6, 8), discriminator.embedding.weight
    texts = Sequences(torch.ones(4, 6, dtype=torch.long), None)

    def all_of_them() -> list[Tensor]:
        def judge(x: Tensor) -> Tensor:
            return discriminator.head(discriminator.read(x, texts))

        slopes = [squared_slope(judge, points, t) for t in (None, table)]
        return [*slopes, squared_mmd(points, points + 0.1, [2.0])]

    expected = all_of_them()
    with computing("bf16", CPU):
        found = all_of_them()
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_fp64_stays_fp64() -> None:
    x = torch.randn(2, 2, dtype=torch.float64)
    assert widened(x) is x and narrowed(x) is x
    assert torch.equal(in_fp32(torch.mm)(x, x), x @ x)


def test_another_precision_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        check(Recipe, {"trainer": {"precision": "bf17"}})
    assert str(caught.value) == "trainer.precision: Input should be 'fp32' or 'bf16', got 'bf17'"
    assert Recipe().trainer.precision == "fp32"


def players() -> tuple[Generator, CNNDiscriminator]:
    torch.manual_seed(0)
    sizes = {"vocab_size": 12, "length": 6, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    kind = GENERATORS["lstm"]
    generator = kind(kind.config_class(**sizes, never=[0, 1], options={"name": "lstm"}))
    options = {"embedding_size": 8, "widths": [2, 3], "filters": [5, 5], "dropout": 0.0}
    return generator, CNNDiscriminator(CNNConfig(vocab_size=12, options=options))


def first(generator: Generator) -> tuple[Tensor, Any]:
    return torch.full((3,), 1), generator.start(3)
