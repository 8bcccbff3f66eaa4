"""Labelled texts from the file to the words on the screen: a generator with a category for each."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from textgan import api, config, evaluation
from textgan.config import Tree
from textgan.errors import UserError

GLAD, SAD = ("sun", "song", "spring"), ("rain", "grave", "night")
ROWS = [
    {"text": f"the {one} {verb} {how} the {two}", "mood": mood}
    for mood, words in (("glad", GLAD), ("sad", SAD))
    for one in words
    for two in words
    for verb in ("is", "was")
    for how in ("near", "far from", "like")
]
SIZES = {"embedding_size": 6, "hidden_size": 12, "init_std": 0.3}


def write(folder: Path, rows: list[dict[str, str]]) -> str:
    place = folder / "moods.jsonl"
    place.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return str(place)


def recipe(folder: Path, generator: Tree, **sections: Any) -> Tree:
    """A tiny game with labelled texts."""
    own: Tree = {
        "corpus": {"path": write(folder, ROWS), "label_column": "mood", "max_length": 10},
        "tokenizer": {"name": "word", "size": 50},
        "generator": {**generator},
        "discriminator": {"name": "cnn", "embedding_size": 4, "widths": [1], "filters": [4]},
        "method": {"name": "seqgan", "rollouts": 1},
        "optimizers": {"generator": {"lr": 2e-2}, "discriminator": {"lr": 1e-2}},
        "trainer": {"batch_size": 32, "validation_samples": 6, "shown_samples": 1},
        "pretrain": [{"method": "mle", "steps": 90, "every": {"evaluate": 45}}],
        "adversarial": [{"steps": 1, "optimizers": {"generator": {"lr": 1e-4}}}],
    }
    return config.merge(api.load(**own), sections)


SENTIGAN: Tree = {
    "method": {"name": "sentigan", "rollouts": 1},
    "discriminator": {"classes": 3},
}
MIXTURE = {"name": "mixture", "categories": 2, **SIZES}
TRANSFORMER = {"name": "transformer", "categories": 2, "hidden_size": 16, "heads": 2, "layers": 1}


def moods(texts: list[str]) -> tuple[int, int]:
    """How many glad and sad words the texts have."""
    words = " ".join(texts).split()
    return sum(w in GLAD for w in words), sum(w in SAD for w in words)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of SentiGAN."""
    folder = tmp_path_factory.mktemp("sentigan")
    tree = recipe(folder, MIXTURE, **SENTIGAN)
    pretrained = api.train("pretrain", tree, run=folder / "p")
    return api.train("adversarial", tree, run=folder / "a", source=pretrained)


def test_sentigan_writes_texts_of_the_label_that_is_asked_for(played: Path) -> None:
    glad, sad = (moods(api.sample(played, 40, category=name)) for name in ("glad", "sad"))
    assert glad[0] > 30 and glad[0] > 8 * glad[1]
    assert sad[1] > 30 and sad[1] > 8 * sad[0]
    assert api.sample(played, 5, category="sad") == api.sample(played, 5, category="1")
    both = moods(api.sample(played, 40))
    assert min(both) > 10, "without a wish, either"


def test_a_run_of_sentigan_is_scored_and_resumed_like_any_other(played: Path) -> None:
    lines = (played / "metrics.jsonl").read_text("utf-8").splitlines()
    found = {key for line in lines for key in json.loads(line)}
    assert {"g_loss", "penalty", "d_loss", "d_accuracy", "class_accuracy"} <= found
    assert {"bleu4", "backward_bleu4", "harmonic_bleu4"} <= found
    row = api.evaluate(played)[1]
    assert isinstance(row, evaluation.Row)
    assert row.figures["NLL_test"] is not None and row.figures["NLL_test"].value < 1.5
    assert api.resume(played) == played, "nothing is left to do"


def test_a_generator_without_categories_leaves_figures_of_them_out_and_says_so(
    tmp_path: Path, textgan: Command
) -> None:
    tree = recipe(tmp_path, {"name": "lstm", **SIZES})
    tree["pretrain"] = [{"method": "mle", "steps": 2}]
    run = api.train("pretrain", tree, run=tmp_path / "p")
    result = textgan("evaluate", run, "--metrics", "categories")
    name = f"p/{(run / 'best').resolve().name}"
    assert result.code == 0
    assert (
        f"warning: categories: left out; it needs texts of a category, which {name} doesn't write; "
        "train with generator.categories\n"
    ) in result.err


def test_the_command_names_the_categories_there_are(played: Path, textgan: Command) -> None:
    result = textgan("sample", played, "--category", "sad", "--count", 2)
    assert result.code == 0
    assert result.out.strip() == "\n\n".join(api.sample(played, 2, category="sad"))
    result = textgan("sample", played, "--category", "angry")
    assert (result.code, result.err) == (
        2,
        "error: --category: no 'angry'; there are glad (0), sad (1)\n",
    )
    assert "no '2'; there are" in textgan("sample", played, "--category", 2).err


def test_a_model_of_one_kind_knows_no_category(made: Path, textgan: Command) -> None:
    result = textgan("sample", made / "runs" / "small-adversarial-1", "--category", 0)
    assert (result.code, result.err) == (
        2,
        "error: --category: this model's texts are all of one kind; leave it out\n",
    )


def test_one_transformer_for_all_labels_under_another_method(tmp_path: Path) -> None:
    tree = recipe(tmp_path, TRANSFORMER)
    pretrained = api.train("pretrain", tree, run=tmp_path / "p")
    run = api.train("adversarial", tree, run=tmp_path / "a", source=pretrained)
    glad, sad = (moods(api.sample(run, 40, category=name)) for name in ("glad", "sad"))
    assert glad[0] > 5 * glad[1] and sad[1] > 5 * sad[0]


def test_a_label_of_digits_is_meant_before_a_number(tmp_path: Path) -> None:
    rows = [{"text": row["text"], "mood": {"glad": "1", "sad": "2"}[row["mood"]]} for row in ROWS]
    tree = recipe(tmp_path, MIXTURE)
    write(tmp_path, rows)
    run = api.train("pretrain", tree, run=tmp_path / "p")
    glad, sad = moods(api.sample(run, 20, category="1"))
    assert glad > 5 * sad
    assert api.sample(run, 3, category="0") == api.sample(run, 3, category="1")


def test_labels_come_as_often_as_among_the_training_texts(tmp_path: Path) -> None:
    tree = recipe(tmp_path, MIXTURE)
    tree["pretrain"] = [{"method": "mle", "steps": 90, "every": {"evaluate": 90}}]
    rows = [row for i, row in enumerate(ROWS) if row["mood"] == "glad" or i % 6 == 0]
    write(tmp_path, rows)
    run = api.train("pretrain", tree, run=tmp_path / "p")
    config = json.loads((run / "last" / "generator" / "config.json").read_text("utf-8"))
    assert config["labels"] == ["glad", "sad"]
    glad, sad = config["shares"]
    assert glad + sad == pytest.approx(1) and 0.8 < glad < 0.9
    found = moods(api.sample(run, 120))
    share = found[0] / sum(found)
    assert share > glad - 4 * (glad * sad / 120) ** 0.5 > 0.5 + 0.1  # 0.5 if all are alike
    assert min(moods(api.sample(run, 20, category="sad"))) < 3, "but what is asked for comes"


WRONG = {
    "too few": (
        {"categories": 3},
        {},
        "generator.categories: 3, but corpus.label_column 'mood' has 2 labels (glad, sad); set it "
        "to 2",
    ),
    "no labels": (
        {},
        {"corpus": {"label_column": None}},
        "corpus.label_column: the generator has 2 categories, the texts no labels; name the column "
        "that has them",
    ),
    "classes": (
        {},
        {"discriminator": {"classes": 2}},
        "discriminator.classes: 2, but sentigan tells 2 labels (generator.categories) and "
        "generated texts apart; set discriminator.name to cnn and discriminator.classes to 3",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_said_before_anything_is_trained(case: str, tmp_path: Path) -> None:
    generator, changes, expected = WRONG[case]
    sections = {key: SENTIGAN.get(key, {}) | changes.get(key, {}) for key in SENTIGAN | changes}
    tree = recipe(tmp_path, MIXTURE | generator, **sections)
    tree["pretrain"] = [{"steps": 1}]
    with pytest.raises(UserError) as error:
        api.train("pretrain", tree, run=tmp_path / "run")
    assert str(error.value) == expected
