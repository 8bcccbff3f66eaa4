"""JSDGAN: a GAN whose discriminator is known (Li et al., AISTATS 2019).

"Adversarial Discrete Sequence Generation without Explicit Neural Networks as Discriminators": the
data are n texts, p_d(x) = 1/n on them and 0 elsewhere. So the best discriminator has a closed form,
p_d / (p_d + p_g), and so has the gradient of the Jensen-Shannon divergence, on real texts alone:

    JSD(p_d, p_g) = E_{p_d} log 2 p_d / (p_d + p_g) / 2 + E_{p_g} log 2 p_g / (p_d + p_g) / 2
    grad JSD = (1/2) sum_real p_g(x) log(p_g(x) / (p_d(x) + p_g(x))) grad log p_g(x)

A text's weight is about its own probability: e^-100 for twenty words of a language of 5,000. As it
stands the gradient vanishes long before it moves anything; divided by the sum of the weights in
the batch (``scale: batch``, as in a public port) it keeps its direction within the batch, and goes
almost whole to the batch's likeliest, that is shortest, texts.
"""

import math
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.methods.base import Loss, Method, MethodOptions
from textgan.methods.requirements import needs_density


class JSDGANOptions(MethodOptions):
    """The Jensen-Shannon divergence to the training texts, in closed form."""

    name: Literal["jsdgan"] = "jsdgan"
    """Which method."""
    texts: int | None = Field(default=None, ge=1)
    """n; null: the number of training texts, or a batch's where there is no trainer to tell it."""
    scale: Literal["exact", "batch"] = "batch"
    """The divergence's own gradient, or divided by the sum of the batch's weights."""


class JSDGAN(Method):
    """Weighted likelihood of real texts; nothing is drawn."""

    Options: ClassVar[type[MethodOptions]] = JSDGANOptions
    options: JSDGANOptions
    texts: int | None
    trains = ("generator",)
    plays = False

    def __init__(
        self, options: JSDGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        needs_density(options.name, generator)
        self.texts = options.texts
        if options.scale == "batch":
            self.couples = ("generator",)

    def told_texts(self, count: int) -> None:
        self.texts = self.options.texts or count

    def play(self, real: Sequences, progress: float) -> Sequences:
        return real

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        log_g = self.log_prob(real).sum(dim=1)  # (B,)
        loss = (self.weight(log_g.detach()) * log_g).sum()
        nll = -runtime.global_sum(log_g) / runtime.global_sum(real.mask.float())
        return Loss(loss, {"g_loss": runtime.global_sum(loss), "nll": nll})

    def weight(self, log_g: Tensor) -> Tensor:
        """What a text's log-likelihood is multiplied by, negative: (B,) -> (B,)."""
        log_g = log_g.double()
        batch = runtime.gather(log_g).shape[0]
        texts = self.texts or batch
        ratio = F.logsigmoid(log_g + math.log(texts))  # log p_g / (p_d + p_g)
        if self.options.scale == "exact":
            return 0.5 * texts / batch * log_g.exp() * ratio
        size = log_g + torch.log(-ratio)
        return -torch.exp(size - runtime.gather(size).logsumexp(dim=0))
