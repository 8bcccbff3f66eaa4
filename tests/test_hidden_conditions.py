"""By the commands: methods whose texts are made from noise or labels, on a known language."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.short_run import differences, end_state
from tests.test_resume import stopped
from textgan import api, config, density
from textgan.config import Tree

ROOT = Path(__file__).parent.parent
LABELLED = {"sentigan"}
SMALL = """
corpus: {oracle: {vocabulary: 6, length: 5, embedding_size: 3, hidden_size: 3, texts: 40}}
generator: {embedding_size: 4, hidden_size: 6}
discriminator: {embedding_size: 4, widths: [1, 2], filters: [3, 3]}
trainer: {batch_size: 8, validation_samples: 20, shown_samples: 1, device: cpu}
pretrain: [{method: mle, steps: 2}]
adversarial:
  - {steps: 4, every: {evaluate: 1}, players: {discriminator: {updates: 1}, generator: {}}}
"""
OWN = {
    "textgan": "generator: {latent_size: 3}\n",
    "wgan_gp": "generator: {latent_size: 3}\n",
    "sentigan": "method: {rollouts: 1}\n",
}
each = pytest.mark.parametrize("name", list(OWN))


def files(name: str, folder: Path) -> list[Path]:
    """The shipped files of data and method, and a tiny one over them."""
    small = folder / f"{name}-small.yaml"
    tree = config.read_yaml(write(folder / "small-base.yaml", SMALL))
    config.merge(tree, config.read_yaml(write(folder / "small-own.yaml", OWN[name])))
    write(small, config.to_yaml(tree))
    data = "oracle_labelled" if name in LABELLED else "oracle"
    return [ROOT / f"configs/data/{data}.yaml", ROOT / f"configs/methods/{name}.yaml", small]


def write(place: Path, text: str) -> str:
    place.write_text(text, "utf-8")
    return str(place)


def tree_of(name: str, folder: Path) -> Tree:
    return api.load(*files(name, folder))


@each
def test_the_commands_play_score_and_sample_it(name: str, textgan: Command, tmp_path: Path) -> None:
    given = files(name, tmp_path)
    for stage in ("pretrain", "adversarial"):
        result = textgan(stage, *given, "--name", name)
        assert result.code == 0, result.err
        noisy = f"corpus.oracle: {density.NOTE}" in result.err
        assert noisy == (stage == "adversarial" and name not in LABELLED)
    run = tmp_path / "runs" / f"{name}-adversarial-1"
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    scores = {row["turn"]: row["jsd"] for row in rows if "jsd" in row}
    assert len(scores) > 2
    best = min(scores, key=scores.__getitem__)
    assert (run / "best").readlink() == Path(f"checkpoint-{best:06d}")
    shown = textgan("evaluate", run)
    assert shown.code == 0 and "JSD" in shown.out
    assert (density.STAMP in shown.out) == (density.NOTE in shown.err) == (name not in LABELLED)
    assert textgan("sample", run, "--count", 2).code == 0


@each
def test_a_stopped_game_ends_alike_and_scoring_moves_nothing(name: str, tmp_path: Path) -> None:
    tree = tree_of(name, tmp_path)
    source = api.train("pretrain", tree, run=tmp_path / "source")
    whole = api.train("adversarial", tree, run=tmp_path / "whole", source=source)
    again = stopped("adversarial", tree, tmp_path / "again", source, [1, 3])
    assert differences(end_state(again), end_state(whole)) == []
    seldom = config.merge(tree, {"trainer": {"validation_samples": 3}})
    other = api.train("adversarial", seldom, run=tmp_path / "seldom", source=source)
    weights = "last/generator/model.safetensors", "last/discriminator/model.safetensors"
    for file in weights:
        assert (other / file).read_bytes() == (whole / file).read_bytes()


def test_figures_of_a_mixture_and_by_prefix_are_there_those_of_noise_are_not(
    tmp_path: Path,
) -> None:
    tables: dict[str, list[Any]] = {}
    for name in ("sentigan", "wgan_gp"):
        tree = tree_of(name, tmp_path)
        run = api.train("pretrain", tree, run=tmp_path / name)
        tables[name] = list(api.evaluate(run))
    itself, floor, row = tables["sentigan"]
    assert itself.figures["JSD"].value == pytest.approx(0, abs=1e-6)
    assert all(value is not None for value in {**row.figures, **floor.figures}.values())
    assert "|bounds:" not in row.protocol
    itself, floor, row = tables["wgan_gp"]
    absent = {name for name, value in row.figures.items() if value is None}
    assert absent == {"KL(p||g) by prefix", "KL(g||p) by prefix"}
    assert "|bounds:" in row.protocol and "|bounds:" not in itself.protocol + floor.protocol


def test_labels_that_are_not_there_or_others_are_told(textgan: Command, tmp_path: Path) -> None:
    small = files("sentigan", tmp_path)
    result = textgan("pretrain", ROOT / "configs/data/oracle.yaml", *small[1:])
    assert (result.code, result.err.splitlines()[-1]) == (
        2,
        "error: corpus.oracle.categories: the generator has 2 categories, the oracle's texts no "
        "labels; set it to 2, or take configs/data/oracle_labelled.yaml",
    )
    grammar = ("--corpus.oracle.grammar", ROOT / "corpora/grammar_en.pcfg")
    result = textgan("pretrain", ROOT / "configs/data/oracle.yaml", *small[1:], *grammar)
    assert (result.code, result.err.splitlines()[-1]) == (
        2,
        "error: generator.categories: 2, but corpus.oracle.grammar is one language without labels; "
        "set it to 0 (another generator), or take configs/data/oracle_labelled.yaml",
    )
    result = textgan("pretrain", *small, "--corpus.oracle.categories", 3)
    assert (result.code, result.err.splitlines()[-1]) == (
        2,
        "error: generator.categories: 2, but corpus.oracle.categories has 3 labels (0, 1, 2); set "
        "it to 3",
    )
