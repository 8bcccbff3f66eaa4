"""A benchmark's results as a page: what each method reached, and what that shows."""

import math
from pathlib import Path

import numpy as np

from textgan.benchmark import Benchmark
from textgan.config import Tree
from textgan.metrics.seeds import compare, interval, verdict

KNOWN = "JSD", "KL(p||g)", "KL(g||p)", "NLL_test"
TEXTS = "harmonic BLEU-4", "BLEU-4", "backward BLEU-4", "NLL_test"
"""Figures of the table, the one that methods are compared by first."""


def values(found: list[Tree], figure: str) -> list[float]:
    """One figure of all runs; JSON has null for nan and a word for infinity."""
    read = [run["test"][figure]["value"] for run in found]
    return [math.nan if value is None else float(value) for value in read]


def page(bench: Benchmark, place: str) -> str:
    """Markdown of a benchmark whose grid is in the file ``place``: the protocol, and a table for
    each language or text.
    """
    grid = bench.grid
    head = [
        f"# {Path(place).stem}",
        f"`python cli.py benchmark {place}`. Each method had {grid.trials} trials of its own "
        f"settings on seed 0 and {grid.seconds:g} s of one core's time for each run, its start by "
        f"likelihood included; the validation split chose, and the test split was read once for "
        f"each of {grid.seeds} further seeds. Intervals are Student's, 95 %, over seeds; "
        f"comparisons with `{grid.baseline}` are paired by seed (sign flips, Holm).",
    ]
    return "\n\n".join([*head, *(table(bench, data) for data in grid.data)]) + "\n"


def table(bench: Benchmark, data: str) -> str:
    """The methods on one language or text, best first; those without a finite figure last."""
    grid = bench.grid
    found = {method: bench.tests(data, method) for method in grid.methods}
    names = KNOWN if KNOWN[0] in found[grid.baseline][0]["test"] else TEXTS
    first = {method: values(runs, names[0]) for method, runs in found.items()}
    finite = {method: each for method, each in first.items() if np.isfinite(each).all()}
    base = finite.pop(grid.baseline, None)
    shown = {} if base is None else compare(finite, base)
    sign = 1 if names is KNOWN else -1

    def rank(method: str) -> float:
        mean = sign * float(np.mean(first[method]))
        return math.inf if math.isnan(mean) else mean

    order = sorted(first, key=rank)
    lines = [f"## {data}", ""]
    titles = " | ".join(name.replace("|", r"\|") for name in names)
    lines += [f"| method | {titles} | setting | {names[0]} beside {grid.baseline} |"]
    lines += ["|" + " --- |" * (len(names) + 3)]
    for method in order:
        cells = [cell(values(found[method], figure)) for figure in names]
        setting = ", ".join(f"{k} {v}" for k, v in found[method][0]["setting"].items())
        said = verdict(shown[method]) if method in shown else "not compared: no finite figure"
        said = "baseline" if method == grid.baseline else said
        lines.append(f"| {method} | {' | '.join(cells)} | {setting} | {said} |")
    return "\n".join([*lines, "", found[grid.baseline][0]["protocol"]])


def cell(figures: list[float]) -> str:
    """A mean and half its interval, or how many runs have no finite figure."""
    if missing := int(np.sum(~np.isfinite(figures))):
        return f"not finite at {missing} of {len(figures)} seeds"
    found = interval(figures)
    return f"{found.estimate.value:.4f} ± {found.high - found.estimate.value:.4f}"
