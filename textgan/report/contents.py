"""What a report holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np

from textgan.metrics.estimate import Estimate

CURVES = "quality and diversity"
"""Name of the plot that has a section of its own."""


class Row(Protocol):
    """A model's figures, as ``textgan.evaluation`` makes them."""

    @property
    def name(self) -> str:
        """Of the model, or of what it is compared with."""

    @property
    def figures(self) -> Mapping[str, Estimate | None]:
        """By name; None where there can't be one."""

    @property
    def protocol(self) -> str:
        """What the figures depend on: ``key:value|key:value``."""


class Sample(NamedTuple):
    """A generated text, and the training sentence that is most like it."""

    text: str
    nearest: str


@dataclass(frozen=True)
class Line:
    """A model's quality-diversity curve at one seed."""

    model: str
    seed: int
    settings: Sequence[str]
    """(K,) such as ``temperature 0.8``."""
    points: np.ndarray
    """(K, 2): quality and diversity, both lower is better."""


@dataclass(frozen=True)
class Report:
    """All parts but the rows may be missing."""

    title: str
    rows: Sequence[Row]
    ceilings: frozenset[str] = frozenset()
    """Names of rows that are no competitors: real text, the oracle itself."""
    better: Mapping[str, Literal["higher", "lower"]] = field(default_factory=dict)
    """By figure; one that isn't named has no best value."""
    verdicts: Sequence[str] = ()
    """Plain sentences, in the order to read them."""
    lines: Sequence[Line] = ()
    axes: tuple[str, str] = ("LM score", "reverse LM score")
    """What the curves' quality and diversity are."""
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    """By model."""
    configurations: Mapping[str, str] = field(default_factory=dict)
    """By model: the whole configuration as YAML."""
