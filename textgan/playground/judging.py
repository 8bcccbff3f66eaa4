"""One visitor's questions: real or generated? which of two is better?

The sources of a question are drawn behind its length, which both must have: the length says
nothing of the source.
"""

import random
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from textgan.errors import UserError
from textgan.playground.exhibits import REAL, Exhibit, generated, named, real
from textgan.playground.poets import Poets

Task = Literal["real", "better"]
TASKS: dict[Task, tuple[str, ...]] = {
    "real": ("real", "generated"),
    "better": ("first", "second", "neither"),
}
"""By question the answers there are."""


@dataclass(frozen=True)
class Question:
    """What stands on the screen: one text, or two in their order."""

    shown: tuple[Exhibit, ...]
    began: float


class Judging:
    """Questions about texts of two sources, each text once.

    Args:
        task: what is asked.
        first: texts of one source.
        second: texts of the other.
        checkpoints: what is judged.
        chance: decides lengths, sources and order.

    Raises:
        UserError: the sources have no length in common.
    """

    def __init__(
        self,
        task: Task,
        first: Sequence[Exhibit],
        second: Sequence[Exhibit],
        checkpoints: Sequence[str],
        chance: random.Random,
    ) -> None:
        self.task, self.checkpoints, self.chance = task, list(checkpoints), chance
        same = {one.text for one in first} & {one.text for one in second}
        self.sources = [_by_length(texts, same) for texts in (first, second)]
        self.judge = f"{chance.getrandbits(32):08x}"
        self.question = self.next()

    @property
    def lengths(self) -> list[int]:
        """The lengths that both sources still have, each as often as both have it."""
        first, second = self.sources
        return [n for n in sorted(first) for _ in range(min(len(first[n]), len(second.get(n, []))))]

    def next(self) -> Question:
        """Another question.

        Raises:
            UserError: there is none left.
        """
        if not (lengths := self.lengths):
            raise UserError("judge: no texts of the same length are left of both; begin anew")
        length = self.chance.choice(lengths)
        sides = self.chance.sample(self.sources, 1 if self.task == "real" else 2)
        shown = [side[length].pop(self.chance.randrange(len(side[length]))) for side in sides]
        self.question = Question(tuple(shown), time.monotonic())
        return self.question

    def answered(self, answer: str) -> dict[str, Any]:
        """The line to keep of an answer to the question that stands there."""
        assert answer in TASKS[self.task], answer
        shown = [
            {"source": one.source, "seed": one.seed, "number": one.number, "text": one.text}
            for one in self.question.shown
        ]
        return {
            "task": self.task,
            "judge": self.judge,
            "checkpoints": self.checkpoints,
            "shown": shown,
            "answer": answer,
            "seconds": round(time.monotonic() - self.question.began, 1),
        }


def begin(poets: Poets, task: Task, model: str, against: str, seed: int) -> Judging:
    """Questions about a model and held-out texts or another model.

    Raises:
        UserError: no such model, no held-out texts, or nothing that can be compared.
    """
    poet = poets.open(model)
    if against == REAL or task == "real":
        tokenizers = [poet.writer.tokenizer]
        others, names = real(poet, tokenizers, seed), [named(poet)]
    else:
        other = poets.open(against)
        if named(other) == named(poet):
            raise UserError("--against: is the model itself; take another one, or real texts")
        tokenizers = [poet.writer.tokenizer, other.writer.tokenizer]
        others, names = generated(other, tokenizers, seed), [named(poet), named(other)]
    own = generated(poet, tokenizers, seed)
    return Judging(task, own, others, names, random.Random(seed))


def _by_length(texts: Sequence[Exhibit], same: Container[str]) -> dict[int, list[Exhibit]]:
    """Different texts by their length, without those that both sources have."""
    found: dict[int, list[Exhibit]] = {}
    for one in {one.text: one for one in texts if one.text not in same}.values():
        found.setdefault(one.length, []).append(one)
    return found
