"""How boldly words are chosen, by transformers' own warpers."""

from dataclasses import dataclass

from transformers import (
    LogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from textgan.errors import UserError


@dataclass(frozen=True)
class Taste:
    """Temperature, and which tokens are too unlikely to be drawn at all.

    Attributes:
        temperature: below 1 likelier words, above 1 rarer ones.
        top_k: only so many likeliest tokens (Fan et al. 2018, arXiv 1805.04833).
        top_p: only the likeliest that together have this probability (Holtzman et al. 2020,
            1904.09751).
        typical: only those whose surprise is nearest to the expected one and that together have
            this probability (Meister et al. 2023, 2202.00666).

    Raises:
        UserError: a value out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    typical: float | None = None

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 100:
            raise UserError(f"--temperature: must be from 0.01 to 100, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise UserError(f"--top-k: must be 1 or more, got {self.top_k}")
        for option, share in (("--top-p", self.top_p), ("--typical", self.typical)):
            if share is not None and not 0 < share < 1:
                raise UserError(f"{option}: must be between 0 and 1, got {share}")

    @property
    def truncates(self) -> bool:
        """True if some tokens are never drawn."""
        return not self.top_k is self.top_p is self.typical is None

    def scaling(self) -> list[LogitsProcessor]:
        """What makes all tokens likelier or unlikelier."""
        return [] if self.temperature == 1 else [TemperatureLogitsWarper(self.temperature)]

    def truncation(self) -> list[LogitsProcessor]:
        """What leaves tokens out, in transformers' order."""
        found: list[LogitsProcessor] = []
        found += [] if self.top_k is None else [TopKLogitsWarper(self.top_k)]
        found += [] if self.top_p is None else [TopPLogitsWarper(self.top_p)]
        found += [] if self.typical is None else [TypicalLogitsWarper(self.typical)]
        return found
