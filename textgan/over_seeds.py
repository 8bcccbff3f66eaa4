"""Runs that differ in their seed alone: what they reach together, and whether it differs."""

import math
from copy import deepcopy
from typing import NamedTuple

from textgan import config
from textgan.config import Tree
from textgan.evaluation import Row
from textgan.metrics.rounding import with_error
from textgan.metrics.seeds import compare, interval, verdict
from textgan.report.tables import tested

TOLD = "JSD", "harmonic BLEU-4", "NLL_test"
"""Figures that groups are compared by."""


class Group(NamedTuple):
    """One recipe, and its runs' rows by seed."""

    name: str
    rows: dict[int, Row]
    test: str = ""
    """Which test texts the figures are of: only groups of the same compare."""


def groups(rows: list[Row]) -> list[Group]:
    """The recipes of a table's runs, in their order; baselines are left out.

    A second checkpoint of one run, its last beside its best, belongs to a group of its own.
    """
    found: dict[str, Group] = {}
    for row in rows:
        checkpoint = row.checkpoint
        if checkpoint is None:
            continue
        recipe: Tree = deepcopy(checkpoint.about["recipe"])
        seed = int(recipe["trainer"].pop("seed"))
        name = str(recipe.pop("name", ""))
        title, test = f"{name}-{checkpoint.stage}", tested(row.protocol)
        key = f"{checkpoint.stage} {test} {config.to_yaml(recipe)}"
        while key in found and seed in found[key].rows:
            key += "again"
        same = sum(group.name.split(" ")[0] == title for group in found.values())
        group = found.setdefault(key, Group(f"{title} ({same + 1})" if same else title, {}, test))
        group.rows[seed] = row
    return list(found.values())


def said(found: list[Group]) -> list[str]:
    """Lines about all groups of several seeds; of those of one corpus the first is what others are
    held against.

    Nothing where every run is alone.
    """
    by_test: dict[str, list[Group]] = {}
    for group in found:
        if len(group.rows) > 1:
            by_test.setdefault(group.test, []).append(group)
    return [line for several in by_test.values() for line in of_corpus(several)]


def of_corpus(several: list[Group]) -> list[str]:
    """Intervals and comparisons of groups whose figures are of the same test texts."""
    lines = []
    for figure in TOLD:
        values = {group.name: by_seed(group, figure) for group in several}
        values = {name: each for name, each in values.items() if len(each) > 1}
        for name, each in values.items():
            over = interval(list(each.values()))
            mean = with_error(over.estimate.value, over.estimate.stderr)
            lines.append(
                f"{name}: {figure} {mean} over {over.estimate.n} seeds, 95 % interval "
                f"{over.low:.4f} to {over.high:.4f}"
            )
        lines += compared(values, figure)
    return lines


def compared(values: dict[str, dict[int, float]], figure: str) -> list[str]:
    """Each group's figure against the first group's, on the seeds that all groups have."""
    if len(values) < 2:
        return []
    base, *others = values
    seeds = sorted(set.intersection(*(set(each) for each in values.values())))
    if not seeds:
        return [f"{figure}: the groups have no seed in common; nothing can be paired"]
    paired = {name: [values[name][seed] for seed in seeds] for name in values}
    found = compare({name: paired[name] for name in others}, paired[base])
    return [f"{name} beside {base}: {figure} {verdict(found[name])}" for name in others]


def by_seed(group: Group, figure: str) -> dict[int, float]:
    """One figure of a group's runs, where it is a finite number."""
    found = {seed: row.figures.get(figure) for seed, row in group.rows.items()}
    return {seed: one.value for seed, one in found.items() if one and math.isfinite(one.value)}
