"""One file a paper, and the one table of their names."""

from textgan.methods.base import Loss, Method, MethodOptions
from textgan.methods.controls import (
    ConstantReward,
    FrozenDiscriminator,
    MLEContinued,
    RandomReward,
)
from textgan.methods.mle import MLE
from textgan.methods.seqgan import SeqGAN

METHODS: dict[str, type[Method]] = {
    "mle": MLE,
    "seqgan": SeqGAN,
    "constant_reward": ConstantReward,
    "random_reward": RandomReward,
    "frozen_discriminator": FrozenDiscriminator,
    "mle_continued": MLEContinued,
}

__all__ = ["METHODS", "Loss", "Method", "MethodOptions"]
