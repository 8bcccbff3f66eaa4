"""The README's quick start in Python does what it says, with budgets of seconds."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_poems
from textgan import api, config, runs

README = Path(__file__).parent.parent / "README.md"
SHRUNK = {
    "corpus": {"path": "poems.txt", "unit": "stanza", "max_length": 24},
    "tokenizer": {"name": "word", "size": 100},
    "generator": {"embedding_size": 4, "hidden_size": 8},
    "discriminator": {"embedding_size": 4, "widths": [1], "filters": [2]},
    "method": {"rollouts": 1},
    "trainer": {"batch_size": 16, "validation_samples": 2, "shown_samples": 1},
    "pretrain": [{"method": "mle", "steps": 2}, {"steps": 1}],
    "adversarial": [{"steps": 1}],
}


def quick_start() -> str:
    _, found, rest = README.read_text("utf-8").partition("\n## Python quick start\n")
    assert found, "README.md has no heading 'Python quick start'"
    block = re.search(r"^```python\n(.*?)^```$", rest.split("\n## ")[0], re.DOTALL | re.MULTILINE)
    assert block, "no python block under 'Python quick start'"
    return block[1]


def test_it_is_short_and_loads_trains_and_samples() -> None:
    code = quick_start()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call)}
    assert {"api.load", "api.train", "api.sample", "api.evaluate"} <= calls


def test_it_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEXTGAN_RUNS", raising=False)
    write_poems(tmp_path / "poems.txt")
    load = api.load

    def shrunk(*files: str, **sections: Any) -> config.Tree:
        return config.merge(load(*files, **sections), SHRUNK)

    monkeypatch.setattr(api, "load", shrunk)
    exec(compile(quick_start(), "README.md", "exec"), {"__name__": "__main__"})
    stages = [runs.open_checkpoint(run).stage for run in runs.all_runs()]
    assert stages == ["pretrain", "adversarial"]
    assert capsys.readouterr().out.strip()


def test_the_api_does_what_the_commands_do(made: Path, pretrained: Path, tmp_path: Path) -> None:
    tree = api.load(made / "small.yaml", "configs/methods/mle.yaml", trainer={"seed": 7})
    assert tree["name"] == "small-mle"
    assert tree["trainer"]["seed"] == 7 and tree["trainer"]["validation_samples"] == 4
    assert tree["method"] == {"name": "mle"}
    assert api.load()["name"] == "default"
    poems = api.sample(pretrained, count=3, prefix="the moon", temperature=0.9, seed=7)
    assert len(poems) == 3 and all(poem.startswith("the moon") for poem in poems)
    assert api.sample(str(pretrained), 3, "the moon", 0.9, 7) == poems
    ceiling, floor, row = api.evaluate(pretrained)
    assert ceiling.figures["NLL_test"] is None
    assert floor.figures["NLL_test"] is not None
    assert row.figures["NLL_test"] is not None
    before = (pretrained / "last").resolve().name
    again = tmp_path / "again"
    assert api.train("pretrain", api.load(made / "small.yaml"), run=again) == again
    assert api.resume(again) == again  # there is nothing left to do
    assert (again / "last").resolve().name == before
