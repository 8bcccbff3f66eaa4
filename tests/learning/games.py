"""How each method is played on the known language; a method that isn't named plays the default."""

from tests.learning.play import Game

SLOW = {"generator": 1e-3}
POLICY = {"rollouts": 8, "reduction": "mean", "output_l2": 0.001}
RNN = {"name": "rnn", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0, "per_token": True}
MULTI = {"name": "multi_representation", "embedding_size": 16, "representations": 4}
MULTI |= {"widths": [1, 2, 3], "filters": [16, 16, 16]}
MEMORY = {"name": "relational_memory", "embedding_size": 8, "head_size": 8, "heads": 2}
RECURRENT = {"name": "rnn", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0}
MODEL = {"name": "language_model", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0}

GAMES: dict[str, Game] = {
    "mle": Game(rates={"generator": 2e-3}),
    "mle_continued": Game(rates={"generator": 2e-3}),
    "scheduled_sampling": Game(rates={"generator": 2e-3}),
    "seqgan": Game(POLICY, rates=SLOW),
    "random_reward": Game(POLICY, rates=SLOW),
    "constant_reward": Game(POLICY, rates=SLOW),
    "frozen_discriminator": Game(POLICY, rates=SLOW),
    "maligan": Game(rates=SLOW),
    "rankgan": Game({"rollouts": 8, "reduction": "mean", "baseline": "leave_one_out"}, rates=SLOW),
    "pg_bleu": Game({"rollouts": 8, "reduction": "mean"}, rates=SLOW),
    "ppo_gan": Game(rates=SLOW),
    "scratchgan": Game(discriminator=RNN, rates=SLOW),
    "textgail": Game(rates=SLOW),
    "taylorgan": Game(rates=SLOW),
    "dpgan": Game({"reduction": "mean"}, discriminator=MODEL, rates=SLOW),
    "relgan": Game(generator=MEMORY, discriminator=MULTI, rates=SLOW),
    "gsgan": Game(discriminator=RECURRENT, rates={"generator": 1e-4}),
    "wgan_gp": Game({"estimator": "gumbel"}, rates=SLOW),
    "cot": Game(
        steps=200,
        updates={"mediator": 3, "generator": 1},
        rates={"generator": 1e-3, "mediator": 3e-3},
    ),
    "ddo": Game(rates=SLOW, rounds=3),
    "spin": Game({"beta": 1.0}, rates=SLOW, rounds=3),
    "dgsan": Game(rates=SLOW, rounds=3),
    "gcn": Game(rates=SLOW),
    "jsdgan": Game({"scale": "exact"}, rates={"generator": 5e-4}),
}

OUTSIDE = {
    "sentigan": "needs labelled texts",
    "textgan": "texts are made from noise: their density is no sum",
    "residual_ebm": "the generator rests; its samples are resampled",
    "leakgan": "played with leakgan_mle's start",
    "leakgan_mle": "likelihood",
}
"""Methods that this proof can't measure, and why."""

FAILURES: dict[str, str] = {
    "dpgan": "random reward is no worse",
    "gcn": "rises from converged",
    "jsdgan": "rises from converged",
    "pg_bleu": "random reward is no worse, rises from converged",
    "rankgan": "rises from converged",
    "scheduled_sampling": "rises from converged",
    "textgail": "rises from converged",
    "wgan_gp": "random reward is no worse, rises from converged",
}
"""Methods that don't pass the proof, as docs/learning.md has it."""
