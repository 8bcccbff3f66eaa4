"""The loop. It plays turns, and never asks which paper it is playing."""

import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from textgan import checkpoint, config, models, runtime, validation
from textgan.data.corpus import Corpus, Order
from textgan.data.sequences import Sequences
from textgan.discriminators import Discriminator
from textgan.errors import UserError
from textgan.generators import Generator
from textgan.interrupts import Interrupted, interrupts
from textgan.methods import METHODS, Method
from textgan.optimizers import OptimizerOptions, make_optimizer, step
from textgan.phases import Phase, Turn, order, unroll, walk
from textgan.recipe import Recipe, Stage, make_method, method_of, optimizer_of
from textgan.tracking import Metrics, ProgressLine, say

LOG_TURNS = 20
"""Figures are averaged over so many turns before they are written down."""


class Trainer:
    """One run of one stage: players, their optimizers, and the position among the turns.

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
        self.device = runtime.pick_device(recipe.trainer.device)
        self.generator = generator.to(self.device)  # type: ignore[arg-type]
        self.discriminator = discriminator.to(self.device)  # type: ignore[arg-type]
        self.order = Order(len(corpus), recipe.trainer.seed)
        self.phases: dict[str, Phase] = dict(walk(getattr(recipe, stage), stage))
        self.methods: dict[str, Method] = {}
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.position = 0
        self.pool: Sequences | None = None
        self.best: dict[str, Any] = {"score": None, "checkpoint": None}
        self.stale = 0
        self.parts: dict[str, list[Tensor | int]] = {}
        self.broken = torch.zeros((), dtype=torch.bool, device=self.device)
        self.interrupted = False
        self.tokens = 0
        self.saved_position: int | None = None
        self.total = sum(1 for _ in self.turns())

    # The loop

    def train(self) -> None:
        """Play every turn from the position on.

        Raises:
            Interrupted: after saving.
            UserError: a loss became NaN or infinite; the last good checkpoint stays.
        """
        new = self.best["score"] is None and self.position == 0
        self.metrics = Metrics(self.run, self.recipe.tracker, -1 if new else self.position)
        self.line = ProgressLine(self.stage, self.total, self.position)
        self.saved = time.monotonic()
        self.began = time.monotonic()
        try:
            with interrupts(self.stop):
                if new and self.stage == "adversarial":
                    self.judge(self.stage)
                    self.save()
                for turn in self.turns():
                    if turn.number >= self.position:
                        self.turn(turn)
                if self.position > 0 or self.stage == "pretrain":
                    self.save()
        finally:
            self.line.close()
            self.metrics.close()

    def stop(self) -> None:
        """Save and end behind this update."""
        self.interrupted = True

    def turns(self) -> Iterator[Turn]:
        """All turns of the stage."""
        trains = {
            where: METHODS[method_of(self.recipe, phase).name].trains
            for where, phase in self.phases.items()
        }
        phases = getattr(self.recipe, self.stage)
        batch_size = self.recipe.trainer.batch_size
        return unroll(phases, self.stage, trains, len(self.corpus), batch_size)

    def turn(self, turn: Turn) -> None:
        """One update, and what is due behind it."""
        self.update(turn)
        self.position = turn.number + 1
        if turn.number % LOG_TURNS == LOG_TURNS - 1 or turn.ends:
            self.log(turn)
        elif self.line.due():
            self.show(turn)
        if turn.ends_step:
            self.milestones(turn)
        minutes = (time.monotonic() - self.saved) / 60
        if self.interrupted or minutes > self.recipe.trainer.save_minutes:
            self.save()
        if self.interrupted:
            raise Interrupted

    def update(self, turn: Turn) -> None:
        """Batch, texts, loss, gradient, step."""
        runtime.seed(self.recipe.trainer.seed, self.stage, turn.number)
        method = self.method(turn.phase)
        if turn.begins:
            method.begin()
            self.stale = 0
        method.train()
        stream = f"{turn.phase}/{turn.occurrence}/{turn.player}"
        rows = self.order.rows(stream, turn.index, turn.batch_size)
        if turn.draw != "fresh":  # as many real texts as the pool's batch has
            rows = self.order.take(stream, turn.taken, turn.batch_size)
        real = self.real(rows)
        fake = self.fake(turn, method, real, stream)
        for name in ("generator", "discriminator"):
            getattr(method, name).requires_grad_(name == turn.player)
        options = optimizer_of(self.recipe, self.phases[turn.phase], turn.player)
        optimizer = self.optimizer(method, turn.player, options)
        optimizer.zero_grad(set_to_none=True)
        parts = min(options.accumulation, len(real), len(fake))  # no empty ones: their mean is NaN
        for r, f in zip(real.split(parts), fake.split(parts), strict=True):
            loss = method.loss(turn.player, r, f, turn.progress)
            (loss.total / parts).backward()  # type: ignore[no-untyped-call]
            self.note({**loss.parts}, loss.total)
        self.tokens += real.ids.numel() + (0 if fake is real else fake.ids.numel())
        parameters = list(getattr(method, turn.player).parameters())
        runtime.sum_gradients(parameters)
        step(optimizer, parameters, options, turn.index, turn.progress)
        method.after_step(turn.player)

    def real(self, rows: "np.ndarray[Any, Any]") -> Sequences:
        """Training texts, this process's rows of the global batch."""
        local = runtime.local_rows(torch.from_numpy(rows)).tolist()
        return self.corpus.batch("train", local).to(self.device)

    def fake(self, turn: Turn, method: Method, real: Sequences, stream: str) -> Sequences:
        """This turn's generated texts: fresh ones, or a batch of the pool."""
        if turn.draw == "fresh":
            return method.play(real, turn.progress)
        if turn.draw == "pool":
            self.pool = self.draw_pool(turn, method, stream)
        assert self.pool is not None, "a pool is kept that was never drawn"
        shuffled = Order(len(self.pool), self.recipe.trainer.seed)
        where = f"{stream}/pool/{turn.step}/{turn.pool_epoch}"
        rows = shuffled.rows(where, 0, len(self.pool))
        rows = rows[turn.pool_start : turn.pool_start + turn.batch_size]
        return self.pool[torch.from_numpy(rows).to(self.device)]

    def draw_pool(self, turn: Turn, method: Method, stream: str) -> Sequences:
        """Generated texts in large batches: small ones would leave the processor waiting."""
        where, size = f"{stream}/pool/{turn.index}", min(256, turn.pool_size)
        batches = []
        for start in range(0, turn.pool_size, size):
            rows = self.order.take(where, start, min(size, turn.pool_size - start))
            batches.append(method.play(self.real(rows), turn.progress))
        return Sequences.cat(batches)

    # Now and then

    def milestones(self, turn: Turn) -> None:
        """Evaluate, sample, save, stop early, as the phase says."""
        phase = self.phases[turn.phase]
        done = turn.step + 1
        if turn.ends or done % self.every(phase, turn) == 0:
            better = self.moves_generator(turn.phase) and self.judge(turn.phase)
            over = turn.ends or (phase.patience is not None and self.stale >= phase.patience)
            if over and not turn.ends:
                self.skip(turn)
            if over and phase.patience and self.moves_generator(turn.phase) and not better:
                self.restore_best()
            if phase.every.checkpoint is None or better or over:
                self.save()
        if phase.every.checkpoint and done % phase.every.checkpoint == 0:
            self.save()
        if phase.every.sample and done % phase.every.sample == 0:
            self.write_samples()

    def moves_generator(self, phase: str) -> bool:
        """False in a phase for the discriminator alone: there is nothing new to score."""
        players = self.phases[phase].players or self.method(phase).trains
        moves = "generator" in players and "generator" in self.method(phase).trains
        turns = self.phases[phase].players.get("generator")
        return moves and (turns is None or turns.updates > 0)

    def every(self, phase: Phase, turn: Turn) -> int:
        """Steps between evaluations."""
        if phase.every.evaluate:
            return phase.every.evaluate
        if phase.epochs:
            return max(1, round(turn.steps / phase.epochs))
        return max(1, turn.steps // 10)

    def judge(self, phase: str) -> bool:
        """Score the generator on the validation split; true if it is the best so far."""
        self.check_finite()
        runtime.seed(self.recipe.trainer.seed, "validation")
        if self.stage == "pretrain":
            nll = validation.nll(self.generator, self.corpus, "validation").value
            figures, score = {"validation_nll": nll}, -nll
        else:
            count = self.recipe.trainer.validation_samples
            figures = validation.quality(self.generator, self.corpus, count)
            score = figures["harmonic_bleu4"]
        if not math.isfinite(score):
            self.broken = torch.ones_like(self.broken)
            self.check_finite()
        self.metrics.log(self.position, phase, figures)
        self.show_text(phase, figures)
        self.write_samples()
        better = self.best["score"] is None or score > self.best["score"]
        if better:
            self.best = {"score": score, "checkpoint": f"checkpoint-{self.position:06d}"}
        self.stale = 0 if better else self.stale + 1
        return better

    def skip(self, turn: Turn) -> None:
        """Go to the end of this occurrence of the phase."""
        if self.parts:
            self.log(turn)
        rest = islice(self.turns(), turn.number, None)
        self.position = next(t.number for t in rest if t.ends) + 1
        ended = f"ended after step {turn.step + 1}"
        say(f"{turn.phase}: no better for {self.stale} evaluations, {ended}")

    def restore_best(self) -> None:
        """The generator's best weights, from their checkpoint, if it was ever scored."""
        if self.best["checkpoint"] is None:
            return
        best = models.load_generator(self.run / self.best["checkpoint"] / "generator")
        self.generator.load_state_dict(best.state_dict())

    def write_samples(self) -> None:
        """A few texts of the generator as it is, into samples/."""
        count = self.recipe.trainer.shown_samples
        if not count:
            return
        runtime.seed(self.recipe.trainer.seed, "samples")
        texts = self.corpus.tokenizer.batch_decode(
            validation.sample_ids(self.generator, count), skip_special_tokens=True
        )
        (self.run / "samples").mkdir(exist_ok=True)
        place = self.run / "samples" / f"{self.position:06d}.txt"
        checkpoint.write_file(place, "\n\n".join(texts) + "\n")

    # Figures

    def note(self, parts: dict[str, Tensor], total: Tensor) -> None:
        """Add a loss's parts to the running means, without waiting for the device."""
        for name, value in parts.items():
            mean = self.parts.setdefault(name, [torch.zeros_like(value), 0])
            mean[0] = mean[0] + value
            mean[1] = int(mean[1]) + 1
        self.broken = self.broken | ~torch.isfinite(total.detach())

    def means(self) -> dict[str, float]:
        """The running means since they were last written down."""
        return {name: float(total) / int(count) for name, (total, count) in self.parts.items()}

    def log(self, turn: Turn) -> None:
        """Write the means down and start new ones."""
        self.check_finite()
        self.metrics.log(self.position, turn.phase, self.means())
        if self.line.due():
            self.show(turn)
        self.parts = {}

    def show(self, turn: Turn) -> None:
        """Bring the progress line up to date."""
        self.check_finite()
        self.show_text(f"{turn.phase} step {turn.step + 1}/{turn.steps}", self.means())

    def show_text(self, title: str, figures: dict[str, float]) -> None:
        """The progress line with some figures."""
        speed = self.tokens / max(1e-9, time.monotonic() - self.began)
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.line.show(self.position, title, f"{text}  {speed:,.0f} tokens/s")

    def check_finite(self) -> None:
        """Stop before anything broken is saved."""
        if bool(self.broken):
            last = self.run / "last"
            kept = (
                f"the last good checkpoint is {last.resolve()}" if last.exists() else "none saved"
            )
            raise UserError(
                f"{self.stage}: a loss or weight became NaN or infinite by turn {self.position}; "
                f"{kept}. Try a smaller optimizers.<player>.lr or clip, or another trainer.seed"
            )

    # Parts made when first needed

    def method(self, phase: str) -> Method:
        """The method of a phase; phases with the same options share one."""
        options = method_of(self.recipe, self.phases[phase])
        key = options.model_dump_json()
        if key not in self.methods:
            method = make_method(options, self.generator, self.discriminator)
            self.methods[key] = method.to(self.device)
        return self.methods[key]

    def optimizer(
        self, method: Method, player: str, options: OptimizerOptions
    ) -> torch.optim.Optimizer:
        """A player's optimizer under a method: MLE's moments are not the game's."""
        key = f"{method.options.name} {player} {options.algorithm}"
        if key not in self.optimizers:
            parameters = getattr(method, player).parameters()
            self.optimizers[key] = make_optimizer(options, parameters)
        return self.optimizers[key]

    # Saving

    def save(self) -> None:
        """A checkpoint of this position, and the links."""
        for player in (self.generator, self.discriminator):
            for parameter in player.parameters():
                self.broken = self.broken | ~torch.isfinite(parameter.detach()).all()
        self.check_finite()
        if runtime.rank() == 0:
            self.metrics.flush()
            folder = self.run / f"checkpoint-{self.position:06d}"
            if self.position != self.saved_position:  # the same turn has the same state
                checkpoint.save(self.run, self.position, self.writers(), self.state())
            self.saved_position = self.position
            checkpoint.link(self.run, "last", folder)
            best = self.best["checkpoint"]
            if best:
                checkpoint.link(self.run, "best", self.run / best)
            checkpoint.rotate(self.run, self.recipe.trainer.keep)
        self.saved = time.monotonic()

    def writers(self) -> dict[str, Callable[[Path], object]]:
        """What a checkpoint holds besides the state."""

        def generator(place: Path) -> None:
            self.generator.save_pretrained(place)
            self.corpus.tokenizer.save_pretrained(place)

        # What every run.yaml has stands behind the recipe: a file that was cut off lacks it.
        rest = {key: value for key, value in self.about.items() if key != "recipe"}
        about = config.to_yaml({"recipe": self.recipe.model_dump(mode="json")} | rest)
        return {
            "generator": generator,
            "discriminator": self.discriminator.save_pretrained,
            "run.yaml": lambda place: place.write_text(about, encoding="utf-8"),
        }

    def state(self) -> dict[str, Any]:
        """All that isn't in the players' folders."""
        return {
            "position": self.position,
            "best": self.best,
            "stale": self.stale,
            "methods": {key: m.own_state() for key, m in self.methods.items()},
            "optimizers": {key: o.state_dict() for key, o in sorted(self.optimizers.items())},
            "pool": self.pool.tensors() if self.pool is not None else None,
            "parts": self.parts,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; the players come from their folders."""
        self.position, self.best, self.stale = state["position"], state["best"], state["stale"]
        for where, phase in order(getattr(self.recipe, self.stage), self.stage):
            own = state["methods"].get(method_of(self.recipe, phase).model_dump_json())
            if own is None:
                continue  # not played yet
            method = self.method(where)
            method.load_state_dict(own, strict=False)
            for player in method.trains:
                options = optimizer_of(self.recipe, phase, player)
                key = f"{method.options.name} {player} {options.algorithm}"
                if saved := state["optimizers"].get(key):
                    self.optimizer(method, player, options).load_state_dict(saved)
        if state["pool"] is not None:
            eos = self.corpus.tokenizer.eos_token_id
            self.pool = Sequences(**state["pool"], eos=eos).to(self.device)
        self.parts = {
            name: [total.to(self.device), count] for name, (total, count) in state["parts"].items()
        }
        self.saved_position = self.position
        if self.best["checkpoint"]:
            if (self.run / self.best["checkpoint"]).exists():
                checkpoint.link(self.run, "best", self.run / self.best["checkpoint"])
            else:  # rotated away since the older checkpoint that the run goes on from
                self.best = {"score": None, "checkpoint": None}
