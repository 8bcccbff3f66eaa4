"""Controls: what an adversarial method must beat before its discriminator gets the credit.

Users of other toolkits report that a constant or random reward lowers NLL_oracle faster than the
discriminator's, and further MLE often does too. Each control is SeqGAN or MLE but for one thing.
"""

from typing import Literal

from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.methods.base import MethodOptions
from textgan.methods.mle import MLE
from textgan.methods.policy import PolicyOptions
from textgan.methods.seqgan import SeqGAN, SeqGANOptions


class ConstantRewardOptions(SeqGANOptions):
    """SeqGAN whose every token earns 1; rollouts and output_l2 have no effect."""

    name: Literal["constant_reward"] = "constant_reward"  # type: ignore[assignment]
    """Which method."""
    values: Literal["rollout"] = "rollout"
    """No effect: every token is worth 1."""


class ConstantReward(SeqGAN):
    """Every token earns 1: the expected gradient is zero, only noise moves the policy."""

    Options = ConstantRewardOptions
    trains = ("generator",)

    def values(self, fake: Sequences) -> Tensor:
        return fake.mask.float()


class RandomRewardOptions(SeqGANOptions):
    """SeqGAN whose every token earns a uniform random number."""

    name: Literal["random_reward"] = "random_reward"  # type: ignore[assignment]
    """Which method."""
    values: Literal["rollout"] = "rollout"
    """No effect: what a token is worth is drawn."""


class RandomReward(SeqGAN):
    """Every token earns a uniform random number."""

    Options = RandomRewardOptions
    trains = ("generator",)

    def values(self, fake: Sequences) -> Tensor:
        rows, columns = fake.ids.shape
        return runtime.uniform(rows, columns, fake.ids.device) * fake.mask


class FrozenDiscriminatorOptions(SeqGANOptions):
    """SeqGAN against the discriminator as pretraining left it."""

    name: Literal["frozen_discriminator"] = "frozen_discriminator"  # type: ignore[assignment]
    """Which method."""


class FrozenDiscriminator(SeqGAN):
    """The discriminator stays as pretraining left it."""

    Options = FrozenDiscriminatorOptions
    trains = ("generator",)

    def __init__(
        self, options: PolicyOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        self.check_logits(options.values, discriminator)


class MLEContinuedOptions(MethodOptions):
    """The same number of generator updates, all of them MLE."""

    name: Literal["mle_continued"] = "mle_continued"
    """Which method."""


class MLEContinued(MLE):
    """MLE goes on from the same checkpoint for as many updates as the adversarial phase has."""

    Options = MLEContinuedOptions
