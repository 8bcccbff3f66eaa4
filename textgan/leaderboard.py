"""A benchmark's results as a page: what each method reached, and what that shows."""

import json
from pathlib import Path

from textgan.benchmark import Grid
from textgan.config import Tree
from textgan.metrics.seeds import compare, interval, verdict

KNOWN = "JSD", "KL(p||g)", "KL(g||p)", "NLL_test"
TEXTS = "harmonic BLEU-4", "BLEU-4", "backward BLEU-4", "NLL_test"
"""Figures of the table, the one that methods are compared by first."""


def results(folder: Path, data: str, method: str) -> list[Tree]:
    """The test runs of a method, by seed."""
    read = (json.loads(place.read_text("utf-8")) for place in (folder / data / method).glob("*"))
    return sorted((found for found in read if found["seed"] > 0), key=lambda found: found["seed"])


def values(found: list[Tree], figure: str) -> list[float]:
    """One figure of all runs."""
    return [run["test"][figure]["value"] for run in found]


def page(grid: Grid, folder: Path, name: str) -> str:
    """Markdown: the protocol, and a table for each language or text."""
    head = [
        f"# {name}",
        f"`python cli.py benchmark {name}.yaml`. Each method had {grid.trials} trials of its own "
        f"settings on seed 0 and {grid.seconds:g} s of one core's time for each run, its start by "
        f"likelihood included; the validation split chose, and the test split was read once for "
        f"each of {grid.seeds} further seeds. Intervals are Student's, 95 %, over seeds; "
        f"comparisons with `{grid.baseline}` are paired by seed (sign flips, Holm).",
    ]
    return "\n\n".join([*head, *(table(grid, folder, data) for data in grid.data)]) + "\n"


def table(grid: Grid, folder: Path, data: str) -> str:
    """The methods on one language or text, best first."""
    found = {method: results(folder, data, method) for method in grid.methods}
    names = KNOWN if KNOWN[0] in found[grid.baseline][0]["test"] else TEXTS
    first = {method: values(runs, names[0]) for method, runs in found.items()}
    others = {method: each for method, each in first.items() if method != grid.baseline}
    shown = compare(others, first[grid.baseline])
    lower = names is KNOWN
    order = sorted(first, key=lambda method: interval(first[method]).estimate.value)
    lines = [f"## {data}", ""]
    titles = " | ".join(name.replace("|", r"\|") for name in names)
    lines += [f"| method | {titles} | setting | {names[0]} beside {grid.baseline} |"]
    lines += ["|" + " --- |" * (len(names) + 3)]
    for method in order if lower else reversed(order):
        cells = [cell(values(found[method], figure)) for figure in names]
        setting = ", ".join(f"{k} {v}" for k, v in found[method][0]["setting"].items())
        said = verdict(shown[method]) if method in shown else "baseline"
        lines.append(f"| {method} | {' | '.join(cells)} | {setting} | {said} |")
    return "\n".join([*lines, "", found[grid.baseline][0]["protocol"]])


def cell(figures: list[float]) -> str:
    """A mean and half its interval."""
    found = interval(figures)
    return f"{found.estimate.value:.4f} ± {found.high - found.estimate.value:.4f}"
