"""What a benchmark compares, and under which budget: a grid of methods x data x seeds."""

import random
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from textgan import api, config
from textgan.config import Tree
from textgan.errors import UserError
from textgan.generators.ngram import NGramOptions
from textgan.recipe import Recipe

STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Entry(BaseModel):
    """A method, and what is tried of it."""

    model_config = STRICT

    files: list[str] = []
    """Config files; their rates and phases are what the trials change."""
    counted: bool = False
    """An n-gram model instead, for which nothing is trained; `tune` has `order` and `discount`."""
    over: Tree = {}
    """Sections over the files."""
    tune: dict[str, list[Any]] = {}
    """By dotted key: the values to try."""
    start: bool = True
    """Begin where likelihood stopped after `start_share` of the seconds; else from nothing."""


class Grid(BaseModel):
    """What is compared, and under which budget."""

    model_config = STRICT

    data: dict[str, Tree]
    """By name: sections of a config, `files` among them for config files to lay them over."""
    methods: dict[str, Entry]
    """By name; `mle` must be among them: its best setting is where the others start."""
    baseline: str = "mle"
    """The method that the others are compared with."""
    seeds: int = Field(default=8, ge=1)
    """Runs of the chosen setting; p < .05 takes six or more."""
    trials: int = Field(default=3, ge=1)
    """Settings tried of each method, on a seed of their own."""
    seconds: float = Field(default=60.0, gt=0)
    """Seconds of training for each run, those of its start among them."""
    start_share: float = Field(default=0.5, gt=0, lt=1)
    """The share of them that goes into likelihood, for methods that start from it."""
    seed: int = 0
    """Which settings are tried, where a method has more of them than trials."""

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if not {"mle", self.baseline} <= set(self.methods):
            raise ValueError("methods must have mle, where others start, and the baseline")
        for name, entry in self.methods.items():
            settings = len(list(product(*entry.tune.values())))
            if settings < self.trials:
                raise ValueError(
                    f"methods.{name}.tune has {settings} settings and {self.trials} trials; equal "
                    "trials for all are the point: give more values, or fewer trials"
                )
        return self


@dataclass(frozen=True)
class Job:
    """One run to make."""

    data: str
    method: str
    setting: Tree
    """By dotted key."""
    seed: int


def settings(entry: Entry, trials: int, seed: int) -> list[Tree]:
    """So many settings of a method, in an order that follows from the seed."""
    every = [dict(zip(entry.tune, values, strict=True)) for values in product(*entry.tune.values())]
    return random.Random(seed).sample(every, len(every))[:trials]


def recipe_of(grid: Grid, job: Job) -> Tree:
    """The recipe of a run; of an n-gram model's only the texts matter."""
    data, entry = dict(grid.data[job.data]), grid.methods[job.method]
    tree = api.load(*data.pop("files", []), *entry.files)
    config.merge(config.merge(tree, data), entry.over)
    if entry.counted:
        return tree
    for key, value in job.setting.items():
        *path, last = key.split(".")
        section = tree
        for name in path:
            section = section.setdefault(name, {})
            if not isinstance(section, dict):
                raise UserError(f"tune: {key}: '{name}' is no section; give a section's key")
        section[last] = value
    trainer = {"seed": job.seed, "device": "cpu", "shown_samples": 0, "keep": 1}
    config.merge(tree, {"trainer": trainer, "name": f"{job.data}-{job.method}"})
    return tree


def open_grid(path: str) -> Grid:
    """A grid from its YAML.

    Raises:
        UserError: it can't be read, or something in it is wrong.
    """
    return config.check(Grid, config.read_yaml(path), "grid")


def check(grid: Grid) -> None:
    """Find mistakes in all recipes before the hours begin.

    Raises:
        UserError: a method's recipe, over some data, is none.
    """
    for data, name in product(grid.data, grid.methods):
        for setting in settings(grid.methods[name], grid.trials, grid.seed):
            try:
                if grid.methods[name].counted:
                    config.check(NGramOptions, setting, "tune")
                config.check(Recipe, recipe_of(grid, Job(data, name, setting, 0)))
            except UserError as error:
                raise UserError(f"grid: {name} on {data}: {error}") from None
