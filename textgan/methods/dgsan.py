"""DGSAN: Discrete Generative Self-Adversarial Network (Montahaei et al. 2019, arXiv 1908.09127).

The discriminator is made of two generators, the new and the old: D(x) = p_new / (p_new + p_old).

    L_G = -sum_real log p_new / (p_new + p_old) - sum_fake log p_old / (p_new + p_old)

with fake ~ p_old, and then p_old <- p_new: a round is one repetition of a phase. Written as
log sigma(log p_new - log p_old) it needs no epsilon against underflow. The paper's p is that of a
text; a widely used port judges every token by its own p(x_t | x_<t): ``level`` says which. Of texts
this is half of DDO's loss at beta 1.
"""

from typing import ClassVar, Literal

from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.losses.adversarial import accuracy, discriminator_loss
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.self_play import SelfPlay


class DGSANOptions(MethodOptions):
    """The old generator plays the discriminator."""

    name: Literal["dgsan"] = "dgsan"
    """Which method."""
    level: Literal["token", "text"] = "text"
    """What is judged: every token, given those before it, or every text."""


class DGSAN(SelfPlay):
    """Cross-entropy of the log-ratio of new to old, the mean over real and generated terms."""

    Options: ClassVar[type[MethodOptions]] = DGSANOptions
    options: DGSANOptions

    def judged(self, s: Sequences) -> tuple[Tensor, Tensor]:
        """log p_new - log p_old, and which of them count: (B,) of texts, (B, T) of tokens."""
        ratio = self.log_ratio(s)
        if self.options.level == "token":
            return ratio, s.mask
        return ratio.sum(dim=1), s.lengths > 0

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        (d_real, of_real), (d_fake, of_fake) = self.judged(real), self.judged(fake)
        masks = of_real, of_fake
        loss = discriminator_loss("minimax", d_real, d_fake, mask=masks)
        parts = {"g_loss": runtime.global_sum(loss), "accuracy": accuracy(d_real, d_fake, masks)}
        terms = runtime.global_sum(of_real.float()) + runtime.global_sum(of_fake.float())
        return Loss(loss, parts, terms)
