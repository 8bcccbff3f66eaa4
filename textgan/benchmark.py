"""`benchmark GRID.yaml`: methods x data x seeds, equal trials and equal seconds for each method.

Every method, likelihood included, gets as many trials of its own settings on seed 0, each of as
many seconds; the validation split chooses; then the chosen setting trains once for each further
seed, and the test split is read once a run. What is on the disk isn't done again; what another
budget or recipe made is refused. A run whose training breaks is recorded as failed, counts as the
worst trial, and the others go on.
"""

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch

from textgan import api, config, evaluation, floor, oracle, runs, runtime, validation
from textgan.clock import Clock
from textgan.config import Tree
from textgan.data.corpus import Corpus
from textgan.errors import Diverged, UserError
from textgan.grid import Grid, Job, recipe_of, settings
from textgan.metrics.estimate import number
from textgan.recipe import Recipe
from textgan.sampling import Writer
from textgan.tracking import say

TIMED = 0.02
"""Share of its seconds by which a method's speed is known; in fewer it mostly warms up."""
MARGIN = 1.25
"""A run is given so many times the steps that its seconds seem to hold: the clock ends it."""
SCORED = 5
"""Times that a run is scored while it trains."""


def key_of(job: Job) -> str:
    """A job's setting in a few words."""
    return "-".join(f"{k.rsplit('.', 1)[-1]}={v}" for k, v in job.setting.items())


def place_of(job: Job) -> Path:
    """Where a job's result lies in the benchmark's folder."""
    return Path(job.data, job.method, f"{key_of(job) or 'as-is'}-seed{job.seed}.json")


def beside(run: Path) -> Path:
    """Where a few steps are timed before a run."""
    return run.with_name("timed")


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
                self.tests(data, name)

    def trials(self, data: str, name: str) -> list[tuple[Tree, Tree]]:
        """The settings that are tried of a method, and what each gave on the trials' seed, 0."""
        tried = settings(self.grid.methods[name], self.grid.trials, self.grid.seed)
        return [(setting, self.result(Job(data, name, setting, 0))) for setting in tried]

    def best(self, data: str, name: str) -> Tree | None:
        """The setting of a method that validates best; None if every trial failed."""
        ended = [trial for trial in self.trials(data, name) if "failed" not in trial[1]]
        scores = [found["validation"] for _, found in ended]
        finite = [math.inf if score is None else float(score) for score in scores]  # null is nan
        return ended[finite.index(min(finite))][0] if ended else None

    def tests(self, data: str, name: str) -> list[Tree]:
        """The results of a method's chosen setting on the further seeds, in their order; none if
        there is no such setting.
        """
        best, seeds = self.best(data, name), range(1, self.grid.seeds + 1)
        return [] if best is None else [self.result(Job(data, name, best, seed)) for seed in seeds]

    def result(self, job: Job) -> Tree:
        """The result of a run, made or read."""
        place = self.folder / place_of(job)
        if place.exists():
            return self.read(place, job)
        say(f"{job.data}: {job.method} {key_of(job)}, seed {job.seed}")
        found = self.outcome(job) | {"setting": job.setting, "seed": job.seed}
        self.write(place, job, found)
        return found

    def outcome(self, job: Job) -> Tree:
        """What a run gave, or why it failed; a mistake of the user's is none of its outcomes."""
        try:
            return self.run(job)
        except Diverged as error:
            say(f"failed: {error.why}")
            shutil.rmtree(self.folder / "runs", ignore_errors=True)
            return {"failed": error.why, "validation": None}

    def digest(self, job: Job) -> str:
        """Eight hexadecimal digits of the budget and of the recipes that a run follows from."""
        grid, entry, tree = self.grid, self.grid.methods[job.method], recipe_of(self.grid, job)
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
        tree = recipe_of(self.grid, job)
        if self.grid.methods[job.method].counted:
            recipe = config.check(Recipe, tree)
            corpus = oracle.open_corpus(recipe.corpus, recipe.tokenizer)
            writer = Writer(floor.of_corpus(corpus, **job.setting), corpus.tokenizer)
            return self.scored(job, writer, corpus, recipe.tokenizer.name) | Clock().said()
        place = self.folder / "runs"
        shutil.rmtree(place, ignore_errors=True)
        spent = self.train(job, tree, place / "run")
        if not (place / "run" / "best").exists():
            raise Diverged("collapsed whenever it was scored, so that no checkpoint is the best")
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

    def start(self, job: Job, seconds: float) -> tuple[Path, Tree]:
        """Where likelihood stops at its best setting on this seed, kept for all methods, and what
        was spent on it.

        Raises:
            Diverged: it failed, now or when it was made.
        """
        best = self.best(job.data, "mle")
        if best is None:
            why = "mle, from which it would start, failed in every trial; to try it again, take "
            raise Diverged(f"{why}{Path(job.data, 'mle')} and {place_of(job)} away")
        likelihood = Job(job.data, "mle", best, job.seed)
        place = self.folder / job.data / "starts" / f"seed{job.seed}"
        known = place.with_name(f"{place.name}.json")
        found = self.read(known, likelihood) if known.exists() else {}
        if not found or not ("failed" in found or runs.is_run(place)):
            found = self.make_start(likelihood, seconds, place)
            self.write(known, likelihood, found)
        if "failed" in found:
            files = f"{known.relative_to(self.folder)} and {place_of(job)}"
            why = f"its start, mle, failed: {found['failed']}"
            raise Diverged(f"{why}; to try it again, take {files} away")
        return place, {key: found[key] for key in ("seconds", "updates")}

    def make_start(self, likelihood: Job, seconds: float, place: Path) -> Tree:
        """Train a start into ``place``: what was spent on it, or why it failed."""
        shutil.rmtree(place, ignore_errors=True)
        part = place.with_name(f"{place.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            spent = self.trained("pretrain", recipe_of(self.grid, likelihood), seconds, part, None)
        except Diverged as error:
            for left in part, beside(part):
                shutil.rmtree(left, ignore_errors=True)
            return {"failed": error.why}
        part.rename(place)
        return spent

    def trained(
        self, stage: Any, tree: Tree, seconds: float, run: Path, source: Path | None
    ) -> Tree:
        """A run that the clock ends, and what was spent on it.

        The speed of a few steps tells how many the last phase has at most, which schedules need.
        """
        steps, last = 1, 0.0
        while last < TIMED * seconds:
            steps *= 8
            _, spent, last = self.timed(stage, tree, steps, math.inf, beside(run), source)
            shutil.rmtree(beside(run))
        left = seconds - (spent - last)  # the phases before the last have their lengths
        steps = max(SCORED, round(MARGIN * steps * left / last))
        return self.timed(stage, tree, steps, seconds, run, source)[0].said()

    def timed(
        self, stage: Any, tree: Tree, steps: int, limit: float, run: Path, source: Path | None
    ) -> tuple[Clock, float, float]:
        """Train with so many steps in the last phase: the clock, its seconds, and that phase's."""
        shutil.rmtree(run, ignore_errors=True)
        phase = {**tree[stage][-1], "steps": steps, "every": {"evaluate": -(-steps // SCORED)}}
        phase.pop("epochs", None)
        phases = [*tree[stage][:-1], phase]
        with Clock(limit).watching() as clock:
            api.train(stage, {**tree, stage: phases}, run, source)
        return clock, clock.total, clock.spent(f"{stage}[{len(phases) - 1}]")

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
