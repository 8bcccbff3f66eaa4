"""A benchmark's results as a page: what each method reached, and what that shows."""

import math
from pathlib import Path

import numpy as np

from textgan.benchmark import Benchmark
from textgan.config import Tree
from textgan.metrics.seeds import compare, interval, verdict
from textgan.report.tables import as_csv

KNOWN = "JSD", "KL(p||g)", "KL(g||p)", "NLL_test"
TEXTS = "harmonic BLEU-4", "BLEU-4", "backward BLEU-4", "NLL_test"
"""Figures of the table, the one that methods are compared by first."""


def values(found: list[Tree], figure: str) -> list[float]:
    """One figure of all runs; JSON has null for nan and a word for infinity. A failed run's is nan,
    and so is that of a method that has no run.
    """
    read = [run["test"][figure]["value"] if "test" in run else None for run in found or [{}]]
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


def table_csv(bench: Benchmark) -> str:
    """The page's figures of each run that its intervals are over: CSV, a figure a line."""
    lines = [
        (data, method, tried(bench, data, method), seed, figure, *found.values())
        for data in bench.grid.data
        for method in bench.grid.methods
        for seed, run in enumerate(bench.tests(data, method), start=1)
        for figure, found in run.get("test", {}).items()
        if figure in {*KNOWN, *TEXTS}
    ]
    return as_csv(("data", "method", "setting", "seed", "figure", "value", "stderr", "n"), lines)


def table(bench: Benchmark, data: str) -> str:
    """The methods on one language or text, best first; those without a finite figure last."""
    grid = bench.grid
    found = {method: bench.tests(data, method) for method in grid.methods}
    ended = [run for method in (grid.baseline, *found) for run in found[method] if "test" in run]
    names = KNOWN if ended and KNOWN[0] in ended[0]["test"] else TEXTS
    first = {method: values(runs, names[0]) for method, runs in found.items()}
    sign = 1 if names is KNOWN else -1

    def rank(method: str) -> float:
        mean = sign * float(np.mean(first[method]))
        return math.inf if math.isnan(mean) else mean

    shown = verdicts(first, grid.baseline)
    titles = " | ".join(name.replace("|", r"\|") for name in names)
    lines = [
        f"## {data}",
        "",
        f"| method | {titles} | setting | {names[0]} beside {grid.baseline} |",
    ]
    lines += ["|" + " --- |" * (len(names) + 3)]
    for method in sorted(first, key=rank):
        cells = [cell(found[method], figure) for figure in names]
        lines.append(
            f"| {method} | {' | '.join(cells)} | {tried(bench, data, method)} | {shown[method]} |"
        )
    return "\n".join([*lines, "", *(run["protocol"] for run in ended[:1]), *why(bench, data)])


def verdicts(first: dict[str, list[float]], baseline: str) -> dict[str, str]:
    """What the comparison with the baseline shows of each method, by their values over seeds."""
    finite = {method: each for method, each in first.items() if np.isfinite(each).all()}
    base = finite.pop(baseline, None)
    missing = "no finite figure" if base is not None else "the baseline has no finite figure"
    shown = {} if base is None else compare(finite, base)
    said = {
        name: verdict(shown[name]) if name in shown else f"not compared: {missing}"
        for name in first
    }
    return said | {baseline: "baseline"}


def tried(bench: Benchmark, data: str, method: str) -> str:
    """The setting that was chosen of a method, and how many trials failed."""
    trials = bench.trials(data, method)
    failed = sum("failed" in found for _, found in trials)
    best = bench.best(data, method)
    parts = [", ".join(f"{k} {v}" for k, v in (best or {}).items())]
    parts += [f"{failed} of {len(trials)} trials failed"] if failed else []
    return "; ".join(part for part in parts if part)


def why(bench: Benchmark, data: str) -> list[str]:
    """A line for each run that failed: which, and why."""
    lines = []
    for method in bench.grid.methods:
        trials = [found for _, found in bench.trials(data, method)]
        for run in (*trials, *bench.tests(data, method)):
            if "failed" in run:
                setting = ", ".join(f"{k} {v}" for k, v in run["setting"].items()) or "as it is"
                lines.append(f"- {method}, {setting}, seed {run['seed']} failed: {run['failed']}")
    return ["", *lines] if lines else []


def cell(found: list[Tree], figure: str) -> str:
    """A mean and half its interval, or how many runs have no finite figure."""
    if not found:
        return "every trial failed"
    if failed := sum("failed" in run for run in found):
        return f"failed at {failed} of {len(found)} seeds"
    figures = values(found, figure)
    if missing := int(np.sum(~np.isfinite(figures))):
        return f"not finite at {missing} of {len(figures)} seeds"
    over = interval(figures)
    return f"{over.estimate.value:.4f} ± {over.high - over.estimate.value:.4f}"
