"""Where the lines of a poem may be from: the training line most like each, and what the
discriminator thinks of it.
"""

import re
from typing import NamedTuple

import numpy as np

from textgan.draft import Poem
from textgan.forms.han import HAN
from textgan.metrics.memorisation import nearest
from textgan.poet import Poet

END = re.compile(r"\n|(?<=[，。；！？])")
"""Where a line ends: Chinese verse has a mark there, and often no line break."""


class Reason(NamedTuple):
    """Of one line."""

    line: str
    nearest: str
    """The training line most like it."""
    similarity: float
    """How much, in [0, 1]: the Dice coefficient of their pairs of neighbouring words."""
    score: float | None
    """What the line adds to the discriminator's logit; None where none has learnt."""

    def __str__(self) -> str:
        score = "" if self.score is None else f"; the discriminator {self.score:+.2f}"
        return f"{self.line}\n    {self.similarity:.2f} like: {self.nearest}{score}"


class Why:
    """A poet's training lines, ready to be compared with.

    Raises:
        UserError: they aren't there.
    """

    def __init__(self, poet: Poet) -> None:
        self.poet = poet
        texts = poet.lines("--why")
        self.lines = [*dict.fromkeys(line for text in texts for line in lines(text))]
        self.words = [words(line) for line in self.lines]

    def of(self, poem: Poem) -> list[Reason]:
        """Each line's reason."""
        own = lines(poem.text)
        found = nearest([words(line) for line in own], self.words)
        scores = self.scores(poem, len(own))
        return [
            Reason(line, self.lines[near.place], near.similarity, score)
            for line, near, score in zip(own, found, scores, strict=True)
        ]

    def scores(self, poem: Poem, count: int) -> list[float | None]:
        """The discriminator's scores of the tokens, summed over each of so many lines."""
        tokens = self.poet.token_scores(poem)
        if tokens is None:
            return [None] * count
        totals, seen = np.zeros(max(1, count)), ""
        for piece, score in tokens:
            seen += piece
            totals[max(0, len(lines(seen)) - 1)] += score
        return [float(total) for total in totals[:count]]


def lines(text: str) -> list[str]:
    """A text's lines that aren't blank; Chinese characters without blanks between them."""
    found = (line.strip() for line in END.split(text))
    return ["".join(words(line)) if HAN.search(line) else line for line in found if line]


def words(line: str) -> list[str]:
    """Characters of a Chinese line, else words between blanks."""
    return [*"".join(line.split())] if HAN.search(line) else line.split()
