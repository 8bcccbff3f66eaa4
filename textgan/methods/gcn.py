"""GCN: Generative Cooperative Networks (Lamprier et al. 2022, arXiv 2201.12320).

Generator and discriminator together define the next target, q_t(y) ∝ p_{t-1}(y) D_t(y), and the
generator is fitted to it by maximum likelihood on its own samples, weighted by importance:

    L_D = -E_real log D(x) - E_fake log(1 - D(x))
    w_i = D(y_i) / sum_j D(y_j), y_i ~ p_{t-1}
    L_G = -sum_i w_i log pi(y_i)

The weights sum to 1 over the batch, so there is no second 1/B; they are an estimate with a bias of
the order 1/B. The paper's other ways of drawing from q (tree search, several proposals) are not
here: the proposal is p_{t-1} itself.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.estimators.resampling import effective_sample_size
from textgan.generators.base import Generator
from textgan.losses.policy_gradient import sampled_entropy
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.game import Game, GameOptions
from textgan.methods.requirements import needs_one_logit


class GCNOptions(GameOptions):
    """Maximum likelihood on own samples, weighted by the discriminator."""

    name: Literal["gcn"] = "gcn"
    """Which method."""


class GCN(Game):
    """Weighted likelihood; the weights compare the texts of a batch."""

    Options: ClassVar[type[MethodOptions]] = GCNOptions
    couples = ("generator",)

    def __init__(
        self, options: GCNOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        needs_one_logit(f"method.name: {options.name}", discriminator)

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        log_d = F.logsigmoid(self.discriminator.judge(fake))  # (B,)
        every = runtime.gather(log_d)
        weight = torch.exp(log_d - every.logsumexp(dim=0))  # (B,)
        log_prob = self.log_prob(fake)  # (B, T)
        loss = -(weight * log_prob.sum(dim=1)).sum()
        return Loss(loss, self.shown(loss, log_prob, fake, every))

    def shown(
        self, loss: Tensor, log_prob: Tensor, fake: Sequences, log_d: Tensor
    ) -> dict[str, Tensor]:
        """What the log shows; ``ess`` is the share of the batch that the weights leave."""
        return {
            "g_loss": runtime.global_sum(loss),
            "reward": log_d.exp().mean(),
            "entropy": sampled_entropy(log_prob, fake.mask),
            "ess": effective_sample_size(log_d) / len(log_d),
        }
