"""From a checkpoint to texts that its discriminator has a say in (residual EBM)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor
from transformers import LogitsProcessorList

from textgan import models, runs, runtime, seal
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.errors import UserError
from textgan.estimators.resampling import resample
from textgan.sampling import Writer


@dataclass
class Resampler(Writer):
    """Writes texts of p(x) ∝ pi(x) e^{d(x)}, by the two players of a run of ``residual_ebm``."""

    draws: ClassVar[str] = "resample"
    discriminator: Discriminator
    candidates: int
    """The generator's texts that each is chosen from."""
    sizes: float = 0.0
    texts: int = 0

    @classmethod
    def of(cls, checkpoint: runs.Checkpoint, candidates: int) -> "Resampler":
        """The writer of a checkpoint of the game.

        Raises:
            UserError: too few candidates, a run of another method, or a damaged checkpoint.
        """
        if candidates < 1:
            raise UserError(f"--candidates: must be 1 or more, got {candidates}")
        check_method(checkpoint)
        writer = Writer.open(checkpoint)
        discriminator = models.load_discriminator(checkpoint.folder / "discriminator")
        discriminator = discriminator.to(writer.generator.device)  # type: ignore[arg-type]
        return cls(writer.generator, writer.tokenizer, discriminator, candidates)

    @property
    def at_once(self) -> int:
        return max(1, super().at_once // self.candidates)

    @property
    def effective(self) -> float:
        """Mean effective sample size of the texts' candidates so far.

        Near ``candidates`` the discriminator changes little, near 1 there are too few candidates.
        """
        return self.sizes / max(1, self.texts)

    def check(self, count: int, temperature: float) -> None:
        super().check(count, temperature)
        if temperature != 1.0:
            raise UserError(
                "--candidates: their weights are for temperature 1; leave --temperature out"
            )

    def sample(
        self,
        size: int,
        prefix: Tensor | None,
        category: Tensor | None,
        processors: LogitsProcessorList,
    ) -> Sequences:
        many = [
            None if given is None else given.repeat_interleave(self.candidates, dim=0)
            for given in (prefix, category)
        ]
        s, effective = resample(
            self.generator,
            self.discriminator,
            size,
            self.candidates,
            prefix=many[0],
            category=many[1],
        )
        effective = runtime.gather(effective)
        self.sizes += float(effective.sum())
        self.texts += len(effective)
        return s


def resampled(
    run: str | Path, count: int = 5, candidates: int = 16, seed: int = 0, **how: Any
) -> tuple[list[str], float]:
    """``count`` texts, and the mean effective sample size of their candidates; see ``Resampler``.

    ``how``: ``prefix`` and ``category`` as of ``Writer.stream``: candidates begin so.
    """
    writer = Resampler.of(runs.open_checkpoint(Path(run)), candidates)
    return writer.write(count, seed=seed, **how), writer.effective


def check_method(checkpoint: runs.Checkpoint) -> None:
    """Raises UserError unless the discriminator was trained to complete the generator."""
    method = checkpoint.about["recipe"]["method"]["name"]
    if method != "residual_ebm":
        raise UserError(
            f"--candidates: {checkpoint.run} is a run of {method}, whose discriminator is no "
            "weight of texts; leave it out, or give a run of residual_ebm"
        )
    if checkpoint.stage != "adversarial":
        raise UserError(
            f"--candidates: {checkpoint.run} is a run of `{checkpoint.stage}`, its discriminator "
            "has learnt nothing yet; give a run of `adversarial`"
        )
    seal.check(checkpoint.folder, "discriminator")
