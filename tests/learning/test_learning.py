"""Learning on a language whose density is known: does a method move what it should?

The table of all methods stands in docs/learning.md; ``python -m tests.learning.proof`` makes it.
"""

from dataclasses import replace

import pytest

from tests.learning.games import FAILURES, GAMES
from tests.learning.play import CONVERGED, play, resampled
from tests.learning.proof import CONTROLS, PROVED, SEEDS, prove
from textgan.methods import METHODS


def test_maximum_likelihood_learns_the_language() -> None:
    further = play("mle_continued", GAMES["mle_continued"], 0)
    assert further.end < further.start - 0.02
    converged = play("mle_continued", GAMES["mle_continued"], 0, CONVERGED)
    assert converged.start < 0.02
    assert converged.end < converged.start


@pytest.mark.parametrize("name", ["seqgan", "gsgan", "ddo", "cot"])  # one of each family
def test_a_method_improves_over_random_reward_and_its_own_start(name: str) -> None:
    game = GAMES[name]
    twice = {"generator": 2 * game.rate("generator")}  # and half the steps
    game = replace(game, warm=100, steps=30, rates=game.rates | twice)
    found = play(name, game, 0)
    random = play("random_reward", replace(GAMES["random_reward"], generator=game.generator), 0)
    assert found.moved > 0.02
    assert found.end < found.start - 0.005
    assert found.end < random.end - 0.005


def test_the_games_name_methods() -> None:
    assert set(GAMES) <= set(METHODS)
    assert set(FAILURES) <= set(PROVED)
    assert set(CONTROLS) <= set(GAMES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_resampling_by_the_energy_comes_nearer_to_the_language(seed: int) -> None:
    found = resampled(GAMES["residual_ebm"], seed)
    assert found.end < found.start / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", PROVED)
def test_every_method_moves_beats_random_reward_and_keeps_what_converged(name: str) -> None:
    proof = prove(name)
    assert proof.passes == (name not in FAILURES), proof
