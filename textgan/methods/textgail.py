"""TextGAIL: Generative Adversarial Imitation Learning for Text Generation (Wu, Li & Yu, arXiv
2004.13796).

The discriminator compares: of a real text x and a generated one y, which is real?

    L_D = -log p,  p = e^d(x) / (e^d(x) + e^d(y))          that is softplus(d(y) - d(x)), loss rsgan
    r(y) = e^d(y) / (e^d(x) + e^d(y)),  A = clip((r - mean r) / std r, -2, 2)
    L_G = -mean min(rho A, clip(rho, 1 - eps, 1 + eps) A),  rho = pi(y) / pi_old(y)        (PPO)

rho is a text's: one action is one whole text. pi_old is the policy that drew it, as it was then. A
share of the texts the generator learns from, falling to none, are human demonstrations: real texts
with a constant advantage. Each is met once, so pi_old is pi, and its gradient that of likelihood.
"""

from dataclasses import replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.estimators.advantage import terminal
from textgan.losses.adversarial import LossName
from textgan.losses.policy_gradient import Reduction, clipped_ratio
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions


class TextGAILOptions(PolicyOptions):
    """Rewards from comparisons, PPO, human demonstrations."""

    name: Literal["textgail"] = "textgail"
    """Which method."""
    loss: LossName = "rsgan"
    """The discriminator's loss; rsgan is the paper's comparison of a pair."""
    values: Literal["terminal"] = "terminal"
    """What a token is worth: its text's reward."""
    baseline: Literal["none", "moving_average", "leave_one_out", "group", "group_std"] = "group_std"
    """What is expected anyway, and subtracted; group_std divides by the batch's deviation too."""
    advantage_clip: float = Field(default=2.0, gt=0)
    """The largest advantage, either way."""
    clip_ratio: float | None = Field(default=0.2, gt=0, lt=1)
    """PPO's epsilon."""
    demonstrations: float = Field(default=0.3, ge=0, lt=1)
    """Share of real texts the generator learns from, at first; it falls to 0 over the phase."""
    demonstration_advantage: float = Field(default=2.0, gt=0)
    """What a real text's advantage is."""
    reduction: Reduction = "mean"
    """Mean over texts, or sum."""


class TextGAIL(PolicyGradient):
    """The generator imitates: it is paid for passing as the real one of two texts."""

    Options: ClassVar[type[MethodOptions]] = TextGAILOptions
    options: TextGAILOptions
    trains = ("generator", "discriminator")
    couples = ("generator",)

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        o = self.options
        shown = self.shown(len(fake), progress).to(fake.ids.device)
        texts = self.demonstrated(real, fake, shown)
        values = terminal(self.preferred(fake, real), texts.mask)
        advantage = self.advantage(values, texts).clamp(-o.advantage_clip, o.advantage_clip)
        advantage = torch.where(shown[:, None], o.demonstration_advantage, advantage)
        return self.loss_of(values, advantage, texts)

    def preferred(self, fake: Sequences, real: Sequences) -> Tensor:
        """r: how likely the generated text passes as the real one of its pair, (B,)."""
        d_fake, d_real = self.discriminator.judge(Sequences.joined(fake, real)).chunk(2)
        return torch.sigmoid(d_fake - d_real)

    def shown(self, size: int, progress: float) -> Tensor:
        """Which rows are human demonstrations: the first ones of the global batch, (B,) bool."""
        start, total = runtime.share(size)
        count = int(self.options.demonstrations * (1 - progress) * total)
        return torch.arange(start, start + size) < count

    def demonstrated(self, real: Sequences, fake: Sequences, shown: Tensor) -> Sequences:
        """The generated texts, but in the ``shown`` rows (B,) the real ones: (B, T)."""
        assert fake.log_prob is not None, "texts of nobody's policy"
        width, rows = max(real.ids.shape[1], fake.ids.shape[1]), shown[:, None]
        rest, category = (0, width - fake.ids.shape[1]), fake.category
        if category is not None and real.category is not None:
            category = torch.where(shown, real.category, category)
        mixed = replace(
            fake,
            ids=torch.where(rows, real.plain(width).ids, fake.plain(width).ids),
            given=None if fake.given is None else F.pad(fake.given, rest) & ~rows,
            log_prob=None,
            category=category,
        )
        with torch.no_grad():
            now = self.log_prob(mixed)
        return replace(mixed, log_prob=torch.where(rows, now, F.pad(fake.log_prob, rest)))

    def step_towards(self, advantage: Tensor, log_prob: Tensor, fake: Sequences) -> Tensor:
        o, mask = self.options, fake.chosen
        assert fake.log_prob is not None, "texts of nobody's policy"
        whole = (log_prob * mask).sum(dim=1, keepdim=True)  # (B, 1)
        old = (fake.log_prob * mask).sum(dim=1, keepdim=True)
        ones = torch.ones_like(whole)
        clip = o.clip_ratio or torch.inf
        return clipped_ratio(whole, old, advantage[:, :1], ones, clip, o.reduction)
