"""Every method, stopped inside its loops and resumed, ends bit for bit where it would have ended;
`sample` and transformers load the generator that it leaves behind.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.short_run import differences, end_state, given, write_corpus
from tests.test_configs import METHOD_FILES, paper_of
from tests.test_resume import stopped, watch
from textgan import api, config, experiment
from textgan.config import Tree
from textgan.methods import METHODS
from textgan.phases import Turn
from textgan.trainer import Trainer

FILES = {
    name: min((file for file in METHOD_FILES if paper_of(file) == name), key=len)
    for name in METHODS
}
FAST = {"scratchgan", "ddo", "textgan"}
"""One a family stays in the fast suite; seqgan plays in tests/test_resume.py, leakgan below."""
FEW = {
    "steps": 2,
    "repeat": 2,
    "updates": 2,
    "pool": 16,
    "rounds": 1,
    "batch_size": 8,
    "size": 12,  # of a replay
    "rollouts": 1,
    "references": 2,
    "embedding_size": 8,
    "hidden_size": 8,
    "mediator_size": 8,
    "head_size": 4,
    "latent_size": 3,
    "goal_size": 3,
    "horizon": 2,
    "representations": 2,
    "positions": 4,
    "layers": 1,
}
"""The largest number that a key keeps."""
WIDTHS = {"widths": [1, 2], "filters": [3, 3]}


def small(tree: Any) -> Any:
    """A recipe's tree with tiny sizes and short loops, its switches as they are."""
    if isinstance(tree, list):
        return [small(part) for part in tree]
    if not isinstance(tree, dict):
        return tree
    found = {
        key: min(value, FEW[key]) if key in FEW and isinstance(value, int) else small(value)
        for key, value in tree.items()
        if key not in ("every", "patience")
    }
    if "pool" in found:
        found["epochs"] = min(found.get("epochs", 1), 2)
    elif "epochs" in found:
        found["steps"] = min(found.pop("epochs"), 2)
    return found | {key: WIDTHS[key] for key in WIDTHS.keys() & found.keys()}


def recipe(folder: Path, name: str) -> Tree:
    """The method's shipped config, small, over the short run's."""
    tree = small(config.read_yaml(FILES[name]))
    sizes = {"transformer": {"hidden_size": 8, "heads": 2, "layers": 1}}
    for player in ("generator", "discriminator"):
        if player in tree:
            tree[player] |= sizes.get(tree[player]["name"], {})
    if name == "sentigan":
        lines = write_corpus(folder / "corpus.txt").read_text("utf-8").splitlines()
        rows = [{"text": line, "mood": "ab"[i % 2]} for i, line in enumerate(lines)]
        place = folder / "labelled.jsonl"
        place.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        tree["corpus"] = {"path": str(place), "label_column": "mood"}
    return given(folder, **{"pretrain": [], "adversarial": []} | tree)


def inside(played: list[Turn]) -> Iterator[int]:
    """Turns to stop behind: between players, in a pool, between one player's updates."""
    kinds: dict[str, list[int]] = {}
    for a, b in pairwise(played):
        if not b.begins:
            kind = "between players" if a.player != b.player else b.draw
            kinds.setdefault(kind, []).append(a.number)
    yield from sorted(places[len(places) // 2] for places in kinds.values())


def check(folder: Path, tree: Tree) -> Path:
    """Play, stop, resume, compare; the run that was stopped."""
    stage = "adversarial" if tree["adversarial"] else "pretrain"
    source = None
    if stage == "adversarial" and tree["pretrain"]:
        source = experiment.start("pretrain", tree, folder / "pretrained", None)
    played: list[Turn] = []
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, lambda trainer, turn: played.append(turn))
        whole = experiment.start(stage, tree, folder / "whole", source)
    stops = list(inside(played))
    assert stops
    run = stopped(stage, tree, folder / "stopped", source, stops)
    assert differences(end_state(run), end_state(whole)) == []
    return run


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in METHODS],
)
def test_a_method_resumes_and_its_generator_is_loaded(name: str, tmp_path: Path) -> None:
    loaded(check(tmp_path, recipe(tmp_path, name)))


def test_leakgan_with_an_average_and_earlier_samples_resumes(tmp_path: Path) -> None:
    tree = recipe(tmp_path, "leakgan")
    tree["optimizers"]["generator"]["average"] = 0.7
    tree["pretrain"], tree["adversarial"][0]["repeat"] = [], 1
    *_, phase = tree["adversarial"][0]["phases"]
    phase["players"]["discriminator"]["replay"] = {"size": 12}
    loaded(check(tmp_path, tree))


def loaded(run: Path) -> None:
    """The generator writes for us and for transformers."""
    texts = api.sample(run, 3)
    assert len(texts) == 3 and texts == api.sample(run, 3)
    model = AutoModelForCausalLM.from_pretrained(run / "last" / "generator")
    start = torch.tensor([[model.config.bos_token_id]] * 2)
    torch.manual_seed(0)
    found = model.generate(start, attention_mask=torch.ones_like(start))
    assert found.shape[0] == 2 and 1 < found.shape[1] <= model.config.length + 1


@pytest.mark.parametrize(("said", "expected"), [(None, 38), (1000, 1000)])
def test_jsdgan_counts_the_training_texts_itself(
    tmp_path: Path, said: int | None, expected: int
) -> None:
    tree = recipe(tmp_path, "jsdgan")
    tree["method"]["texts"] = said
    trainers: list[Trainer] = []
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, lambda trainer, turn: trainers.append(trainer))
        experiment.start("adversarial", tree, tmp_path / "run", None)
    trainer = trainers[0]
    [method] = trainer.cast.methods.values()
    assert method.texts == expected
    assert said or len(trainer.corpus) == expected
