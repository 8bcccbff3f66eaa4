"""DDO: Direct Discriminative Optimization (Zheng et al. 2025, arXiv 2503.01103).

A discriminator made of likelihoods, and thereby a generator without a second network:

    d(x) = beta (log pi(x) - log pi_ref(x))
    L_G  = -E_real log sigma(d) - E_ref log(1 - sigma(d))

and then pi_ref <- pi: a round is one repetition of a phase. With beta 1 the optimum of a round is
pi = p_data. Any other scale keeps p_data only as the fixed point of the rounds: the optimum of one
is pi_ref (p / pi_ref)^(1 / beta). At pi = pi_ref the expected gradient is half of MLE's, so that a
generator that MLE has fitted to the same texts does not move.
"""

from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.losses.adversarial import accuracy, texts
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.game import average
from textgan.methods.self_play import SelfPlay


class DDOOptions(MethodOptions):
    """A discriminator that is the log-ratio of the generator to its older self."""

    name: Literal["ddo"] = "ddo"
    """Which method."""
    beta: float = Field(default=1.0, gt=0)
    """What the log-ratio of a text is multiplied by."""
    per_token: bool = False
    """Divide a text's log-ratio by its number of tokens: long texts don't saturate the sigmoid."""


class DDO(SelfPlay):
    """Cross-entropy of the log-ratio, real texts against the reference's."""

    Options: ClassVar[type[MethodOptions]] = DDOOptions
    options: DDOOptions

    def logit(self, s: Sequences) -> Tensor:
        """d of every text: (B,)."""
        ratio = self.log_ratio(s).sum(dim=1)
        return self.options.beta * (ratio / s.lengths if self.options.per_token else ratio)

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        d_real, d_fake = self.logit(real), self.logit(fake)  # (B,) each
        # -log sigma(d) and -log(1 - sigma(d))
        loss = average(F.softplus(-d_real)) + average(F.softplus(d_fake))
        parts = {"g_loss": runtime.global_sum(loss), "accuracy": accuracy(d_real, d_fake)}
        return Loss(loss, parts, terms=texts(d_real, d_fake))
