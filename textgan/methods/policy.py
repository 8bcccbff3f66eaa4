"""What all policy-gradient methods have in common, and the switches between their estimators.

    L_G = -sum_t A_t log pi(x_t | x_<t)

A reward is what a finished text (or a token) earns, a value what a token is worth, an advantage how
much more than expected. A paper is a choice of the three.
"""

from typing import Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.estimators.advantage import (
    Baseline,
    discounted,
    flat_groups,
    group_relative,
    leave_one_out,
    over_prefix,
    spread,
    terminal,
)
from textgan.estimators.critic import Critic
from textgan.estimators.rollout import rollout_values
from textgan.generators.base import Generator
from textgan.losses.adversarial import ADVERSARIAL, PAIRED, LossName
from textgan.losses.policy_gradient import (
    Reduction,
    clipped_ratio,
    expected_reward,
    policy_gradient,
    sampled_entropy,
    tokens,
)
from textgan.losses.regularizers import entropy
from textgan.methods.base import Loss
from textgan.methods.game import Game, GameOptions
from textgan.methods.requirements import needs_every_token, needs_one_logit


class PolicyOptions(GameOptions):
    """Reward, value, advantage and step of a policy gradient."""

    reward: Literal["probability", "centred"] | LossName = "probability"
    """What a logit d earns: sigmoid(d), 2 sigmoid(d) - 1, or the negative of the generator's term
    in that loss (non_saturating: log D, wasserstein: d, kl: e^d, js: -log(1 - D))."""
    values: Literal["rollout", "terminal", "token", "all_tokens"] = "rollout"
    """What a token is worth: the mean reward of completions of its prefix; its text's reward; the
    discounted rewards from it on, under a discriminator with a logit a token; or its own reward,
    expected over every next token instead of drawn (discriminator: projection)."""
    rollouts: int = Field(default=16, ge=1)
    """Completions of each prefix (values: rollout)."""
    rollout_every: int = Field(default=1, ge=1)
    """Complete only every so many-th prefix; the others have the next one's value: no bias, more
    noise, 1/k of the time (values: rollout)."""
    discount: float = Field(default=1.0, gt=0, le=1)
    """Weight of a reward one token later (values: token)."""
    baseline: Baseline = "none"
    """What is expected anyway, and subtracted: a moving average, the mean of the batch's other
    texts, the mean of the batch (group; group_std divides by its deviation too), a critic's, or
    what the prefix before the token is worth by its own rollouts (values: rollout)."""
    baseline_decay: float = Field(default=0.9, ge=0, lt=1)
    """Weight of the old moving average."""
    critic_size: int = Field(default=64, ge=1)
    """Units of the critic, a player of its own (baseline: critic)."""
    clip_ratio: float | None = Field(default=None, gt=0, lt=1)
    """PPO's epsilon, for several updates on the same texts (players.generator.pool)."""
    entropy_bonus: float = Field(default=0.0, ge=0)
    """Weight of the policy's entropy, which is added to the reward."""
    reduction: Reduction = "sum"
    """Sum over batch and time, as SeqGAN's official code, or mean over tokens."""

    @model_validator(mode="after")
    def _a_reward_of_one_text(self) -> Self:
        if self.reward in PAIRED:
            raise ValueError(f"reward '{self.reward}' compares with real texts; take another")
        return self

    @model_validator(mode="after")
    def _prefixes_are_completed(self) -> Self:
        if self.baseline == "prefix" and self.values != "rollout":
            raise ValueError(
                f"baseline 'prefix' is by rollouts, values '{self.values}' have none; take "
                "another, or values 'rollout'"
            )
        return self

    @model_validator(mode="after")
    def _an_expectation_has_no_noise(self) -> Self:
        if self.values == "all_tokens" and (self.baseline != "none" or self.clip_ratio):
            raise ValueError(
                "values 'all_tokens' draws nothing: leave out baseline and clip_ratio, which are "
                "for draws"
            )
        return self


class PolicyGradient(Game):
    """A subclass says what a text earns (``reward``), or a token is worth (``values``)."""

    options: PolicyOptions
    trains: tuple[str, ...] = ("generator", "discriminator", "critic")
    baseline: Tensor

    @classmethod
    def players(cls, options: PolicyOptions) -> tuple[str, ...]:
        without = ("critic",) if options.baseline != "critic" else ()
        return tuple(name for name in cls.trains if name not in without)

    def __init__(
        self, options: PolicyOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        if "discriminator" in self.trains or options.values == "all_tokens":
            self.check_logits(options.values, discriminator)
        if options.baseline in ("leave_one_out", "group", "group_std", "prefix"):
            self.couples = (*self.couples, "generator")
        if options.baseline == "critic":
            self.critic = Critic(generator, options.critic_size)
        if options.baseline == "moving_average":
            self.register_buffer("baseline", torch.zeros(()))
            self.seen: list[tuple[Tensor, Tensor]] = []

    @staticmethod
    def check_logits(values: str, discriminator: Discriminator) -> None:
        """Raise a UserError if the discriminator has not the logits that values are made of."""
        who = f"method.values: '{values}'"
        if values == "all_tokens":
            needs_every_token(who, discriminator, per_token=True)
        else:
            needs_one_logit(who, discriminator, per_token=values == "token")

    # Reward -> value -> advantage

    def reward(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """What finished texts earn, (B,), or their tokens, (B, T); as ``Discriminator.judge``."""
        return self.earned(self.discriminator.judge(s, prefix, copies))

    def earned(self, logits: Tensor) -> Tensor:
        """What a logit earns."""
        if self.options.reward == "probability":
            return torch.sigmoid(logits)
        if self.options.reward == "centred":
            return 2 * torch.sigmoid(logits) - 1
        cost: Tensor = ADVERSARIAL[self.options.reward].generator(logits, logits)[1]
        return -cost

    def values(self, fake: Sequences) -> Tensor:
        """What every token is worth: (B, T), 0 at padding."""
        o = self.options
        if o.values == "rollout":
            return rollout_values(
                self.generator, self.reward, fake, o.rollouts, every=o.rollout_every
            )
        if o.values == "terminal":
            return terminal(self.reward(fake), fake.mask)
        return discounted(self.reward(fake), fake.mask, o.discount)

    def advantage(self, values: Tensor, fake: Sequences) -> Tensor:
        """How much more than expected: (B, T)."""
        o, mask = self.options, fake.mask
        if o.baseline == "prefix":
            return over_prefix(values, mask, o.rollout_every)
        columns, counts = self.groups(values, fake)
        if o.baseline == "leave_one_out":
            return leave_one_out(columns, counts) * mask
        if o.baseline in ("group", "group_std"):
            return group_relative(columns, counts, o.baseline == "group_std") * mask
        if o.baseline == "critic":
            with torch.no_grad(), runtime.evaluating(self.critic):
                expected: Tensor = self.critic(fake)
                return (values - expected) * mask
        if o.baseline == "moving_average":
            self.seen.append((runtime.global_sum(values * mask), tokens(mask)))
            return (values - self.baseline) * mask
        return values

    def groups(self, values: Tensor, fake: Sequences) -> tuple[Tensor, Tensor]:
        """Values in columns (B, T), each a group of texts to compare, and which take part."""
        if self.options.values != "terminal":
            return values, fake.mask
        # All tokens of a text have one value, so texts that ended are still comparable.
        return values[:, :1].expand_as(values), torch.ones_like(fake.mask)

    def after_step(self, player: str) -> None:
        if player == "generator" and self.options.baseline == "moving_average":
            total, count = (torch.stack(part).sum() for part in zip(*self.seen, strict=True))
            decay = self.options.baseline_decay
            self.baseline.copy_(decay * self.baseline + (1 - decay) * total / count)
            self.seen = []

    # Losses

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        if self.options.values == "all_tokens":
            every = self.earned(self.discriminator.all_tokens(fake))  # (B, T, V)
            came = every.gather(2, fake.ids[..., None]).squeeze(2)
            return self.loss_of(came * fake.mask, every, fake)
        values = self.values(fake)
        return self.loss_of(values, self.advantage(values, fake), fake)

    def loss_of(self, values: Tensor, advantage: Tensor, fake: Sequences) -> Loss:
        """The generator's loss where tokens' values and advantages are known, each (B, T), or the
        advantages of all that could have come (B, T, V).
        """
        o, mask = self.options, fake.chosen
        # The policy that sampled had its dropout off: so has the one whose gradient is taken.
        with runtime.evaluating(self.generator):
            log_prob = self.generator.log_prob(fake)
            total = self.step_towards(advantage, log_prob, fake)
            if o.entropy_bonus:
                total = total - o.entropy_bonus * self.entropy(fake)
        n = tokens(mask)
        parts = {
            "g_loss": runtime.global_sum(total),
            "reward": runtime.global_sum(values * mask) / n,
            "reward_std": spread(values, fake.mask),
            "entropy": sampled_entropy(log_prob, mask),
        }
        if o.baseline in ("group", "group_std"):
            parts["flat_groups"] = flat_groups(*self.groups(values, fake))
        return Loss(total, parts, terms=n if o.reduction == "mean" else None)

    def step_towards(self, advantage: Tensor, log_prob: Tensor, fake: Sequences) -> Tensor:
        """The loss whose gradient makes what has an advantage likelier."""
        o, mask = self.options, fake.chosen
        if o.values == "all_tokens":
            return expected_reward(self.generator.logits(fake), advantage, mask, o.reduction)
        if o.clip_ratio is None:
            return policy_gradient(log_prob, advantage, mask, o.reduction)
        assert fake.log_prob is not None, "texts of nobody's policy"
        return clipped_ratio(log_prob, fake.log_prob, advantage, mask, o.clip_ratio, o.reduction)

    def entropy(self, fake: Sequences) -> Tensor:
        """The policy's entropy behind every prefix, summed or averaged like the reward."""
        found = entropy(F.log_softmax(self.generator.logits(fake), dim=2)) * fake.chosen
        return found.sum() / (tokens(fake.chosen) if self.options.reduction == "mean" else 1)

    def critic_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        """Mean squared distance to the values."""
        values = self.values(fake)
        distance = (self.critic(fake) - values).square()
        loss = runtime.mean(distance, fake.mask)
        return Loss(loss, {"critic_loss": runtime.global_sum(loss)}, tokens(fake.mask))
