"""Runs that differ in their seed alone: what they reach together, and whether it differs."""

from copy import deepcopy
from typing import NamedTuple

from textgan import config
from textgan.config import Tree
from textgan.evaluation import Row
from textgan.metrics.rounding import with_error
from textgan.metrics.seeds import compare, interval, verdict

TOLD = "JSD", "harmonic BLEU-4", "NLL_test"
"""Figures that groups are compared by."""


class Group(NamedTuple):
    """One recipe, and its runs' rows by seed."""

    name: str
    rows: dict[int, Row]


def groups(rows: list[Row]) -> list[Group]:
    """The recipes of a table's runs, in their order; baselines are left out."""
    found: dict[str, Group] = {}
    for row in rows:
        checkpoint = row.checkpoint
        if checkpoint is None:
            continue
        recipe: Tree = deepcopy(checkpoint.about["recipe"])
        seed = int(recipe["trainer"].pop("seed"))
        name = str(recipe.pop("name", ""))
        key = f"{checkpoint.stage} {config.to_yaml(recipe)}"
        title = f"{name}-{checkpoint.stage}"
        same = sum(group.name.split(" ")[0] == title for group in found.values())
        group = found.setdefault(key, Group(f"{title} ({same + 1})" if same else title, {}))
        group.rows[seed] = row
    return list(found.values())


def said(found: list[Group]) -> list[str]:
    """Lines about all groups of several seeds; the first of them is what others are held against.

    Nothing where every run is alone.
    """
    several = [group for group in found if len(group.rows) > 1]
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
        lines += beside(values, figure)
    return lines


def beside(values: dict[str, dict[int, float]], figure: str) -> list[str]:
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
    """One figure of a group's runs."""
    found = {seed: row.figures.get(figure) for seed, row in group.rows.items()}
    return {seed: estimate.value for seed, estimate in found.items() if estimate is not None}
