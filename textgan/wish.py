"""What a poem should be like."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from textgan.errors import UserError
from textgan.forms import FormOptions
from textgan.taste import Taste

RESAMPLED = 16
"""Poems that each is resampled from."""
MOST = 1024
"""Poems that each can be chosen from."""


@dataclass(frozen=True)
class Wish:
    """What a poem should be like.

    Attributes:
        form: a form of verse, and what else a poem must do.
        taste: temperature and truncation.
        prefix: how it begins.
        category: what kind of text, a label's name or number; None: any.
        best_of: poems that are drawn for each that is kept.
        by: what the best one has most of: probability, as a whole, or the discriminator's praise.
        resample: keep one of ``RESAMPLED`` by its weight instead.
        candidates: keep one of so many by its weight, in which the discriminator of a residual EBM
            has its say.

    Raises:
        UserError: a value out of range, or two that exclude each other.
    """

    form: FormOptions = field(default_factory=FormOptions)
    taste: Taste = field(default_factory=Taste)
    prefix: str = ""
    category: str | None = None
    best_of: int = 1
    by: Literal["likelihood", "discriminator"] = "likelihood"
    resample: bool = False
    candidates: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.best_of <= MOST:
            raise UserError(f"--best-of: must be from 1 to {MOST}, got {self.best_of}")
        if self.by not in ("likelihood", "discriminator"):
            raise UserError(f"--by: must be likelihood or discriminator, got {self.by!r}")
        if self.by == "discriminator" and self.best_of == 1:
            raise UserError("--by: chooses the best of several; give --best-of, as --best-of 16")
        if self.candidates is not None:
            self._weighed("--candidates")
            self._by_a_discriminator(self.candidates)
        elif self.resample:
            self._weighed("--resample")
            if not self.form.asked:
                raise UserError(
                    "--resample: corrects what a form distorts; give one, as --form haiku"
                )

    def _weighed(self, option: str) -> None:
        if self.best_of > 1:
            raise UserError(f"{option}: corrects the distribution, --best-of bends it; leave one")
        if self.taste.truncates:
            raise UserError(
                f"{option}: what --top-k, --top-p and --typical leave out has no weight; leave "
                "them out"
            )

    def _by_a_discriminator(self, candidates: int) -> None:
        if not 1 <= candidates <= MOST:
            raise UserError(f"--candidates: must be from 1 to {MOST}, got {candidates}")
        if self.resample:
            raise UserError("--resample: is part of --candidates; leave it out")
        if self.taste.temperature != 1:
            raise UserError(
                "--candidates: their weights are for temperature 1; leave --temperature out"
            )

    @property
    def weighs(self) -> bool:
        """True if poems are chosen by their weights."""
        return self.resample or self.candidates is not None

    @property
    def each(self) -> int:
        """Poems that are drawn for each that is kept."""
        return self.candidates or (RESAMPLED if self.resample else self.best_of)


def form_options(**fields: Any) -> FormOptions:
    """The options of a form by their names.

    Raises:
        UserError: a value that can't be, under the option's name on the command line.
    """
    try:
        return FormOptions(**fields)
    except ValidationError as error:
        problem = error.errors()[0]
        option = "--" + str(problem["loc"][0]).replace("_", "-")
        wrong = problem["msg"].removeprefix("Input ").replace("should", "must", 1)
        raise UserError(f"{option}: {wrong}, got {problem['input']!r}") from None
