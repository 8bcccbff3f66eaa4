"""Poems as the page shows and keeps them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from textgan.playground.ask import Ask
from textgan.playground.poets import Poets
from textgan.poet import Poem


@dataclass(frozen=True)
class Written:
    """A poem, where it is from, and what the discriminator says of its pieces, if there is one."""

    poem: Poem
    model: str
    checkpoint: str
    seed: int
    number: int
    scores: list[tuple[str, float]] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What programs get."""
        return {
            "text": self.poem.text,
            "model": self.model,
            "checkpoint": self.checkpoint,
            "seed": self.seed,
            "number": self.number,
            "log_prob": self.poem.log_prob,
            "log_weight": self.poem.log_weight,
        }


def write(poets: Poets, ask: Ask, scored: bool = False) -> Iterator[Written]:
    """Poems one after the other; ``scored``: with the discriminator's scores.

    Raises:
        UserError: no such model, or the wish can't be met.
    """
    with poets.busy:
        poet = poets.open(ask.model)
        poems = poet.poems(ask.wish, ask.count, ask.seed)
    for number in range(ask.count):
        with poets.busy:
            poem = next(poems)
            scores = poet.token_scores(poem) if scored else None
        checkpoint = poet.checkpoint.folder.name
        yield Written(poem, ask.model, checkpoint, ask.seed, number, scores)
