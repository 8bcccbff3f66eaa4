"""docs/add-a-method.md, followed to the letter in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "add-a-method.md").read_text("utf-8")
MODULE, TABLE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[COMMANDS] = re.findall(r"```\n(python cli.py.*?)```", PAGE, re.DOTALL)

SCRIPT = """
import ast, sys
from textgan import cli

for command in ast.literal_eval(sys.argv[1]):
    try:
        cli.main(command)
    except SystemExit as ended:
        if ended.code:
            raise
"""


def test_a_method_takes_less_than_sixty_lines() -> None:
    assert len((MODULE + TABLE).splitlines()) < 60


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with the page's two changes and nothing else."""
    place = tmp_path_factory.mktemp("checkout")
    for folder in ("textgan", "configs", "corpora"):
        ignored = shutil.ignore_patterns("__pycache__", "shipped_models")
        shutil.copytree(ROOT / folder, place / folder, ignore=ignored)
    shutil.copy(ROOT / "cli.py", place)
    (place / "textgan/methods/rwr.py").write_text(MODULE, "utf-8")
    with (place / "textgan/methods/__init__.py").open("a", encoding="utf-8") as table:
        table.write(TABLE)
    return place


def test_the_pages_commands_train_the_new_method(checkout: Path) -> None:
    commands = [line.split()[2:] for line in COMMANDS.strip().splitlines()]
    assert [command[0] for command in commands] == ["pretrain", "adversarial", "sample"]
    done = subprocess.run(  # one process for all three: most of a command's time is its imports
        [sys.executable, "-c", SCRIPT, repr(commands)],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert '"g_loss"' in (checkout / "runs/rwr/metrics.jsonl").read_text()
    assert done.stdout.strip()
