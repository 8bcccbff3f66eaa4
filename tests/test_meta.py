"""Every method's updates on device ``meta``: what waits for an accelerator raises there.

A tensor there has a shape and no numbers. ``.item()``, ``.cpu()``, ``bool()``, ``nonzero``, shapes
that depend on numbers and most mixtures of devices raise. A list that becomes a tensor there is
caught below, as its way to an accelerator is waited for. Left out are scores, files and alarms:
they come now and then.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_resume_methods import recipe
from textgan import cast, config, experiment, runtime
from textgan.config import Tree
from textgan.methods import METHODS
from textgan.optimizers import OPTIMIZERS
from textgan.trainer import Trainer

META = torch.device("meta")
FAST = {"seqgan", "pg_bleu", "gsgan"}
RNN = {"name": "rnn", "hidden_size": 8}
VARIANTS: dict[str, tuple[str, Tree]] = {
    "every second prefix": ("seqgan", {"method": {"rollout_every": 2}}),
    "leave one out": ("seqgan", {"method": {"baseline": "leave_one_out", "entropy_bonus": 0.1}}),
    "prefix": ("seqgan", {"method": {"baseline": "prefix", "rollout_every": 2}}),
    "group": ("seqgan", {"method": {"baseline": "group_std", "reward": "js"}}),
    "a critic": ("seqgan", {"method": {"baseline": "critic", "critic_size": 4, "clip_ratio": 0.2}}),
    "all tokens": (
        "seqgan",
        {"method": {"values": "all_tokens"}, "discriminator": {"name": "projection"}},
    ),
    "penalties": (
        "seqgan",
        {
            "method": {"gradient_penalty": 1.0, "simplex_penalty": 1.0, "r1": 1.0, "r2": 1.0},
            "discriminator": {"name": "transformer", "hidden_size": 8, "heads": 2},
        },
    ),
    "spectral norm, noise": (
        "seqgan",
        {"method": {"instance_noise": 0.1}, "discriminator": {"spectral_norm": True}},
    ),
    "mixed training": ("maligan", {"method": {"prefix": 2, "prefix_step": 1, "completions": 2}}),
    "a transformer": ("ddo", {"generator": {"name": "transformer", "hidden_size": 8, "heads": 2}}),
    "gru, noise": ("mle", {"generator": {"name": "gru", "latent_size": 3}}),
    "a loss of tokens": ("gsgan", {"discriminator": {**RNN, "per_token": True, "positions": 4}}),
    "features of the mean": ("gsgan", {"method": {"feature_matching": 1.0}, "discriminator": RNN}),
    **{
        name: ("gsgan", {"method": {"estimator": name}})
        for name in ("straight_through", "rao_blackwell", "reinmax")
    },
}
"""Switches that the shipped configs leave as they are."""
WAITS = {"mixed training": "how many tokens are given depends on the longest text of the batch"}
"""What can't do without a look at numbers, and why."""


@pytest.fixture(autouse=True)
def on_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device of a run is ``meta``; its optimizers are the plain ones: fused ones lack it."""
    tensor = torch.tensor

    def watched(data: Any, **options: Any) -> Tensor:
        here = torch.device(options.get("device") or "cpu").type == "cpu"
        assert here or not data, "a list on its way to an accelerator is waited for"
        return tensor(data, **options)

    def watched_new(like: Tensor, data: Any, **options: Any) -> Tensor:
        return watched(data, dtype=like.dtype, device=like.device)

    monkeypatch.setattr(torch, "tensor", watched)
    monkeypatch.setattr(Tensor, "new_tensor", watched_new)
    monkeypatch.setattr(runtime, "pick_device", lambda name: META)
    monkeypatch.setattr(
        cast,
        "make_optimizer",
        lambda options, weights: OPTIMIZERS[options.algorithm](list(weights), lr=options.lr),
    )


def played(folder: Path, tree: Tree) -> Iterator[str]:
    """Play each phase's first update of each player."""
    tree["corpus"] |= {"max_length": 4}
    tree["trainer"] |= {"batch_size": 3}
    trainers: list[Trainer] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train", lambda trainer: trainers.append(trainer))
        if tree["pretrain"]:
            experiment.start("pretrain", tree, folder / "pretrain", None)
        if tree["adversarial"]:
            experiment.start("adversarial", tree | {"pretrain": []}, folder / "adversarial", None)
    for trainer in trainers:
        seen = set()
        for turn in trainer.turns():
            if (turn.phase, turn.player) not in seen:
                trainer.update(turn)
                seen.add((turn.phase, turn.player))
                yield turn.player
        assert trainer.cast.finite().is_meta, "weights moved elsewhere"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in METHODS],
)
def test_no_update_of_a_method_waits_for_the_device(name: str, tmp_path: Path) -> None:
    tree = recipe(tmp_path, name)
    assert set(played(tmp_path, tree)) >= set(METHODS[name].players(options(tree)))


def options(tree: Tree) -> Any:
    return config.check(METHODS[tree["method"]["name"]].Options, tree["method"])


@pytest.mark.slow
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in WAITS])
def test_no_switch_waits_for_the_device(variant: str, tmp_path: Path) -> None:
    assert "generator" in set(played(tmp_path, varied(tmp_path, variant)))


@pytest.mark.parametrize("variant", WAITS)
def test_what_is_known_to_wait_still_does(variant: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="meta"):
        list(played(tmp_path, varied(tmp_path, variant)))


def varied(folder: Path, variant: str) -> Tree:
    """One phase of the variant, its players each once."""
    name, over = VARIANTS[variant]
    tree = recipe(folder, name)
    tree["pretrain"], tree["adversarial"] = [], [{"steps": 1}]
    for section, keys in over.items():
        other = "name" in keys and keys["name"] != tree[section].get("name")
        tree[section] = dict(keys) if other else tree[section] | keys
    return tree
