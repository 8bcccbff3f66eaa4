"""Imports run one way: what a module may know of the others, read from its source."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "textgan"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
SCORING = {"evaluation", "outside", "over_seeds", "sweep", "evaluation_report", "floor"}
SCORING |= {"ceiling", "likelihoods", "beside_mle"}
COMPARING = {"benchmark", "grid", "leaderboard", "clock"}
COMMANDS = {"cli", "api", "experiment", "inheritance", "sampling", "sampling_report"}
WRITING = {"draft", "poet", "walk", "why", "sample_command", "playground"}
COMMANDS |= SCORING | COMPARING | WRITING
PIECES = {"alarms", "stopping", "windows", "replay", "variety", "gradients"}
LOOP = {"trainer", "batches", "cast", "figures", "scores"} | PIECES
SAVED = {"validation", "models", "new_players", "oracle", "runs", "checkpoint", "tracking"}
SAVED |= {"density"}
RUNNING = COMMANDS | LOOP | SAVED | {"recipe"}
PLAYERS = {"generators", "discriminators"}
LEARNING = {"losses", "estimators", "methods"}
ALL = {"config", "phases", "data", "metrics", "runtime", "processes"} | PLAYERS | LEARNING | RUNNING
MUST_NOT = {
    "errors": {"config", "phases", "data", "metrics", "runtime"} | PLAYERS | LEARNING | RUNNING,
    "config": {"phases", "data", "metrics", "runtime"} | PLAYERS | LEARNING | RUNNING,
    "phases": {"data", "metrics", "runtime"} | PLAYERS | LEARNING | RUNNING,
    "data": {"phases", "metrics"} | PLAYERS | LEARNING | RUNNING,
    "runtime": {"config", "phases", "data", "metrics"} | PLAYERS | LEARNING | RUNNING,
    "processes": ALL - {"processes", "tracking"},
    "first_weights": ALL,
    "precision": ALL,
    "features": ALL - {"runtime"},
    "generators": {"discriminators", "phases", "metrics"} | LEARNING | RUNNING,
    "discriminators": {"generators", "phases", "metrics"} | LEARNING | RUNNING,
    "losses": {"phases", "metrics", "estimators", "methods"} | PLAYERS | RUNNING,
    "estimators": {"phases", "metrics", "methods"} | RUNNING,
    "methods": {"phases", "metrics"} | RUNNING,
    "metrics": {"config", "phases", "data", "runtime"} | PLAYERS | LEARNING | RUNNING,
    "recipe": {"metrics"} | RUNNING - {"recipe"},
    "checkpoint": {"phases", "data", "metrics"} | PLAYERS | LEARNING | RUNNING - {"checkpoint"},
    "windows": ALL - {"windows"},
    "stopping": ALL - {"stopping", "windows", "phases"},
    "alarms": ALL - {"alarms", "windows", "phases", "figures", "recipe"},
    "density": ALL - {"density", "runtime", "data", "generators"},
    "replay": ALL - {"replay", "runtime", "processes", "data"},
    "gradients": ALL - {"gradients", "runtime", "data", "phases", "methods"},
    "variety": ALL - {"variety", "runtime", "data", "metrics", "generators", "validation"},
    "batches": {"config", "metrics"} | RUNNING - {"replay"},
    "cast": {"data", "metrics"} | RUNNING - {"recipe"},
    "figures": {"data", "metrics"} | PLAYERS | RUNNING - {"recipe", "tracking"},
    "scores": COMMANDS | {"runs", "trainer", "batches", "cast", "stopping", "gradients"},
    "trainer": COMMANDS | {"runs"},
    "new_players": COMMANDS | LOOP | {"phases", "metrics", "recipe", "models"} | LEARNING,
    "models": COMMANDS | LOOP | {"phases", "metrics", "recipe"} | LEARNING,
    "oracle": COMMANDS | LOOP | {"metrics", "recipe"} | LEARNING,
    "runs": COMMANDS | LOOP | {"metrics"} | PLAYERS | LEARNING,
    "inheritance": {"cli", "api", "experiment", "sampling", "evaluation"} | LOOP,
    "experiment": {"cli", "api", "sampling", "evaluation"},
    "sampling": COMMANDS - {"sampling"} | LEARNING | LOOP,
    "floor": COMMANDS - {"floor"} | LEARNING | LOOP,
    "ceiling": ALL - {"ceiling", "metrics", "tracking"},
    "likelihoods": COMMANDS - {"likelihoods"} | LEARNING | LOOP,
    "evaluation": {"cli", "api", "experiment", "outside", "over_seeds", "sweep"} | LEARNING | LOOP,
    "outside": {"cli", "api", "experiment", "sampling", "sweep"} | LEARNING | LOOP | COMPARING,
    "over_seeds": {"cli", "api", "experiment", "sampling", "sweep"} | LEARNING | LOOP | COMPARING,
    "report": ALL - {"report", "metrics"},
    "kneser_ney": ALL - {"kneser_ney"},
    "context_free": ALL - {"context_free"},
    "forms": ALL,
    "taste": ALL,
    "wish": ALL,
    "cost": ALL,
    "masks": ALL,
    "arguments": ALL,
    "output": ALL - {"tracking"},
    "draft": COMMANDS - {"sampling"} | LEARNING - {"estimators"} | LOOP,
    "poet": COMMANDS - {"sampling", "draft"} | LEARNING | LOOP,
    "walk": COMMANDS - {"sampling"} | LEARNING | LOOP,
    "why": COMMANDS - {"draft", "poet"} | LEARNING | LOOP,
    "api": {"cli", "sample_command", "playground"},
}
"""By part of the package: the parts that it never imports, at the top or inside a function."""


def names(node: ast.AST) -> Iterator[str]:
    """What an import statement imports, as dotted names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide where they go"
        assert node.module is not None
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(path: Path) -> set[str]:
    """Everything that a file imports at run time, anywhere in it."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inside)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for inside in ast.walk(statement)
    }
    return {name for node in ast.walk(tree) if id(node) not in typing_only for name in names(node)}


def part(module: str) -> str:
    """``textgan.data.corpus`` -> ``data``."""
    return module.split(".")[1] if "." in module else ""


def known_parts(path: Path) -> set[str]:
    return {part(name) for name in imports(path) if name.split(".")[0] == "textgan"}


def test_the_table_names_what_exists() -> None:
    parts = {part(module) for module in MODULES} - {""}
    assert set(MUST_NOT) <= parts
    assert set().union(*MUST_NOT.values()) <= parts


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) in MUST_NOT])
def test_imports_run_one_way(module: str) -> None:
    assert known_parts(MODULES[module]) & MUST_NOT[part(module)] == set()


@pytest.mark.parametrize("name", ["config", "errors", "phases", "cli", "runs", "tracking"])
def test_what_never_imports_torch_itself(name: str) -> None:
    heavy = {import_.split(".")[0] for import_ in imports(PACKAGE / f"{name}.py")}
    lazy = {"torch"} if name == "tracking" else set()  # its board, when there is one
    assert heavy & {"torch", "transformers", "safetensors"} == lazy


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) == "metrics"])
def test_metrics_import_no_torch(module: str) -> None:
    if module == "textgan.metrics.classifier":
        return  # it learns; inside its functions only, as the test below sees
    assert not {name.split(".")[0] for name in imports(MODULES[module])} & {"torch", "transformers"}


def test_the_command_line_loads_no_torch() -> None:
    modules = "textgan.cli, textgan.config, textgan.phases, textgan.runs, textgan.metrics"
    heavy = "torch", "transformers", "tokenizers", "datasets", "nltk"
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
