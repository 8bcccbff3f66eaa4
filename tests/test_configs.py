"""Every shipped config, alone and in every combination, is a recipe; provenance is kept."""

from itertools import islice, product
from pathlib import Path

import pytest

from textgan.config import Tree, check, find, merge, read_yaml
from textgan.data.oracle import OracleOptions
from textgan.methods import METHODS
from textgan.methods.seqgan import SeqGANOptions
from textgan.phases import unroll, walk
from textgan.recipe import Recipe, Stage, method_of, optimizer_of

ROOT = Path(__file__).parent.parent
DATA = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("configs/data/*.yaml"))
METHOD_FILES = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("configs/methods/*.yaml"))
WHOLE = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("configs/*.yaml"))
CONTROLS = ["constant_reward", "random_reward", "frozen_discriminator", "mle_continued"]
COMBINATIONS = [*product(DATA, METHOD_FILES), *((path,) for path in (*WHOLE, *METHOD_FILES))]
OFFICIAL = "configs/methods/seqgan.yaml"


def recipe(*files: str) -> Recipe:
    tree: Tree = {}
    for file in files:
        merge(tree, read_yaml(file))
    return check(Recipe, tree)


def paper_of(path: str) -> str:
    """seqgan_short.yaml is SeqGAN with a smaller budget; a -scratch file begins with random weights
    where its paper begins with a download; an -as-coded file does what the official code does.
    """
    stem = Path(path).stem.removesuffix("_short")
    return stem.removesuffix("-scratch").removesuffix("-as-coded")


def test_there_is_a_config_for_every_method() -> None:
    assert {paper_of(p) for p in METHOD_FILES} == set(METHODS)
    assert len(DATA) >= 6


@pytest.mark.parametrize("files", COMBINATIONS, ids="+".join)
def test_every_shipped_config_is_a_recipe_whose_phases_play(files: tuple[str, ...]) -> None:
    loaded = recipe(*files)
    stages: tuple[Stage, Stage] = ("pretrain", "adversarial")
    for stage in stages:
        phases = getattr(loaded, stage)
        trains = {}
        for where, phase in walk(phases, stage):
            options = method_of(loaded, phase)
            trains[where] = METHODS[options.name].players(options)
            for player in trains[where]:
                optimizer_of(loaded, phase, player)
        played = list(islice(unroll(phases, stage, trains, 1000, loaded.trainer.batch_size), 9))
        assert bool(played) == bool(phases)


@pytest.mark.parametrize("path", DATA)
def test_a_data_config_says_nothing_of_the_method(path: str) -> None:
    tree = read_yaml(path)
    if set(tree["corpus"]) == {"oracle"}:  # its words are what they are
        assert set(tree) == {"corpus", "generator"}
        given = set(tree["corpus"]["oracle"])
        sizes = set(OracleOptions.model_fields) - {"path", "grammar", "categories"}
        sizes |= given & {"categories"}
        assert given == (sizes if "grammar" not in given else {"grammar", "seed", "texts"})
        return
    assert set(tree) == {"corpus", "tokenizer", "generator"}
    where = tree["corpus"]["path"]
    assert ".." not in where and not where.startswith("/")
    assert find(where).exists() == where.startswith("corpora/")


@pytest.mark.parametrize("path", METHOD_FILES)
def test_a_method_config_says_nothing_of_the_text(path: str) -> None:
    tree = read_yaml(path)
    assert not {"corpus", "tokenizer"} & set(tree)
    assert tree["method"]["name"] == paper_of(path)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_differs_from_seqgan_in_the_game_alone(name: str) -> None:
    control, seqgan = recipe(f"configs/methods/{name}.yaml"), recipe(OFFICIAL)
    for section in ("generator", "discriminator", "optimizers", "trainer", "pretrain"):
        assert getattr(control, section) == getattr(seqgan, section), section
    [mine], [theirs] = control.adversarial, seqgan.adversarial
    assert mine.steps == theirs.steps
    assert mine.players["generator"] == theirs.players["generator"]


def test_mle_is_seqgans_first_phase() -> None:
    mle, seqgan = recipe("configs/methods/mle.yaml"), recipe(OFFICIAL)
    assert mle.pretrain == seqgan.pretrain[:1]
    assert mle.optimizers["generator"] == seqgan.optimizers["generator"]
    assert mle.adversarial == []


def test_seqgan_is_the_official_recipe() -> None:
    official = recipe(OFFICIAL)
    assert official.method == SeqGANOptions(rollouts=16, reduction="sum", output_l2=0.2)
    generator, discriminator = official.generator.model_dump(), official.discriminator.model_dump()
    assert (generator["embedding_size"], generator["hidden_size"]) == (32, 32)
    assert sum(discriminator["filters"]) == 1_720
    rates = {name: (o.lr, o.clip) for name, o in official.optimizers.items()}
    assert rates == {"generator": (0.01, 5.0), "discriminator": (0.0001, None)}


@pytest.mark.parametrize("path", [OFFICIAL])
def test_every_number_of_the_official_recipe_has_its_source(path: str) -> None:
    for line in (ROOT / path).read_text(encoding="utf-8").splitlines():
        if any(c.isdigit() for c in line.split("#")[0]):
            assert "#" in line, line
