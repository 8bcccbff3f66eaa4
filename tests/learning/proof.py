"""What a method does on the known language, over three seeds, beside its controls.

python -m tests.learning.proof [METHOD[@RATE] ...] > table.md

RATE is the generator's at the start, in the place of the one in ``games.py``.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache

import numpy as np

from tests.learning.games import GAMES, OUTSIDE
from tests.learning.play import CONVERGED, Game, Result, play
from textgan.methods import METHODS

SEEDS = 12, 13, 14
"""Others than 0 to 11, by which the settings of ``games.py`` were chosen."""
MOVED = 0.02
"""Nats a text that a method must move from a generator which likelihood left half-way."""
STUDENT = 4.303
"""The 97.5 % quantile of Student's t with two degrees of freedom."""
UNEVEN = 0.005
"""Nats: a larger mean rise is named where the test doesn't call it significant."""
CONTROLS = "mle", "mle_continued", "random_reward", "constant_reward", "frozen_discriminator"
PROVED = sorted(METHODS.keys() - {*CONTROLS, *OUTSIDE})


@dataclass(frozen=True)
class Proof:
    """Three seeds of a method from either start, and its controls from the first."""

    half: list[Result]
    random: list[Result]
    mle: list[Result]
    converged: list[Result]

    @property
    def moves(self) -> bool:
        return all(result.moved >= MOVED for result in self.half)

    @property
    def beats_random(self) -> bool:
        return all(a.end < b.end for a, b in zip(self.half, self.random, strict=True))

    @property
    def nears(self) -> bool:
        """True if it ends nearer to the language than it began: noise alone stays where it is."""
        return all(result.end < result.start for result in self.half)

    @property
    def rise(self) -> list[float]:
        """How much JSD rises from the converged start, by seed."""
        return [result.end - result.start for result in self.converged]

    @property
    def rises(self) -> bool:
        """True if that is significant: a two-sided t test at 5 %."""
        error = float(np.std(self.rise, ddof=1)) / len(self.rise) ** 0.5
        return float(np.mean(self.rise)) > STUDENT * error

    @property
    def passes(self) -> bool:
        return self.moves and self.beats_random and self.nears and not self.rises


def control(name: str, game: Game, seed: int) -> Result:
    """A control from the same start, with as many updates, at the same rate if that is Adam's.

    A rate of plain gradient steps says nothing without the size of a method's rewards.
    """
    shared = ["generator", "discriminator", "mle", "beside", "steps", "batch"]
    shared += ["rates"] if game.algorithm == "adam" else []
    same = replace(GAMES[name], **{part: getattr(game, part) for part in shared})
    return _played(name, json.dumps(asdict(same)), seed)


@cache
def _played(name: str, game: str, seed: int) -> Result:
    return play(name, Game(**json.loads(game)), seed)


def prove(name: str, rate: str = "") -> Proof:
    """Play it all, at another learning rate if one is given."""
    game = GAMES[name]
    if rate:
        game = replace(game, rates={**game.rates, "generator": float(rate)})
    return Proof(
        [play(name, game, seed) for seed in SEEDS],
        [control("random_reward", game, seed) for seed in SEEDS],
        [control("mle_continued", game, seed) for seed in SEEDS],
        [play(name, game, seed, CONVERGED) for seed in SEEDS],
    )


def row(name: str, proof: Proof) -> str:
    """One line of the table."""

    def ends(results: Iterable[Result]) -> str:
        return " ".join(f"{result.end:.3f}" for result in results)

    start = " ".join(f"{result.start:.3f}" for result in proof.half)
    moved = " ".join(f"{result.moved:.2f}" for result in proof.half)
    rise = " ".join(f"{change:+.4f}" for change in proof.rise)
    verdict = ", ".join(
        word
        for word, failed in (
            ("moves too little", not proof.moves),
            ("random reward is no worse", not proof.beats_random),
            ("comes no nearer", not proof.nears),
            ("rises from converged", proof.rises),
        )
        if failed
    )
    if not verdict:
        # Three seeds can't show a rise that differs much between them.
        verdict = "passes, unevenly" if np.mean(proof.rise) > UNEVEN else "passes"
    cells = (name, start, ends(proof.half), moved, ends(proof.random), ends(proof.mle), rise)
    return f"| {' | '.join(cells)} | {verdict} |"


def main() -> None:
    """Print the table of some methods, or of all."""
    head = "method", "start", "end", "KL to start", "random_reward", "mle_continued"
    print(f"| {' | '.join(head)} | change from converged | verdict |")
    print("|" + " --- |" * (len(head) + 2))
    for name in sys.argv[1:] or PROVED:
        print(row(name, prove(*name.split("@"))), flush=True)


if __name__ == "__main__":
    main()
