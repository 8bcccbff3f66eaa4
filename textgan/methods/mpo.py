"""MPO on every next token: Maximum a Posteriori Policy Optimisation (Abdolmaleki et al. 2018, arXiv
1806.06920), played against a discriminator. As a text GAN it is ours.

The discriminator's logit is a sum over tokens, d(x) = sum_t d_t(x_t | x_<t), each of which is known
for all tokens that could have come (discriminator: pairs, or projection). Behind every prefix the
older policy, tilted by it, is the target (there: the E-step, eta the temperature), and the policy
is fitted to the target on its own texts (the M-step):

    q(v | x_<t) = pi_old(v | x_<t) e^(d_t(v | x_<t) / eta) / Z(x_<t)
    L_G = E_{x ~ pi} sum_t KL(q(. | x_<t) || pi(. | x_<t)) / T

pi_old is the generator as the discriminator knew it last. They may move in turn; or the
discriminator learns to tell the texts of a generator that rests, and then the generator follows,
for as long as it takes (configs/methods/mpo.yaml). With D at its optimum, its parts each token's
own log-ratio, and eta 1, q is p_data. Texts of one's own cost nothing and never run out, and a
target says of V tokens at once how likely they should be: what the discriminator learnt from few
texts, the generator learns from many.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.losses.policy_gradient import tokens
from textgan.methods.base import Loss, MethodOptions
from textgan.methods.game import Game, GameOptions
from textgan.methods.requirements import needs_every_token
from textgan.methods.self_play import SelfPlay


class MPOOptions(GameOptions):
    """The older policy, tilted by the discriminator, as the target."""

    name: Literal["mpo"] = "mpo"
    """Which method."""
    temperature: float = Field(default=1.0, gt=0)
    """eta: logits are divided by it; the lower, the further the target from the older policy."""


class MPO(SelfPlay, Game):
    """Cross-entropy for the discriminator; for the generator the KL from a tilted policy."""

    Options: ClassVar[type[MethodOptions]] = MPOOptions
    options: MPOOptions
    trains: tuple[str, ...] = ("generator", "discriminator")

    def __init__(
        self, options: MPOOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        needs_every_token(f"method.name: {options.name}", discriminator)

    def play(self, real: Sequences, progress: float) -> Sequences:
        return self.generator.sample(len(real))

    def after_step(self, player: str) -> None:
        if player == "discriminator":
            self.begin()

    @torch.no_grad()
    def target(self, s: Sequences) -> Tensor:
        """log q of every next token: (B, T, V)."""
        with runtime.evaluating(self.reference):
            old = self.reference.logits(s)
        tilt = self.discriminator.all_tokens(s) / self.options.temperature
        return torch.log_softmax(old + tilt, dim=2)

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        target, mask = self.target(fake), fake.chosen
        with runtime.evaluating(self.generator):  # no dropout, as when it sampled
            log_prob = torch.log_softmax(self.generator.logits(fake), dim=2)
        distance = (target.exp() * (target - log_prob)).sum(dim=2)  # (B, T)
        loss = runtime.mean(distance, mask)
        return Loss(loss, {"g_loss": runtime.global_sum(loss)}, terms=tokens(mask))
