"""The loop. It plays turns, and never asks which paper it is playing."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textgan import checkpoint, config, processes, runtime
from textgan.alarms import Alarms
from textgan.batches import Batches
from textgan.cast import Cast
from textgan.data.corpus import Corpus
from textgan.discriminators import Discriminator
from textgan.figures import Figures
from textgan.generators import Generator
from textgan.gradients import backward
from textgan.interrupts import Interrupted, interrupts
from textgan.optimizers import step
from textgan.phases import Turn, evaluates, moves, unroll
from textgan.precision import computing
from textgan.recipe import Recipe, Stage
from textgan.scores import Scores
from textgan.stopping import Stopping

if TYPE_CHECKING:
    import numpy as np


class Trainer:
    """One run of one stage: the cast, the texts, and the position among the turns.

    The position is one number. Every draw, batch and dropout mask follows from it and the seed, so
    a checkpoint needs no random state, and a resumed run ends bit for bit where it would have.
    """

    def __init__(
        self,
        recipe: Recipe,
        stage: Stage,
        run: Path,
        corpus: Corpus,
        generator: Generator,
        discriminator: Discriminator,
        about: dict[str, Any],
    ) -> None:
        self.recipe, self.stage, self.run, self.corpus = recipe, stage, run, corpus
        self.about = about
        self.cast = Cast(recipe, stage, generator, discriminator)
        for method in self.cast.methods.values():
            method.told_texts(len(corpus))
        self.batches = Batches(corpus, recipe.trainer.seed, self.cast.device)
        self.figures = Figures(run, stage, self.cast.device)
        self.alarms = Alarms(self.figures, recipe.trainer, len(corpus.tokenizer))
        self.stopping = Stopping(self.cast.device)
        seen = self.cast.seen("generator")
        self.scores = Scores(recipe, stage, corpus, seen, self.figures, self.alarms)
        self.position = 0
        self.interrupted = self.collapsed = False
        self.saved_position: int | None = None
        self.total = sum(1 for _ in self.turns())

    # The loop

    def train(self) -> None:
        """Play every turn from the position on.

        Raises:
            Interrupted: after saving.
            UserError: a loss became NaN or infinite; the last good checkpoint stays.
        """
        new = self.scores.best["score"] is None and self.position == 0
        self.figures.open(self.recipe.tracker, self.total, self.position, new)
        self.saved = time.monotonic()
        try:
            with interrupts(self.stop):
                if new and self.stage == "adversarial":
                    self.scores.judge(self.position, self.stage)
                    self.save()
                for turn in self.turns():
                    if turn.number >= self.position:
                        self.turn(turn)
                    if self.collapsed:
                        break
                if self.position > 0 or self.stage == "pretrain":
                    self.save()
        finally:
            self.figures.close()

    def stop(self) -> None:
        """Save and end behind this update."""
        self.interrupted = True

    def turns(self) -> Iterator[Turn]:
        """All turns of the stage."""
        trains = {where: scene.method.trains for where, scene in self.cast.scenes.items()}
        phases = getattr(self.recipe, self.stage)
        batch_size = self.recipe.trainer.batch_size
        return unroll(phases, self.stage, trains, len(self.corpus), batch_size)

    def turn(self, turn: Turn) -> None:
        """One update, and what is due behind it."""
        self.update(turn)
        self.position = turn.number + 1
        self.figures.behind(turn)
        self.alarms.behind(turn)
        self.react(turn)
        if turn.ends_step:
            self.milestones(turn)
        minutes = (time.monotonic() - self.saved) / 60
        due = minutes > self.recipe.trainer.save_minutes
        interrupted, due = processes.anyone(self.interrupted, due)
        if interrupted or due:
            self.save()
        if interrupted:
            raise Interrupted

    def update(self, turn: Turn) -> None:
        """Batch, texts, loss, gradient, step."""
        rows = self.batches.rows(turn)
        with runtime.divided(len(rows)):
            self._update(turn, rows)

    def _update(self, turn: Turn, rows: "np.ndarray") -> None:
        runtime.seed(self.recipe.trainer.seed, self.stage, turn.number)
        scene = self.cast.scenes[turn.phase]
        method, options = scene.method, scene.options[turn.player]
        if turn.begins:
            method.begin()
            self.scores.stale = 0
            self.stopping.begin(scene.phase)
        method.train()
        for name in ("generator", "discriminator"):
            getattr(method, name).requires_grad_(name == turn.player)
        lowered = computing(self.recipe.trainer.precision, self.cast.device)
        with lowered:
            real, fake = self.batches.draw(turn, rows, method)
        self.figures.tokens += real.ids.numel() + (0 if fake is real else fake.ids.numel())
        optimizer = scene.optimizers[turn.player]
        optimizer.zero_grad(set_to_none=True)
        note = self.figures.note
        backward(turn, method, real, fake, options.accumulation, note, lowered)
        parameters = list(getattr(method, turn.player).parameters())
        runtime.sum_gradients(parameters)
        rate = self.alarms.rate if turn.player == "generator" else 1.0
        step(optimizer, parameters, options, turn.index, turn.progress, rate)
        method.after_step(turn.player)
        self.cast.follow(turn.player)
        told = self.figures.updated()
        self.alarms.note(turn.phase, told)
        self.stopping.note(told)

    # Now and then

    def milestones(self, turn: Turn) -> None:
        """Evaluate, sample, save, stop early, as the phase says."""
        scene, scores = self.cast.scenes[turn.phase], self.scores
        phase, done = scene.phase, turn.step + 1
        reason = self.stopping.balanced(phase, turn)
        if reason or evaluates(phase, turn):
            scored = moves(phase, scene.method.trains, "generator")  # else there is nothing new
            better = scored and scores.judge(self.position, turn.phase)
            self.react(turn)
            impatient = phase.patience is not None and scores.stale >= phase.patience
            if impatient:
                reason = f"no better for {scores.stale} evaluations"
            elif reason is None:
                reason = self.stopping.reached(phase, turn, scores.figures_of_last)
            if reason and not turn.ends:
                self.skip(turn, reason)
                if better:
                    scores.best["checkpoint"] = f"checkpoint-{self.position:06d}"
            if (turn.ends or impatient) and phase.patience and scored and not better:
                scores.restore_best(self.cast)
            if phase.every.checkpoint is None or better or turn.ends or reason:
                self.save()
        if phase.every.checkpoint and done % phase.every.checkpoint == 0:
            self.save()
        if phase.every.sample and done % phase.every.sample == 0:
            scores.write_samples(self.position)

    def skip(self, turn: Turn, reason: str) -> None:
        """Go to the end of this occurrence of the phase, and say why."""
        if self.figures.parts:
            self.figures.write(turn)
        text = f"{turn.phase}: {reason}, ended after step {turn.step + 1}"
        self.figures.event(self.position, turn.phase, {"ended": reason}, text)
        rest = islice(self.turns(), turn.number, None)
        self.position = next(t.number for t in rest if t.ends) + 1

    def react(self, turn: Turn) -> None:
        """If the generator has just collapsed, do what ``trainer.on_collapse`` says."""
        verdict = self.alarms.verdict(self.position, turn.phase)
        self.collapsed = self.collapsed or verdict == "stop"
        if verdict == "roll back":
            self.scores.roll_back(self.cast)

    # Saving

    def save(self) -> None:
        """A checkpoint of this position, and the links."""
        self.figures.check_finite(self.position, self.cast.finite())
        if processes.rank() == 0:
            self.figures.flush()
            if self.position != self.saved_position:  # the same turn has the same state
                writers = self.cast.writers(self.corpus.tokenizer) | {"run.yaml": self.write_about}
                checkpoint.save(self.run, self.position, writers, self.state())
            checkpoint.link(self.run, "last", self.run / f"checkpoint-{self.position:06d}")
            self.scores.link_best()
            checkpoint.rotate(self.run, self.recipe.trainer.keep)
        processes.wait()
        self.saved_position = self.position
        self.saved = time.monotonic()

    def write_about(self, place: Path) -> None:
        """The recipe, and behind it what every run.yaml has: a file that was cut off lacks it."""
        rest = {key: value for key, value in self.about.items() if key != "recipe"}
        text = config.to_yaml({"recipe": self.recipe.model_dump(mode="json")} | rest)
        place.write_text(text, encoding="utf-8")

    def state(self) -> dict[str, Any]:
        """All that isn't in the players' folders."""
        return {
            "position": self.position,
            "best": self.scores.best,
            "stale": self.scores.stale,
            **self.cast.state(),
            **self.batches.state(),
            "parts": self.figures.parts,
            "alarms": self.alarms.state(),
            "stopping": self.stopping.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; the players come from their folders."""
        self.position = self.saved_position = state["position"]
        self.cast.load(state)
        self.batches.load(state)
        self.figures.load(state["parts"])
        self.alarms.load(state["alarms"])
        self.stopping.load(state["stopping"])
        self.scores.load(state["best"], state["stale"])
