"""How each method is played on the known language; a method that isn't named plays the default."""

from tests.learning.play import BATCH, CNN, LSTM, Game

POLICY = {"rollouts": 4, "reduction": "mean", "output_l2": 0.001}
RNN = {"name": "rnn", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0, "per_token": True}
MULTI = {"name": "multi_representation", "embedding_size": 16, "representations": 4}
MULTI |= {"widths": [1, 2, 3], "filters": [16, 16, 16]}
MEMORY = {"name": "relational_memory", "embedding_size": 8, "head_size": 8, "heads": 2}
RECURRENT = {"name": "rnn", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0}
MODEL = {"name": "language_model", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0}
MIXTURE = {"name": "mixture", "categories": 2, "hidden_size": 16, "embedding_size": 8}
NOISY = LSTM | {"latent_size": 2}
SEEN = {key: CNN[key] for key in ("embedding_size", "widths", "filters")}
LEAKY = {"name": "leakgan", "embedding_size": 8, "hidden_size": 16, "goal_size": 8, "horizon": 2}
LEAKY |= {"features": SEEN}
FAST = {"generator": 2e-3}

GAMES: dict[str, Game] = {
    "mle": Game(),
    "mle_continued": Game(),
    "scheduled_sampling": Game(),
    "seqgan": Game(POLICY),
    "random_reward": Game(POLICY),
    "constant_reward": Game(POLICY),
    "frozen_discriminator": Game(POLICY),
    "maligan": Game(rates=FAST),
    "rankgan": Game({"rollouts": 4, "reduction": "mean", "baseline": "leave_one_out"}),
    "pg_bleu": Game({"rollouts": 4, "reduction": "mean"}),
    "ppo_gan": Game(),
    "scratchgan": Game(discriminator=RNN),
    "textgail": Game(rates=FAST),
    "taylorgan": Game(
        {"entropy_bonus": 0.0, "bandwidth": 0.25, "baseline": "leave_one_out"},
        discriminator=CNN | {"embedding_range": 0.4},  # vectors of length 1
    ),
    "dpgan": Game({"reduction": "mean"}, discriminator=MODEL),
    "relgan": Game(
        {"temperature": 0.5, "final_temperature": 0.1},
        generator=MEMORY,
        discriminator=MULTI,
        rates={"generator": 1e-4},
    ),
    "gsgan": Game(
        {"estimator": "straight_through", "temperature": 1.0, "final_temperature": None},
        discriminator=RECURRENT,
        rates={"generator": 2e-4, "discriminator": 5e-3},
        warm=400,
    ),
    "wgan_gp": Game({"estimator": "straight_through"}, rates={"generator": 7e-4}),
    "cot": Game({"mediator_dropout": 0.0}, updates={"mediator": 5, "generator": 1}, rates=FAST),
    "ddo": Game(rates=FAST, rounds=3),
    "spin": Game({"beta": 1.0}, rates=FAST, rounds=3),
    "dgsan": Game(rates=FAST, rounds=3),
    "gcn": Game(),
    "jsdgan": Game({"scale": "exact", "texts": 60 * BATCH}, rates=FAST),
    "sentigan": Game(
        {"rollouts": 4, "reduction": "mean", "output_l2": 0.001},
        generator=MIXTURE,
        discriminator=CNN | {"classes": 3},
    ),
    "textgan": Game(
        {"estimator": "straight_through", "temperature": 1.0},
        generator=NOISY,
        updates={"generator": 1, "discriminator": 5, "reconstructor": 5},
    ),
    "residual_ebm": Game(),
    "leakgan": Game({"rollouts": 4}, generator=LEAKY, mle="leakgan_mle", beside="leakgan", warm=0),
}

OUTSIDE = {
    "residual_ebm": "the generator rests; its samples are resampled",
    "leakgan_mle": "likelihood",
}
"""Methods that this proof can't measure, and why."""

FAILURES: dict[str, str] = {
    "dpgan": "random reward is no worse",
    "gsgan": "random reward is no worse, rises from converged",
    "leakgan": "random reward is no worse, rises from converged",
    "pg_bleu": "random reward is no worse",
    "ppo_gan": "rises from converged",
    "rankgan": "rises from converged",
    "relgan": "moves too little",
    "scheduled_sampling": "rises from converged",
    "scratchgan": "rises from converged",
    "sentigan": "random reward is no worse, rises from converged",
    "textgan": "random reward is no worse",
    "wgan_gp": "random reward is no worse",
}
"""Methods that don't pass the proof, as docs/learning.md has it."""
