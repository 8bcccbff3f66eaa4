"""How each method is played on the known language; a method that isn't named plays the default."""

from tests.learning.play import Game

POLICY = {"rollouts": 8, "reduction": "mean", "output_l2": 0.001}

GAMES: dict[str, Game] = {
    "mle": Game(rates={"generator": 2e-3}),
    "mle_continued": Game(rates={"generator": 2e-3}),
    "seqgan": Game(POLICY),
    "random_reward": Game(POLICY),
    "constant_reward": Game(POLICY),
    "frozen_discriminator": Game(POLICY),
}

HONEST_FAILURES: dict[str, str] = {}
"""Methods that fail the proof, and where; a sweep of learning rates stands on their pages."""
