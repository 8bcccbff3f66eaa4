"""How good the generator is while it trains, and which checkpoint was the best."""

import math
import re
from typing import Any

from textgan import checkpoint, models, runtime, seal, validation
from textgan.data.corpus import Corpus
from textgan.figures import Figures
from textgan.generators import Generator
from textgan.recipe import Recipe, Stage


class Scores:
    """Scores on the validation split: likelihood in pretraining, BLEU in the game."""

    def __init__(
        self, recipe: Recipe, stage: Stage, corpus: Corpus, generator: Generator, figures: Figures
    ) -> None:
        self.options, self.stage, self.corpus = recipe.trainer, stage, corpus
        self.generator, self.figures = generator, figures
        self.run = figures.run
        self.best: dict[str, Any] = {"score": None, "checkpoint": None}
        self.stale = 0
        """Scores in a row that were no better, in this occurrence of the phase."""

    def judge(self, position: int, phase: str) -> bool:
        """Score the generator as it is; true if it is the best so far."""
        self.figures.check_finite(position)
        runtime.seed(self.options.seed, "validation")
        if self.stage == "pretrain":
            nll = validation.nll(self.generator, self.corpus, "validation").value
            figures, score = {"validation_nll": nll}, -nll
        else:
            count = self.options.validation_samples
            figures = validation.quality(self.generator, self.corpus, count)
            score = figures["harmonic_bleu4"]
        if not math.isfinite(score):
            self.figures.stop(position)
        self.figures.scored(position, phase, figures)
        self.write_samples(position)
        better = self.best["score"] is None or score > self.best["score"]
        if better:
            self.best = {"score": score, "checkpoint": f"checkpoint-{position:06d}"}
        self.stale = 0 if better else self.stale + 1
        return better

    def write_samples(self, position: int) -> None:
        """A few texts of the generator as it is, into samples/."""
        count = self.options.shown_samples
        if not count:
            return
        runtime.seed(self.options.seed, "samples")
        texts = self.corpus.tokenizer.batch_decode(
            validation.sample_ids(self.generator, count), skip_special_tokens=True
        )
        (self.run / "samples").mkdir(exist_ok=True)
        place = self.run / "samples" / f"{position:06d}.txt"
        checkpoint.write_file(place, "\n\n".join(texts) + "\n")

    def restore_best(self) -> None:
        """The generator's best weights, from their checkpoint, if it was ever scored."""
        if self.best["checkpoint"] is None:
            return
        seal.check(self.run / self.best["checkpoint"], "generator")
        best = models.load_generator(self.run / self.best["checkpoint"] / "generator")
        self.generator.load_state_dict(best.state_dict())

    def link_best(self) -> None:
        """Point ``best`` at its checkpoint, if there is one."""
        if self.best["checkpoint"]:
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
