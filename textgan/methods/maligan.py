"""MaliGAN: Maximum-Likelihood Augmented Discrete GANs (Che et al., arXiv 1702.07983).

With D at its optimum r = D / (1 - D) = e^d is p_data / pi, so that the generator's own texts,
weighted by r, stand for real ones, and it climbs the likelihood of these:

    w_i = r_i / sum_j r_j - b / B,    b from 0 to 1 over the phase
    L_G = -sum_i w_i log pi(x_i)

The weights sum over the batch already: there is no second 1 / B.

Mixed MLE-Mali training (§3.3 there) gives the first N tokens of K real texts, has each completed M
times, and lets N fall to 0. What r is divided by depends on the prefix, so it is summed over the
completions j of one prefix; the prefix itself is learnt by maximum likelihood, as real text is:

    w_kj = r_kj / sum_j r_kj - b / M
    L_G = -(1/K) sum_k [sum_j w_kj log pi(rest_kj | prefix_k) + log pi(prefix_k)]

The first is the second with one empty prefix.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.losses.policy_gradient import policy_gradient, sampled_entropy
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.game import Game, GameOptions
from textgan.methods.requirements import needs_one_logit


class MaliGANOptions(GameOptions):
    """Likelihood of the generator's own texts, weighted by e^d."""

    name: Literal["maligan"] = "maligan"
    """Which method."""
    baseline_start: float = 0.0
    """b at the start of the phase: how much of a uniform weight is subtracted."""
    baseline_end: float = 1.0
    """b at its end."""
    prefix: int = Field(default=0, ge=0)
    """N, tokens of real texts that generated ones begin with; falls to 0 over the phase."""
    prefix_step: int = Field(default=5, ge=1)
    """Tokens by which the prefix falls at a time."""
    completions: int = Field(default=8, ge=2)
    """M, how often each prefix is completed."""


class MaliGAN(Game):
    """Self-normalised importance weights; the discriminator by cross-entropy."""

    Options: ClassVar[type[MethodOptions]] = MaliGANOptions
    options: MaliGANOptions
    couples = ("generator",)

    def __init__(
        self, options: MaliGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        needs_one_logit(f"method.name: {options.name}", discriminator)

    def play(self, real: Sequences, progress: float) -> Sequences:
        o = self.options
        given = o.prefix_step * int(o.prefix / o.prefix_step * (1 - progress))
        prefix = self.prefixes(real, given) if given else None
        return self.generator.sample(len(real), prefix=prefix)

    def prefixes(self, real: Sequences, given: int) -> Tensor:
        """The first tokens of real texts that are longer, each M times in a row: (B, N)."""
        ids = runtime.gather(real.plain(self.generator.config.length).ids)
        lengths = Sequences(ids, real.eos).lengths
        given = min(given, int(lengths.max()) - 1)  # a wait for the device, once a draw
        longer = lengths > given
        order = longer.int().argsort(descending=True, stable=True)
        start, _ = runtime.share(len(real))
        rows = start + torch.arange(len(real), device=ids.device)
        chosen = order[rows // self.options.completions % longer.sum()]
        return ids[chosen, :given]

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        o = self.options
        b = o.baseline_start + (o.baseline_end - o.baseline_start) * progress
        share, size = self.shares(fake)
        weight = share - b / size
        prefixes = runtime.global_sum(1 / size)  # K: every text is one of its prefix's M
        count = runtime.global_sum(torch.ones_like(share))
        # A token that was given has the weight 1, spread over the M texts that have it.
        worth = torch.where(fake.chosen, weight[:, None], 1 / size[:, None])
        log_prob = self.log_prob(fake)
        total = policy_gradient(log_prob, worth, fake.mask, "sum") / prefixes
        return Loss(
            total,
            {
                "g_loss": runtime.global_sum(total),
                # the share of a prefix's texts that the weights leave
                "ess": prefixes**2 / runtime.global_sum(share.square()) / count,
                "entropy": sampled_entropy(log_prob, fake.chosen),
            },
        )

    def shares(self, fake: Sequences) -> tuple[Tensor, Tensor]:
        """r_i / sum r over the texts of one prefix, and M, how many these are: (B,) each."""
        d = self.discriminator.judge(fake)  # log r
        prefix = torch.full_like(fake.ids, -1)
        if fake.given is not None:
            prefix = torch.where(fake.given, fake.ids, prefix)
        # By what they are, not by where they stand: batches of a pool are shuffled.
        together = (prefix[:, None] == runtime.gather(prefix)).all(dim=2)  # (B, B of all processes)
        log_total = torch.where(together, runtime.gather(d), -torch.inf).logsumexp(dim=1)
        return torch.exp(d - log_total), together.sum(dim=1)
