"""What is scored: one draw of texts beside held-out real ones, shared by every metric."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from textgan.errors import UserError
from textgan.metrics.estimate import Estimate

Tokens = list[str]


class TooFew(UserError):
    """There are too few texts for a metric; whoever knows their file names it."""


@dataclass(frozen=True)
class Evaluation:
    """Texts of one source beside references; ``tokens`` are what n-grams are made of.

    Of real text the metrics give the ceiling: ``samples`` are then training texts.
    """

    texts: list[str]
    """M texts to score, as a reader sees them."""
    tokens: list[Tokens]
    """The same, cut into tokens."""
    reference_texts: list[str]
    """N held-out real texts."""
    references: list[Tokens]
    """The same, cut into tokens."""
    training_texts: list[str] = field(default_factory=list)
    """What the generator has read, for memorisation; empty where it isn't known."""
    training: list[Tokens] = field(default_factory=list)
    """The same, cut into tokens."""
    labels: list[str] = field(default_factory=list)
    """(M,) the category that each text was drawn for; empty without categories."""
    reference_labels: list[str] = field(default_factory=list)
    training_labels: list[str] = field(default_factory=list)
    seed: int = 0
    """Of whatever a metric draws."""
    embeddings: str | None = None
    """The sentence encoder's folder, or None for the installed one."""

    @cached_property
    def size(self) -> int:
        """M."""
        return len(self.texts)


Metric = Callable[[Evaluation], dict[str, Estimate | None]]
"""Figures by name; None where there can't be one (an encoder that doesn't know the language)."""
