"""SPIN: Self-Play Fine-Tuning (Chen et al. 2024, arXiv 2401.01335).

The generator learns to prefer real texts to those of its older self, the opponent pi_t:

    L_G = E log(1 + exp(-beta [log pi/pi_t (real) - log pi/pi_t (fake)])), fake ~ pi_t

and then pi_t <- pi: an iteration is one repetition of a phase. The loss sees a difference: both
likelihoods can fall together, hence the optional term that keeps the likelihood of real texts up,

    + nll E[-log pi(real) / length].
"""

from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.losses.adversarial import texts
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.game import average
from textgan.methods.self_play import SelfPlay


class SPINOptions(MethodOptions):
    """Preference of real texts over those of an older generator."""

    name: Literal["spin"] = "spin"
    """Which method."""
    beta: float = Field(default=0.1, gt=0)
    """The paper's lambda: what the difference of log-ratios is multiplied by."""
    nll: float = Field(default=0.0, ge=0)
    """Weight of the real texts' negative log-likelihood a token."""


class SPIN(SelfPlay):
    """A logistic loss of each real text's lead over a generated one."""

    Options: ClassVar[type[MethodOptions]] = SPINOptions
    options: SPINOptions

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        o = self.options
        new, old = self.log_probs(real)
        lead = (new - old).sum(dim=1) - self.log_ratio(fake).sum(dim=1)  # (B,)
        nll = -new.sum(dim=1) / real.lengths  # (B,)
        loss = average(F.softplus(-o.beta * lead) + o.nll * nll)
        count = texts(lead, lead[:0])
        parts = {
            "g_loss": runtime.global_sum(loss),
            "accuracy": runtime.global_sum((lead > 0).float()) / count,
            "nll": runtime.global_sum(nll) / count,
        }
        return Loss(loss, parts, terms=count)
