"""LeakGAN: the discriminator's features leak to the generator (Guo et al., arXiv 1709.08624).

The generator (``generators/leakgan.py``) has two halves with gradients of their own. With f_t the
features of the first t words, g_t the goal behind them and c the horizon,

    L_manager = -sum_t Q_t cos(f_{t+c} - f_t, g_t)                          (eq. 8)
    L_worker  = -sum_t R_t log pi(x_t | x_<t)                               (eq. 9)
    R_t       = (1/c) sum_{i=1..c} cos(f_t - f_{t-i}, g_{t-i})              (eq. 10)
    Q_t       = sigma(delta (0.5 - rank / B)), rank 1 the largest reward    (eq. 13)

Q_t is the value of the step from f_t to f_{t+c}: the discriminator's probability, averaged over
completions of the first t + c words, then ranked over the batch. Where fewer than c words are left
a goal looks ahead to the end; before the beginning there are no goals.

    L_mle     = -sum_t log pi(x_t | x_<t) - sum_t cos(f_{t+c} - f_t, g_t), real text  (eq. 12)
"""

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.discriminators.cnn import CNNDiscriminator
from textgan.errors import UserError
from textgan.estimators.advantage import spread
from textgan.estimators.rollout import rollout_values
from textgan.features import FeatureOptions
from textgan.generators.base import Generator
from textgan.generators.leakgan import LeakGANGenerator, Reading
from textgan.losses.policy_gradient import (
    negative_log_likelihood,
    policy_gradient,
    sampled_entropy,
    tokens,
)
from textgan.methods.base import Loss, Method, MethodOptions
from textgan.methods.game import Game, GameOptions
from textgan.methods.requirements import needs_one_logit


class LeakGANOptions(GameOptions):
    """Manager and worker under a discriminator that leaks."""

    name: Literal["leakgan"] = "leakgan"
    """Which method."""
    rollouts: int = Field(default=4, ge=1)
    """Completions of each prefix."""
    delta: float = Field(default=16.0, gt=0)
    """How steeply rewards fall with their rank in the batch."""


class LeakGANMLEOptions(MethodOptions):
    """Likelihood for the worker, real texts' steps for the manager."""

    name: Literal["leakgan_mle"] = "leakgan_mle"
    """Which method."""


class Leaky(Method):
    """A method whose generator holds a copy of what the discriminator sees with."""

    generator: LeakGANGenerator

    def __init__(self, options: Any, generator: Generator, discriminator: Discriminator) -> None:
        check_players(options.name, generator, discriminator)
        super().__init__(options, generator, discriminator)

    def begin(self) -> None:
        self.leak()

    def after_step(self, player: str) -> None:
        if player == "discriminator":
            self.leak()

    def leak(self) -> None:
        """Renew the generator's copy of the discriminator's features."""
        with runtime.evaluating(self.discriminator):
            self.generator.leak.copy_from(self.discriminator)


class LeakGAN(Leaky, Game):
    """Rewards through rollouts for the manager, the manager's goals for the worker."""

    Options: ClassVar[type[MethodOptions]] = LeakGANOptions
    options: LeakGANOptions
    couples = ("generator",)

    def __init__(
        self, options: LeakGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        needs_one_logit(f"method.name: {options.name}", discriminator)

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        o, mask, c = self.options, fake.chosen, self.generator.options.horizon
        values = rollout_values(
            self.generator, self.discriminator.probability, fake, o.rollouts, shortest=c
        )
        values = values.gather(1, ahead(fake, c) - 1)  # (B, T) behind the words that g_t leads to
        # The policy that sampled had its dropout off: so has the one whose gradient is taken.
        with runtime.evaluating(self.generator):
            reading = self.generator.read(fake)
        agreement = manager_agreement(reading, fake, c)
        manager = -runtime.mean(rescaled(values, o.delta) * agreement, mask)
        reward = worker_reward(reading, c)
        worker = policy_gradient(reading.log_prob, reward, mask, "mean")
        n = tokens(mask)
        return Loss(
            manager + worker,
            {
                "manager_loss": runtime.global_sum(manager),
                "worker_loss": runtime.global_sum(worker),
                "reward": runtime.global_sum(values * mask) / n,
                "reward_std": spread(values, mask),
                "worker_reward": runtime.global_sum(reward * mask) / n,
                "entropy": sampled_entropy(reading.log_prob, mask),
            },
        )


class LeakGANMLE(Leaky):
    """Pretraining of both halves on real text, which interleaves with the game."""

    Options: ClassVar[type[MethodOptions]] = LeakGANMLEOptions
    trains = ("generator",)
    plays = False

    def play(self, real: Sequences, progress: float) -> Sequences:
        return real

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        reading = self.generator.read(real)
        nll = negative_log_likelihood(reading.log_prob, real.mask)
        agreement = manager_agreement(reading, real, self.generator.options.horizon)
        manager = -runtime.mean(agreement, real.mask)
        return Loss(
            nll + manager,
            {"nll": runtime.global_sum(nll), "manager_loss": runtime.global_sum(manager)},
            terms=tokens(real.mask),
        )


def ahead(s: Sequences, c: int) -> Tensor:
    """min(t + c, length) for t = 0 .. T - 1: how many words a goal leads up to, (B, T)."""
    steps = torch.arange(s.ids.shape[1], device=s.ids.device)
    return torch.minimum(steps + c, s.lengths[:, None])


def manager_agreement(reading: Reading, s: Sequences, c: int) -> Tensor:
    """cos(f_{t+c} - f_t, g_t) for t = 0 .. T - 1, with the goals' gradient: (B, T)."""
    rows = torch.arange(len(s), device=s.ids.device)[:, None]
    step = reading.features[rows, ahead(s, c)] - reading.features[:, :-1]  # (B, T, F)
    return F.cosine_similarity(step, reading.goals, dim=2)


@torch.no_grad()
def worker_reward(reading: Reading, c: int) -> Tensor:
    """R_t = (1/c) sum_{i=1..c} cos(f_t - f_{t-i}, g_{t-i}) for t = 1 .. T: (B, T)."""
    f, g = reading.features, reading.goals
    reward = f.new_zeros(g.shape[:2])
    for i in range(1, 1 + min(c, g.shape[1])):
        step = f[:, i:] - f[:, :-i]  # (B, T - i + 1, F) of t = i .. T
        reward[:, i - 1 :] += F.cosine_similarity(step, g[:, : g.shape[1] - i + 1], dim=2) / c
    return reward


def rescaled(values: Tensor, delta: float) -> Tensor:
    """sigma(delta (0.5 - rank / B)) of each value in its column of the global batch: (B, T).

    Rank 1 is the largest; equal values share the mean of their ranks.
    """
    everyone = runtime.gather(values).t().contiguous().sort(dim=1).values  # (T, B) ascending
    mine = values.t().contiguous()
    below, up_to = (torch.searchsorted(everyone, mine, right=right) for right in (False, True))
    count = everyone.shape[1]
    rank = count - (below + up_to - 1) / 2
    return torch.sigmoid(delta * (0.5 - rank / count)).t()


def check_players(name: str, generator: Generator, discriminator: Discriminator) -> None:
    """Raises UserError unless what the discriminator leaks is what the generator reads."""
    if not isinstance(generator, LeakGANGenerator):
        raise UserError(f"generator.name: method {name} needs the generator 'leakgan'; set it")
    if not isinstance(discriminator, CNNDiscriminator):
        raise UserError(f"discriminator.name: method {name} needs the discriminator 'cnn'; set it")
    for key in FeatureOptions.model_fields:
        read = getattr(generator.options.features, key)
        leaked = getattr(discriminator.options, key)
        if read != leaked:
            raise UserError(
                f"generator.features.{key}: {read} is not the discriminator's {leaked}, whose "
                "features the generator reads; give both the same"
            )
