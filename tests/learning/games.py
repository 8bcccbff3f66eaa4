"""How each method is played on the known language; a method that isn't named plays the default."""

from collections.abc import Mapping
from typing import Any

from tests.learning.play import BATCH, CNN, LSTM, Game

POLICY = {"rollouts": 4, "reduction": "mean", "output_l2": 0.001}
RNN = {"name": "rnn", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0, "per_token": True}
MULTI = {"name": "multi_representation", "embedding_size": 16, "representations": 4}
MULTI |= {"widths": [1, 2, 3], "filters": [16, 16, 16]}
NEXT = {"name": "projection", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0}
MEMORY = {"name": "relational_memory", "embedding_size": 8, "head_size": 8, "heads": 2}
MODEL = {"name": "language_model", "embedding_size": 16, "hidden_size": 32, "dropout": 0.0}
MIXTURE = {"name": "mixture", "categories": 2, "hidden_size": 16, "embedding_size": 8}
NOISY = LSTM | {"latent_size": 2}
SEEN = {key: CNN[key] for key in ("embedding_size", "widths", "filters")}
LEAKY = {"name": "leakgan", "embedding_size": 8, "hidden_size": 16, "goal_size": 8, "horizon": 2}
LEAKY |= {"features": SEEN}
FAST = {"generator": 2e-3}
LEFT_OUT = {"baseline": "leave_one_out"}
SOFT = {"estimator": "reinmax", "feed": "soft", "instance_noise": 1.0}
"""Noise on word vectors: a discriminator's slope at a one-hot says nothing of other words, until
it has seen what lies between them."""
SOFT |= {"temperature": 1.0, "final_temperature": None}


SURE: dict[str, Any] = {"updates": {"generator": 1, "discriminator": 10}, "warm": 400}
"""A discriminator that knows more of its generator."""


def plain(
    options: Mapping[str, Any] | None = None, *, rate: float, judge: float = 2e-3, **others: Any
) -> Game:
    """A game whose generator goes along its gradient, and not in Adam's steps of one size."""
    rates = {"generator": rate, "discriminator": judge}
    return Game(options or {}, algorithm="sgd", rates=rates, **others)


GAMES: dict[str, Game] = {
    "mle": Game(),
    "mle_continued": Game(),
    "scheduled_sampling": plain({"least": 0.95}, rate=0.25, batch=1024),
    "seqgan": plain(POLICY | LEFT_OUT, rate=1.0),
    "random_reward": Game(POLICY),
    "constant_reward": Game(POLICY),
    "frozen_discriminator": Game(POLICY),
    "maligan": plain(rate=0.07),
    "rankgan": plain(
        {"rollouts": 4, "reduction": "mean", "references": 128, "gamma": 5.0} | LEFT_OUT,
        rate=220.0,  # a text's rank among 384 is small
        batch=512,
    ),
    "pg_bleu": plain({"rollouts": 4, "reduction": "mean"}, rate=0.03),
    "ppo_gan": plain(rate=0.05, batch=512),
    "scratchgan": plain(rate=0.4, batch=512, discriminator=RNN),
    "textgail": Game(rates=FAST),
    "taylorgan": plain(
        {"entropy_bonus": 0.0, "bandwidth": 0.25} | LEFT_OUT,
        rate=0.3,
        discriminator=CNN | {"embedding_range": 0.4},  # vectors of length 1
    ),
    "dpgan": plain(
        # Surprise has no bound: the penalty gives it one.
        {"reduction": "mean", "discount": 1.0, "output_l2": 0.1} | LEFT_OUT,
        rate=0.01,
        clip=1.0,
        batch=512,
        discriminator=MODEL,
        updates={"generator": 1, "discriminator": 20},
        warm=800,
    ),
    "relgan": plain(SOFT, rate=0.16, generator=MEMORY, discriminator=MULTI),
    "gsgan": plain(SOFT, rate=0.03, judge=5e-3, batch=512, **SURE),
    "wgan_gp": plain(SOFT | {"simplex_penalty": 0.1}, rate=0.05, clip=1.0, batch=512, **SURE),
    "cot": Game({"mediator_dropout": 0.0}, updates={"mediator": 5, "generator": 1}, rates=FAST),
    "ddo": Game(rates=FAST, rounds=3),
    "spin": Game({"beta": 1.0}, rates=FAST, rounds=3),
    "dgsan": Game(rates=FAST, rounds=3),
    "gcn": plain(rate=0.05),
    "mpo": plain(rate=0.6, discriminator=NEXT),
    "jsdgan": Game({"scale": "exact", "texts": 60 * BATCH}, rates=FAST),
    "sentigan": plain(
        {"rollouts": 4, "reduction": "mean", "output_l2": 0.001},
        rate=0.1,
        generator=MIXTURE,
        discriminator=CNN | {"classes": 3},
    ),
    "textgan": plain(
        SOFT | {"bandwidths": [20.0]},
        rate=4.0,
        clip=0.01,
        generator=NOISY,
        updates={"generator": 1, "discriminator": 20, "reconstructor": 5},
        warm=600,
    ),
    "residual_ebm": Game(),
    "leakgan": plain(
        {"rollouts": 4}, rate=0.01, generator=LEAKY, mle="leakgan_mle", beside="leakgan", warm=0
    ),
}

OUTSIDE = {
    "residual_ebm": "the generator rests; its samples are resampled",
    "leakgan_mle": "likelihood",
}
"""Methods that this proof can't measure, and why."""

FAILURES: dict[str, str] = {
    "dpgan": "comes no nearer",
    "leakgan": "random reward is no worse, comes no nearer",
    "pg_bleu": "comes no nearer",
    "relgan": "moves too little, comes no nearer",
    "sentigan": "random reward is no worse, comes no nearer, rises from converged",
    "wgan_gp": "rises from converged",
}
"""Methods that don't pass the proof, as docs/learning.md has it."""
