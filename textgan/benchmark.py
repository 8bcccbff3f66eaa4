"""`benchmark GRID.yaml`: methods x data x seeds, equal trials and equal seconds for each method.

Every method, likelihood included, gets as many trials of its own settings on seed 0, each of as
many seconds; the validation split chooses; then the chosen setting trains once for each further
seed, and the test split is read once a run. What is on the disk isn't done again; what another
budget or recipe made is refused.
"""

import hashlib
import json
import math
import random
import shutil
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from textgan import api, config, evaluation, floor, oracle, runs, runtime, validation
from textgan.clock import Clock
from textgan.config import Tree
from textgan.data.corpus import Corpus
from textgan.errors import UserError
from textgan.generators.ngram import NGramOptions
from textgan.metrics.estimate import number
from textgan.recipe import Recipe
from textgan.sampling import Writer
from textgan.tracking import say

STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
TIMED = 8
"""Steps by which a method's speed is known."""
MARGIN = 1.5
"""A run is given so many times the steps that its seconds seem to hold: the clock ends it."""
SCORED = 10
"""Times that a run is scored while it trains."""


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


class Benchmark:
    """A grid, and the folder where its runs and results are."""

    def __init__(self, grid: Grid, folder: Path) -> None:
        self.grid, self.folder = grid, folder

    def play(self) -> None:
        """Make every run that is missing, on one thread: a second is as long for all methods."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            self._play()
        finally:
            torch.set_num_threads(threads)

    def _play(self) -> None:
        names = ["mle", *(name for name in self.grid.methods if name != "mle")]
        for data in self.grid.data:
            for name in names:
                best = self.best(data, name)
                for seed in range(1, self.grid.seeds + 1):
                    self.result(Job(data, name, best, seed))

    def best(self, data: str, name: str) -> Tree:
        """The setting of a method that validates best on the trials' seed, 0."""
        tried = settings(self.grid.methods[name], self.grid.trials, self.grid.seed)
        found = [self.result(Job(data, name, setting, 0))["validation"] for setting in tried]
        scores = [math.inf if score is None else float(score) for score in found]  # null is nan
        return tried[scores.index(min(scores))]

    def tests(self, data: str, name: str) -> list[Tree]:
        """The results of a method's chosen setting on the further seeds, in their order."""
        best, seeds = self.best(data, name), range(1, self.grid.seeds + 1)
        return [self.result(Job(data, name, best, seed)) for seed in seeds]

    def result(self, job: Job) -> Tree:
        """The result of a run, made or read."""
        key = "-".join(f"{k.rsplit('.', 1)[-1]}={v}" for k, v in job.setting.items())
        place = self.folder / job.data / job.method / f"{key or 'as-is'}-seed{job.seed}.json"
        if place.exists():
            return self.read(place, job)
        say(f"{job.data}: {job.method} {key}, seed {job.seed}")
        found = self.run(job) | {"setting": job.setting, "seed": job.seed}
        self.write(place, job, found)
        return found

    def digest(self, job: Job) -> str:
        """Eight hexadecimal digits of the budget and of the recipes that a run follows from."""
        grid, entry, tree = self.grid, self.grid.methods[job.method], self.tree(job)
        budget = grid.seconds, grid.start_share, grid.trials, grid.seed
        started = entry.start and not entry.counted and tree.get("adversarial")
        likelihood = grid.methods["mle"].model_dump() if started else None
        parts = [budget, job.setting, job.seed, tree, likelihood]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()

    def read(self, place: Path, job: Job) -> Tree:
        """What is known of a run.

        Raises:
            UserError: the grid has changed since it was made.
        """
        found = dict(json.loads(place.read_text("utf-8")))
        if found.get("digest") != self.digest(job):
            raise UserError(
                f"{place}: comes from another budget or recipe than the grid has now; give another "
                "--folder, or take this one away"
            )
        return found

    def write(self, place: Path, job: Job, found: Tree) -> None:
        """Keep what is known of a run, whole or not at all."""
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.part")
        text = json.dumps(found | {"digest": self.digest(job)}, indent=1, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(place)

    @api.quiet()
    def run(self, job: Job) -> Tree:
        """Train, validate, and of the chosen setting test."""
        tree = self.tree(job)
        if self.grid.methods[job.method].counted:
            recipe = config.check(Recipe, tree)
            corpus = oracle.open_corpus(recipe.corpus, recipe.tokenizer)
            writer = Writer(floor.of_corpus(corpus, **job.setting), corpus.tokenizer)
            return self.scored(job, writer, corpus, recipe.tokenizer.name) | Clock().said()
        place = self.folder / "runs"
        shutil.rmtree(place, ignore_errors=True)
        spent = self.train(job, tree, place / "run")
        found = runs.open_checkpoint(place / "run", "best")
        recipe = config.check(Recipe, found.about["recipe"])
        writer = Writer.open(found)
        corpus = oracle.open_corpus(recipe.corpus, recipe.tokenizer, writer.tokenizer)
        result = self.scored(job, writer, corpus, recipe.tokenizer.name) | spent
        shutil.rmtree(place)
        return result

    def train(self, job: Job, tree: Tree, run: Path) -> Tree:
        """Spend the seconds, and say on what."""
        seconds = self.grid.seconds
        if not tree["adversarial"]:
            return self.trained("pretrain", tree, seconds, run, None)
        if not self.grid.methods[job.method].start:
            return self.trained("adversarial", tree, seconds, run, None)
        source, before = self.start(job, seconds * self.grid.start_share)
        seconds -= seconds * self.grid.start_share
        return self.trained("adversarial", tree, seconds, run, source) | {"start": before}

    def tree(self, job: Job) -> Tree:
        """The recipe of a run; of an n-gram model's only the texts matter."""
        data, entry = dict(self.grid.data[job.data]), self.grid.methods[job.method]
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

    def start(self, job: Job, seconds: float) -> tuple[Path, Tree]:
        """Where likelihood stops at its best setting on this seed, kept for all methods, and what
        was spent on it.
        """
        likelihood = Job(job.data, "mle", self.best(job.data, "mle"), job.seed)
        place = self.folder / job.data / "starts" / f"seed{job.seed}"
        known = place.with_name(f"{place.name}.json")
        if not (runs.is_run(place) and known.exists()):
            shutil.rmtree(place, ignore_errors=True)
            part = place.with_name(f"{place.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            spent = self.trained("pretrain", self.tree(likelihood), seconds, part, None)
            self.write(known, likelihood, spent)
            part.rename(place)
        found = self.read(known, likelihood)
        return place, {key: found[key] for key in ("seconds", "updates")}

    def trained(
        self, stage: Any, tree: Tree, seconds: float, run: Path, source: Path | None
    ) -> Tree:
        """A run that the clock ends, and what was spent on it.

        The speed of a few steps tells how many the last phase has at most, which schedules need.
        """
        steps, limit = TIMED, math.inf
        for place in run.with_name("timed"), run:
            shutil.rmtree(place, ignore_errors=True)
            phase = {**tree[stage][-1], "steps": steps, "every": {"evaluate": -(-steps // SCORED)}}
            phase.pop("epochs", None)
            phases = [*tree[stage][:-1], phase]
            with Clock(limit).watching() as clock:
                api.train(stage, {**tree, stage: phases}, place, source)
            if place != run:
                shutil.rmtree(place)
            spent = clock.spent(f"{stage}[{len(phases) - 1}]")
            left = seconds - (clock.total - spent)  # the phases before the last have their lengths
            if place != run:
                steps, limit = max(SCORED, round(MARGIN * steps * left / spent)), seconds
        return clock.said()

    def scored(self, job: Job, writer: Writer, corpus: Corpus, tokenizer: str) -> Tree:
        """A generator's validation figure, lower is better, and its figures on the test split."""
        runtime.seed(job.seed, "benchmark")
        if corpus.oracle is not None:
            count = len(corpus.splits["validation"])
            score = validation.divergence(writer.generator, corpus, count)["jsd"]
        else:
            score = -validation.quality(writer.generator, corpus, evaluation.MOST)["harmonic_bleu4"]
        if not job.seed:
            return {"validation": number(score)}
        wanted = evaluation.Wanted(seed=job.seed)
        row = evaluation.Scorer(corpus, tokenizer, wanted).row(job.method, writer)
        test = evaluation.as_json([row])[0]["figures"]
        return {"validation": number(score), "test": test, "protocol": row.protocol}


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
    bench = Benchmark(grid, Path())
    for data, name in product(grid.data, grid.methods):
        for setting in settings(grid.methods[name], grid.trials, grid.seed):
            try:
                if grid.methods[name].counted:
                    config.check(NGramOptions, setting, "tune")
                config.check(Recipe, bench.tree(Job(data, name, setting, 0)))
            except UserError as error:
                raise UserError(f"grid: {name} on {data}: {error}") from None
