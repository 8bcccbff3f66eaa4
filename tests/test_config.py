"""Layers, overrides, and mistakes told in the user's own words: the texts are the assertions."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from textgan import config
from textgan.config import Tree, check, dump, explain, merge, parse_overrides, read_yaml
from textgan.discriminators import DISCRIMINATORS
from textgan.errors import UserError
from textgan.optimizers import OptimizerOptions
from textgan.recipe import Recipe, method_of, optimizer_of


def problems(tree: Tree) -> list[str]:
    with pytest.raises(UserError) as caught:
        check(Recipe, tree)
    return str(caught.value).splitlines()


def problem(call: Any, *arguments: Any) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    return str(caught.value)


# Layers


def test_layers_merge_left_to_right() -> None:
    first = {"trainer": {"seed": 1, "batch_size": 8}, "pretrain": [{"steps": 1}, {"steps": 2}]}
    second = {"trainer": {"seed": 2}, "pretrain": [{"steps": 3}]}
    assert merge(merge({}, first), second) == {
        "trainer": {"seed": 2, "batch_size": 8},
        "pretrain": [{"steps": 3}],  # lists are replaced, not joined
    }
    assert first["trainer"] == {"seed": 1, "batch_size": 8}  # the layer itself stays as it was


def test_another_variant_drops_the_old_ones_keys() -> None:
    under = {"method": {"name": "seqgan", "rollouts": 4}, "trainer": {"seed": 1}}
    assert merge(under, {"method": {"name": "mle"}}) == {
        "method": {"name": "mle"},
        "trainer": {"seed": 1},
    }


def test_the_same_variant_keeps_its_keys() -> None:
    under = {"method": {"name": "seqgan", "rollouts": 4}}
    over = {"method": {"name": "seqgan", "reduction": "mean"}}
    assert merge(under, over)["method"] == {"name": "seqgan", "rollouts": 4, "reduction": "mean"}


# Command line


def test_overrides_are_dotted_keys_with_yaml_values() -> None:
    line = (
        "a.yaml --trainer.seed 7 b.yaml --trainer.device=cpu --generator.tied true "
        "--corpus.validation_path null --discriminator.widths [1,2] --corpus.path a=b"
    )
    files, tree = parse_overrides(line.split())
    assert files == ["a.yaml", "b.yaml"]
    assert tree == {
        "trainer": {"seed": 7, "device": "cpu"},
        "generator": {"tied": True},
        "corpus": {"validation_path": None, "path": "a=b"},
        "discriminator": {"widths": [1, 2]},
    }


def test_what_yaml_takes_for_text_becomes_a_number() -> None:
    _, tree = parse_overrides(["--optimizers.generator.lr", "1e-4"])
    assert tree["optimizers"]["generator"]["lr"] == "1e-4"  # so says YAML 1.1
    recipe = check(Recipe, tree)
    assert recipe.optimizers["generator"].lr == 0.0001


def test_a_value_that_is_no_yaml_is_text() -> None:
    assert parse_overrides(["--corpus.path", "a: [b"])[1] == {"corpus": {"path": "a: [b"}}


@pytest.mark.parametrize("rest", [[], ["--trainer.device", "cpu"]])
def test_an_override_needs_a_value(rest: list[str]) -> None:
    text = problem(parse_overrides, ["--trainer.seed", *rest])
    assert text == "--trainer.seed: needs a value, as in --trainer.seed VALUE"


# Files


def test_a_file_that_is_not_there() -> None:
    text = problem(read_yaml, "no/such.yaml")
    assert text.startswith("no/such.yaml: no such config file; shipped ones: configs/")
    assert "configs/methods/seqgan.yaml" in text


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("trainer:\n  seed: 1\n device: cpu\n", encoding="utf-8")
    expected = f"{path}, line 3: expected <block end>, but found '<block mapping start>'"
    assert problem(read_yaml, str(path)) == f"{expected}; mend the YAML there"


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n- 2\n", encoding="utf-8")
    expected = f"{path}: must hold 'key: value' pairs at its top level"
    assert problem(read_yaml, str(path)) == expected


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing yet\n", encoding="utf-8")
    assert read_yaml(str(path)) == {}


def test_the_users_file_goes_before_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "configs/methods/seqgan.yaml"
    assert read_yaml(name)["method"]["name"] == "seqgan"
    (tmp_path / "configs/methods").mkdir(parents=True)
    (tmp_path / name).write_text("name: mine\n", encoding="utf-8")
    assert read_yaml(name) == {"name": "mine"}


# Mistakes


def test_an_unknown_key_with_and_without_a_near_one() -> None:
    assert problems({"generator": {"name": "lstm", "hiden_size": 3}}) == [
        "generator: unknown key 'hiden_size'; did you mean 'hidden_size'?"
    ]
    assert problems({"trainr": {}}) == ["unknown key 'trainr'; did you mean 'trainer'?"]
    assert problems({"trainer": {"xyzzy": 1}}) == [
        "trainer: unknown key 'xyzzy'; --list-config shows every key"
    ]


def test_all_mistakes_at_once() -> None:
    tree = {
        "generator": {"name": "lstm", "hiden_size": 3, "dropout": 2},
        "trainer": {"device": "tpu"},
        "method": {"name": "seqgan", "rolouts": 4},
        "pretrain": [
            {"stps": 3},
            {"players": {"generator": {"updats": 1}}},
            {"phases": [{"evry": {}}, {"every": {"evalute": 1}}]},
        ],
        "optimizers": {"generator": {"lr": -1, "beta": 1}},
    }
    assert sorted(problems(tree)) == [
        "generator.dropout: Input should be less than 1, got 2",
        "generator: unknown key 'hiden_size'; did you mean 'hidden_size'?",
        "method: unknown key 'rolouts'; did you mean 'rollouts'?",
        "optimizers.generator.lr: Input should be greater than 0, got -1",
        "optimizers.generator: unknown key 'beta'; did you mean 'betas'?",
        "pretrain[0]: unknown key 'stps'; did you mean 'steps'?",
        "pretrain[1].players.generator: unknown key 'updats'; did you mean 'updates'?",
        "pretrain[2].phases[0]: unknown key 'evry'; did you mean 'every'?",
        "pretrain[2].phases[1].every: unknown key 'evalute'; did you mean 'evaluate'?",
        "trainer.device: Input should be 'auto', 'cpu', 'cuda' or 'mps', got 'tpu'",
    ]


def test_a_switch_of_another_variant_is_an_unknown_key() -> None:
    assert problems({"method": {"name": "mle", "rollouts": 4}}) == [
        "method: unknown key 'rollouts'; --list-config shows every key"
    ]


def test_an_unknown_method() -> None:
    assert problems({"method": {"name": "segan"}}) == [
        "method.name: there is no 'segan'; did you mean 'seqgan'?"
    ]
    assert problems({"discriminator": {"name": "xyz"}}) == [
        f"discriminator.name: there is no 'xyz'; there are {', '.join(DISCRIMINATORS)}"
    ]
    assert problems({"method": {"rollouts": 4}}) == [
        "method: has no name; say which it is, as in method.name NAME"
    ]


def test_phases_name_what_exists() -> None:
    tree = {
        "trainer": {"sede": 1},
        "pretrain": [
            {"method": "mel"},
            {"phases": [{"method": {"name": "seqgan", "rolouts": 1, "reduction": "max"}}]},
            {"method": "mle", "players": {"critic": {}}},
            {"method": "mle", "players": {"discriminator": {}}},
        ],
        "adversarial": [{"optimizers": {"generator": {"lrr": 1, "lr": 0}, "critic": {}}}],
    }
    assert problems(tree) == [
        "trainer: unknown key 'sede'; did you mean 'seed'?",
        "pretrain[0].method: no method 'mel'; did you mean 'mle'?",
        "pretrain[1].phases[0].method.reduction: Input should be 'sum' or 'mean', got 'max'",
        "pretrain[1].phases[0].method: unknown key 'rolouts'; did you mean 'rollouts'?",
        "pretrain[2].players: no player 'critic'; mle has generator, discriminator",
        "pretrain[3].players: mle moves generator only",
        "adversarial[0].optimizers: no player 'critic'; seqgan has generator, discriminator",
        "adversarial[0].optimizers.generator.lr: Input should be greater than 0, got 0",
        "adversarial[0].optimizers.generator: unknown key 'lrr'; did you mean 'lr'?",
    ]


def test_an_optimizer_of_nobody() -> None:
    assert problems({"optimizers": {"generater": {}}}) == [
        "optimizers: no player 'generater'; there are generator, discriminator, critic, mediator, "
        "reconstructor"
    ]


def test_what_only_a_whole_section_can_get_wrong() -> None:
    assert problems({"corpus": {"validation_share": 0.49, "test_share": 0.48}}) == [
        "corpus: validation_share and test_share leave too little to train on"
    ]
    assert problems({"pretrain": [{"steps": 1, "epochs": 2}]}) == [
        "pretrain[0]: steps and epochs exclude each other: give one of them"
    ]


def test_a_section_that_is_none() -> None:
    expected = "Input should be a valid dictionary or instance of TrainerOptions"
    assert problems({"trainer": 3}) == [f"trainer: {expected}, got 3"]
    assert problems({"trainer": None}) == [f"trainer: {expected}, got None"]


def test_part_of_a_pair() -> None:
    assert problems({"optimizers": {"generator": {"betas": [0.9]}}}) == [
        "optimizers.generator.betas[1]: Field required"
    ]


# What a phase's sections mean


def test_a_phase_takes_the_recipes_method_and_changes_its_optimizers() -> None:
    recipe = check(
        Recipe,
        {
            "method": {"name": "seqgan", "rollouts": 3},
            "optimizers": {"generator": {"lr": "1e-2", "clip": 1}},
            "pretrain": [
                {"optimizers": {"generator": {"lr": "1e-4"}}},
                {"method": "seqgan"},
                {"method": {"name": "seqgan", "rollouts": 5}},
                {"method": "mle"},
            ],
        },
    )
    methods = [method_of(recipe, phase).model_dump() for phase in recipe.pretrain]
    assert [m.get("rollouts") for m in methods] == [3, 3, 5, None]
    first, second = recipe.pretrain[:2]
    assert optimizer_of(recipe, first, "generator") == OptimizerOptions(lr=1e-4, clip=1)
    assert optimizer_of(recipe, second, "generator") == OptimizerOptions(lr=1e-2, clip=1)
    assert optimizer_of(recipe, second, "discriminator") == OptimizerOptions()


# Showing


def test_a_dump_loads_back_to_the_same_recipe() -> None:
    tree = {
        "name": "a-b.c",
        "corpus": {"path": "诗.txt", "test_path": "t.txt"},
        "method": {"name": "random_reward", "rollouts": 2},
        "optimizers": {"generator": {"lr": "1e-2", "clip": None, "betas": [0.5, 0.9]}},
        "pretrain": [
            {"repeat": 2, "phases": [{"method": "mle", "epochs": 0.5}, {"steps": 3}]},
            {
                "method": {"name": "seqgan", "rollouts": 1},
                "players": {"discriminator": {"pool": 10, "epochs": 3}},
                "optimizers": {"discriminator": {"lr": "1e-4"}},
                "every": {"evaluate": 2},
                "patience": 2,
            },
        ],
    }
    recipe = check(Recipe, tree)
    again = check(Recipe, yaml.safe_load(dump(recipe)))
    assert again == recipe
    assert type(again.method) is type(recipe.method)
    assert dump(again) == dump(recipe)
    assert "诗.txt" in dump(recipe)


def test_explain_lists_every_key_with_its_meaning() -> None:
    rows = list(explain(Recipe))
    paths = [path for path, *_ in rows]
    assert [path for path, kind, _, meaning in rows if not (kind and meaning)] == []
    assert len(paths) == len(set(paths))
    for field in OptimizerOptions.model_fields:
        assert f"optimizers.<name>.{field}" in paths
    assert ("trainer.seed", "int", "0", "Every draw, order and first weight follows from it.") in (
        rows
    )
    kinds = {path: (kind, default) for path, kind, default, _ in rows}
    assert kinds["corpus.unit"] == ("'line' | 'stanza' | 'document'", "line")
    assert kinds["corpus.test_path"] == ("str | null", "null")
    assert kinds["discriminator(cnn).widths"][0] == "list[int]"
    assert kinds["method(seqgan).rollouts"] == ("int", "16")
    assert kinds["pretrain[].players.<name>.pool"] == ("int | null", "null")
    assert kinds["pretrain[].phases"] == ("list[Phase]", "[]")
    assert kinds["adversarial[].every.sample"] == ("int | null", "null")


def test_every_key_that_explain_lists_can_be_set() -> None:
    for path, _, default, _ in explain(Recipe):
        if "[]" in path or "<" in path or "(" in path or path in ("optimizers", "adversarial"):
            continue
        check(Recipe, parse_overrides([f"--{path}", default])[1])


def test_config_imports_no_torch() -> None:
    source = Path(config.__file__).read_text(encoding="utf-8")
    assert "import torch" not in source and "transformers" not in source
