"""Self-play: the opponent is an older version of the generator, their log-ratio the judge.

    d(x) = log pi(x) - log pi_ref(x)

A discriminator at its optimum between real texts and pi_ref's has the logit log p - log pi_ref. To
train d as a discriminator is therefore to train pi towards p, without a network for D and without
a gradient through sampling. The reference is renewed at the start of every repetition of a phase.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.methods.base import Method
from textgan.methods.requirements import needs_density


class SelfPlay(Method):
    """A generator against its frozen copy. A subclass has the generator's loss."""

    trains: tuple[str, ...] = ("generator",)

    def __init__(self, options: Any, generator: Generator, discriminator: Discriminator) -> None:
        super().__init__(options, generator, discriminator)
        needs_density(options.name, generator)
        self.reference = deepcopy(generator).requires_grad_(False)

    def begin(self) -> None:
        self.reference.load_state_dict(self.generator.state_dict())

    def play(self, real: Sequences, progress: float) -> Sequences:
        return self.reference.sample(len(real), category=real.category)

    def log_probs(self, s: Sequences) -> tuple[Tensor, Tensor]:
        """log pi and log pi_ref of every token, dropout off, 0 at padding: (B, T) each."""
        new = self.log_prob(s)
        if s.log_prob is not None:  # its own texts: written down in the draw
            return new, s.log_prob
        with torch.no_grad(), runtime.evaluating(self.reference):
            return new, self.reference.log_prob(s)

    def log_ratio(self, s: Sequences) -> Tensor:
        """log pi - log pi_ref of every token, 0 at padding: (B, T)."""
        new, old = self.log_probs(s)
        return new - old

    def own_state(self) -> dict[str, Tensor]:
        """A matrix that is embedding and output at once is saved once."""
        once = {name for name, _ in (*self.named_parameters(), *self.named_buffers())}
        return {name: value for name, value in super().own_state().items() if name in once}
