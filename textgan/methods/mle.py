"""Maximum likelihood: -(1/n) sum log pi(x_t | x_<t) over real tokens, ``<eos>`` included."""

from typing import ClassVar, Literal

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.losses.policy_gradient import negative_log_likelihood, tokens
from textgan.methods.base import Loss, Method, MethodOptions


class MLEOptions(MethodOptions):
    """Teacher forcing on real text; no game is played."""

    name: Literal["mle"] = "mle"
    """Which method."""


class MLE(Method):
    """The generator alone learns, from real text."""

    Options: ClassVar[type[MethodOptions]] = MLEOptions
    trains = ("generator",)
    plays = False

    def play(self, real: Sequences, progress: float) -> Sequences:
        return real

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        nll = negative_log_likelihood(self.generator.log_prob(real), real.mask)
        return Loss(nll, {"nll": runtime.global_sum(nll)}, tokens(real.mask))
