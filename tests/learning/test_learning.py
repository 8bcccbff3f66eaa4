"""Learning on a language whose density is known: does a method move what it should?

The table of all methods stands in docs/learning.md; ``python -m tests.learning.proof`` makes it.
"""

import pytest

from tests.learning.games import FAILURES, GAMES
from tests.learning.play import CONVERGED, HALF, play
from tests.learning.proof import CONTROLS, PROVED, prove
from textgan.methods import METHODS


def test_maximum_likelihood_learns_the_language() -> None:
    further = play("mle_continued", GAMES["mle_continued"], 0)
    assert further.end < further.start - 0.05
    converged = play("mle_continued", GAMES["mle_continued"], 0, CONVERGED)
    assert converged.start < 0.02


@pytest.mark.parametrize("name", ["seqgan"])
def test_a_method_improves_over_random_reward_and_its_own_start(name: str) -> None:
    found = play(name, GAMES[name], 0, HALF)
    random = play("random_reward", GAMES["random_reward"], 0, HALF)
    assert found.moved > 0.02
    assert found.end < found.start - 0.01
    assert found.end < random.end - 0.01


def test_the_games_name_methods() -> None:
    assert set(GAMES) <= set(METHODS)
    assert set(FAILURES) <= set(PROVED)
    assert set(CONTROLS) <= set(GAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROVED)
def test_every_method_moves_beats_random_reward_and_keeps_what_converged(name: str) -> None:
    proof = prove(name)
    passes = proof.moves and proof.beats_random and not proof.rises
    assert passes == (name not in FAILURES), proof
