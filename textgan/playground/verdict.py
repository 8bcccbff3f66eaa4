"""What the answers say: accuracy and win rates with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

LEVEL = 0.95


def wilson(hits: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = hits / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    reach = z * sqrt(share * (1 - share) / of + weight / of / 4) / (1 + weight)
    return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True)
class Verdict:
    """A share of answers.

    Attributes:
        kind: ``right`` (real or generated, told apart), ``fooled`` (generated, taken for real),
            or ``wins``.
        who: the checkpoint.
        whom: of wins, whom it was compared with.
        hits: answers that count.
        of: all but those that found neither better.
        ties: those.
        judges: sessions that answered; answers of one aren't independent.
    """

    kind: str
    who: str
    whom: str
    hits: int
    of: int
    ties: int
    judges: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the share; None where there is nothing to count."""
        return wilson(self.hits, self.of) if self.of else None


def verdicts(answers: Sequence[dict[str, Any]]) -> list[Verdict]:
    """All that can be said of answers, as ``Answers.read`` gives them."""
    return [*_told_apart(answers), *_compared(answers)]


def _told_apart(answers: Sequence[dict[str, Any]]) -> Iterable[Verdict]:
    asked = [one for one in answers if one["task"] == "real"]
    for who in dict.fromkeys(one["checkpoints"][0] for one in asked):
        own = [one for one in asked if one["checkpoints"][0] == who]
        false = [one for one in own if one["shown"][0]["source"] != "real"]
        right = sum(_truth(one) == one["answer"] for one in own)
        fooled = sum(one["answer"] == "real" for one in false)
        yield Verdict("right", who, "", right, len(own), 0, _judges(own))
        yield Verdict("fooled", who, "", fooled, len(false), 0, _judges(false))


def _truth(answer: dict[str, Any]) -> str:
    return "real" if answer["shown"][0]["source"] == "real" else "generated"


def _compared(answers: Sequence[dict[str, Any]]) -> Iterable[Verdict]:
    asked = [one for one in answers if one["task"] == "better"]
    for who, whom in dict.fromkeys(map(_pair, asked)):
        own = [one for one in asked if _pair(one) == (who, whom)]
        told = [one for one in own if one["answer"] != "neither"]
        wins = sum(
            one["shown"][["first", "second"].index(one["answer"])]["source"] == who for one in told
        )
        yield Verdict("wins", who, whom, wins, len(told), len(own) - len(told), _judges(own))


def _pair(answer: dict[str, Any]) -> tuple[str, str]:
    """The same for both orders; held-out texts last."""
    a, b = sorted((one["source"] for one in answer["shown"]), key=lambda s: (s == "real", s))
    return a, b


def _judges(answers: Sequence[dict[str, Any]]) -> int:
    return len({one["judge"] for one in answers})
