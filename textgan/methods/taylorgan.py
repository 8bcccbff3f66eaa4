"""TaylorGAN: Neighbor-Augmented Policy Update Towards Sample-Efficient Natural Language Generation
(Lin et al., arXiv 2011.13527).

A drawn text also says what its neighbours would have earned: by the first-order Taylor expansion of
the reward in the discriminator's word vectors e, the advantage of every token v in place of x_t is

    A_v = (r(x) - b) + grad_(e_x) r · (e_v - e_x)

The farther e_v from e_x, the less it is trusted, K(x, v) = exp(-‖e_x - e_v‖² / (2 h²)), and the
more often v's neighbours are drawn, the less each draw counts:

    L_G = -sum_t sum_v sg[K(x_t, v) A_v / sum_u pi(u) K(u, v)] pi(v) - eta H(pi)

The sum over u is for this v, so the expected weight of every token is exactly 1. With h -> 0 this
is REINFORCE; with h -> infinity each token's expansion counts wherever it is.

    L_D = cross-entropy + lambda / 2 sum_W sigma(W)² + mu / 2 mean_v max(‖e_v‖² - 1, 0)
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.estimators.advantage import Baseline
from textgan.generators.base import Generator
from textgan.losses.adversarial import LossName
from textgan.losses.policy_gradient import Reduction, tokens
from textgan.losses.regularizers import largest_singular_value
from textgan.methods.base import MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions
from textgan.precision import in_fp32

TINY = 1e-30
"""Smaller than any weight that counts: where a kernel underflows, 0 / 0 is 0."""


class TaylorGANOptions(PolicyOptions):
    """First-order advantages of all tokens, from random weights."""

    name: Literal["taylorgan"] = "taylorgan"
    """Which method."""
    reward: Literal["probability", "centred"] | LossName = "reverse_kl"
    """What a logit d earns: d itself in the paper; the others as in seqgan."""
    values: Literal["terminal"] = "terminal"
    """What a token is worth: its text's reward."""
    bandwidth: float = Field(default=0.5, gt=0)
    """h: how far a word vector's neighbourhood reaches."""
    baseline: Baseline = "moving_average"
    """What is expected anyway, and subtracted."""
    clip_ratio: None = None
    """Each text serves one update."""
    entropy_bonus: float = Field(default=0.02, ge=0)
    """eta: weight of the policy's entropy, which is added to the reward."""
    spectral: float = Field(default=0.07, ge=0)
    """lambda: weight of half the squared spectral norms of the discriminator's matrices."""
    long_vectors: float = Field(default=0.2, ge=0)
    """mu: weight of half the mean of what word vectors' squared lengths exceed 1 by."""
    reduction: Reduction = "mean"
    """Mean over tokens, or sum over batch and time."""


class TaylorGAN(PolicyGradient):
    """A policy gradient in which the neighbours of a drawn token learn with it."""

    Options: ClassVar[type[MethodOptions]] = TaylorGANOptions
    options: TaylorGANOptions

    def __init__(
        self, options: TaylorGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        for i, matrix in enumerate(self.matrices() if options.spectral else ()):
            start = F.normalize(torch.randn(len(matrix), dtype=matrix.dtype), dim=0)
            self.register_buffer(f"left_{i}", start.to(matrix.device))

    def matrices(self) -> Iterator[Tensor]:
        """The discriminator's weights but word vectors and biases: (U, V) each."""
        table = self.discriminator.embedding.weight
        for weight in self.discriminator.parameters():
            if weight.dim() > 1 and weight is not table:
                yield weight.flatten(1)

    # The generator

    def step_towards(self, advantage: Tensor, log_prob: Tensor, fake: Sequences) -> Tensor:
        probability = torch.softmax(self.generator.logits(fake), dim=2)
        weight = self.weights(probability.detach(), fake).mul_(self.every(advantage, fake))
        gain = (weight * probability).sum(dim=2) * fake.chosen
        return -gain.sum() / (tokens(fake.chosen) if self.options.reduction == "mean" else 1)

    @in_fp32
    def every(self, advantage: Tensor, fake: Sequences) -> Tensor:
        """A_v: the advantage of the tokens that came (B, T) -> that of every token (B, T, V)."""
        slope = self.slope(fake)
        table = self.discriminator.embedding.weight.detach()
        came = (slope * table[fake.ids]).sum(dim=2)
        return (slope @ table.t()).add_((advantage - came)[..., None])

    def slope(self, fake: Sequences) -> Tensor:
        """The gradient of texts' rewards in their word vectors, dropout off: (B, T, E)."""
        d = self.discriminator
        with runtime.evaluating(d), torch.enable_grad():
            embedded = d.embed(fake).detach().requires_grad_()
            earned = self.earned(d.head(d.read(embedded, fake)))
            (slope,) = torch.autograd.grad(earned.sum(), embedded)
        return slope

    @in_fp32
    def weights(self, probability: Tensor, fake: Sequences) -> Tensor:
        """K(x_t, v) / sum_u pi(u) K(u, v): probabilities (B, T, V) -> (B, T, V)."""
        table = self.discriminator.embedding.weight.detach()
        square = torch.cdist(table, table).square()
        kernel = torch.exp(square / (-2 * self.options.bandwidth**2))  # (V, V)
        return kernel[fake.ids] / (probability @ kernel).clamp_(min=TINY)

    # The discriminator

    def penalties(self, embedded: Tensor, both: Sequences, count: int) -> Tensor:
        o, total = self.options, super().penalties(embedded, both, count)
        if o.spectral:
            norms = [
                largest_singular_value(matrix, self.get_buffer(f"left_{i}"))
                for i, matrix in enumerate(self.matrices())
            ]
            total = total + o.spectral / 2 * runtime.once(torch.stack(norms).square().sum())
        if o.long_vectors:
            square = self.discriminator.embedding.weight.square().sum(dim=1)
            total = total + o.long_vectors / 2 * runtime.once(F.relu(square - 1).mean())
        return total
