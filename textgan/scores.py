"""How good the generator is while it trains, and which checkpoint was the best."""

import math
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textgan import checkpoint, models, processes, runtime, seal, validation, variety
from textgan.alarms import Alarms
from textgan.data.corpus import Corpus
from textgan.figures import Figures
from textgan.generators import Generator
from textgan.recipe import Recipe, Stage

if TYPE_CHECKING:
    from textgan.cast import Cast


class Scores:
    """Scores on the validation split: likelihood in pretraining, BLEU in the game, or the distance
    from an oracle.
    """

    def __init__(
        self,
        recipe: Recipe,
        stage: Stage,
        corpus: Corpus,
        generator: Generator,
        figures: Figures,
        alarms: Alarms,
    ) -> None:
        self.options, self.stage, self.corpus = recipe.trainer, stage, corpus
        self.generator, self.figures, self.alarms = generator, figures, alarms
        self.run = figures.run
        self.best: dict[str, Any] = {"score": None, "checkpoint": None}
        self.stale = 0
        """Scores in a row that were no better, in this occurrence of the phase."""
        self.figures_of_last: dict[str, float] = {}

    def judge(self, position: int, phase: str) -> bool:
        """Score the generator as it is; true if it is the best so far."""
        self.figures.check_finite(position)
        runtime.seed(self.options.seed, "validation")
        if self.stage == "pretrain":
            nll = validation.nll(self.generator, self.corpus, "validation").value
            figures, score = {"validation_nll": nll}, -nll
        elif self.corpus.oracle is not None:
            count = self.options.validation_samples
            figures = validation.divergence(self.generator, self.corpus, count)
            score = -figures["jsd"]
        else:
            count = self.options.validation_samples
            figures = validation.quality(self.generator, self.corpus, count)
            score = figures["harmonic_bleu4"]
        figures, score = processes.of_first(lambda: (figures, score))  # a decision hangs on it
        if not math.isfinite(score):
            self.figures.stop(position)
        collapsed = self.stage == "adversarial" and self._survey(position, phase, figures)
        self.figures.scored(position, phase, figures)
        self.write_samples(position)
        self.figures_of_last = figures
        better = not collapsed and (self.best["score"] is None or score > self.best["score"])
        if better:
            self.best = {"score": score, "checkpoint": f"checkpoint-{position:06d}"}
        self.stale = 0 if better else self.stale + 1
        return better

    def _survey(self, position: int, phase: str, figures: dict[str, float]) -> bool:
        """Add the variety of a few samples; true if it tells that a collapse has just begun."""
        own = variety.of_generator(self.generator, self.corpus, self.options.seed)
        own = processes.of_first(lambda: own)
        figures |= own
        return self.alarms.scored(position, phase, own, self.real)

    @cached_property
    def real(self) -> dict[str, float]:
        """The variety of as many training texts."""
        return variety.of_corpus(self.corpus, self.options.seed)

    def write_samples(self, position: int) -> None:
        """A few texts of the generator as it is, into samples/."""
        count = self.options.shown_samples
        if not count:
            return
        runtime.seed(self.options.seed, "samples")
        texts = self.corpus.tokenizer.batch_decode(
            validation.sample_ids(self.generator, count), skip_special_tokens=True
        )
        if processes.rank() == 0:
            (self.run / "samples").mkdir(exist_ok=True)
            place = self.run / "samples" / f"{position:06d}.txt"
            checkpoint.write_file(place, "\n\n".join(texts) + "\n")

    def restore_best(self, cast: "Cast") -> None:
        """The generator's best weights, from their checkpoint, if it was ever scored."""
        if self.best["checkpoint"] is None:
            return
        seal.check(self.best_folder, "generator")
        cast.take("generator", models.load_generator(self.best_folder / "generator"))

    def roll_back(self, cast: "Cast") -> None:
        """Both players, their optimizers and what the methods keep, as the best checkpoint has
        them, if there is one.
        """
        if self.best["checkpoint"] is None:
            return
        seal.check(self.best_folder)
        cast.take("generator", models.load_generator(self.best_folder / "generator"))
        cast.take("discriminator", models.load_discriminator(self.best_folder / "discriminator"))
        cast.load(checkpoint.load_state(self.best_folder))

    @property
    def best_folder(self) -> Path:
        """The best checkpoint."""
        return self.run / str(self.best["checkpoint"])

    def link_best(self) -> None:
        """Point ``best`` at its checkpoint, if there is one."""
        if self.best["checkpoint"] and processes.rank() == 0:
            checkpoint.link(self.run, "best", self.run / self.best["checkpoint"])

    def load(self, best: dict[str, Any], stale: int) -> None:
        """Go on from what was the best so far."""
        self.best, self.stale = best, stale
        if best["checkpoint"] and not re.fullmatch(r"checkpoint-\d+", best["checkpoint"]):
            raise ValueError(f"no checkpoint of a run: {best['checkpoint']}")
        # rotated away since the older checkpoint that the run goes on from?
        if best["checkpoint"] and not (self.run / best["checkpoint"]).exists():
            self.best = {"score": None, "checkpoint": None}
        self.link_best()
