"""Residual EBM: a discriminator completes a frozen generator (Deng et al., arXiv 2004.11714).

    p(x) ∝ pi(x) e^{-E(x)}, E(x) = -d(x)
    L_D = -E_real log sigma(d) - E_fake log(1 - sigma(d)), fake ~ pi

Noise-contrastive estimation with pi as the noise: at the optimum d = log p_data - log pi, so that
p = p_data. The generator never moves. Texts of p are drawn by resampling pi's (`sample
--candidates`, ``estimators.resampling``), and the effective sample size says how many of pi's texts
one of p costs.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from textgan import runtime
from textgan.discriminators.base import Discriminator
from textgan.estimators.resampling import effective_sample_size, log_partition
from textgan.generators.base import Generator
from textgan.methods.base import MethodOptions
from textgan.methods.game import Game, GameOptions
from textgan.methods.requirements import needs_one_logit


class ResidualEBMOptions(GameOptions):
    """An energy on top of a generator that stays as it is."""

    name: Literal["residual_ebm"] = "residual_ebm"
    """Which method."""
    loss: Literal["minimax"] = "minimax"
    """Cross-entropy: its logit is the energy."""


class ResidualEBM(Game):
    """The discriminator alone learns."""

    Options: ClassVar[type[MethodOptions]] = ResidualEBMOptions
    trains = ("discriminator",)

    def __init__(
        self, options: ResidualEBMOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        needs_one_logit(f"method.name: {options.name}", discriminator)

    @torch.no_grad()
    def told(self, features: Tensor) -> dict[str, Tensor]:
        """``ess``, the share of pi's texts that is left, and log Z; no dropout in front of d."""
        with runtime.evaluating(self.discriminator):
            d = runtime.gather(self.discriminator.head(features))
        return {"ess": effective_sample_size(d) / len(d), "log_z": log_partition(d)}
