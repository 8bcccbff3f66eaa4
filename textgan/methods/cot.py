"""CoT: Cooperative Training (Lu et al., arXiv 1804.03782).

A mediator M, a language model, learns the mixture of real and generated texts, by likelihood; the
generator moves towards it, over the whole vocabulary, behind prefixes that it drew itself:

    L_M = -(E_real sum_t log M(x_t | x_<t) + E_fake sum_t log M(x_t | x_<t)) / 2
    L_G = (1/n) sum_t sum_v pi(v | x_<t) (log pi(v | x_<t) - log M(v | x_<t)), x ~ pi

Both are means over tokens here. M at its optimum is m = (p + pi) / 2 as a law of texts (not the
mean of the conditionals); the expected sum of the second line's terms over a text is then
KL(pi || m), one of the two terms of JSD(p, pi). No gradient flows through the drawing of prefixes,
as in the official code.
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator, LSTMOptions
from textgan.losses.policy_gradient import negative_log_likelihood, tokens
from textgan.losses.regularizers import entropy
from textgan.methods.base import Loss, Method, MethodOptions
from textgan.methods.requirements import needs_density


class CoTOptions(MethodOptions):
    """A generator and a mediator that learns what lies half way to the real texts."""

    name: Literal["cot"] = "cot"
    """Which method."""
    mediator_size: int = Field(default=64, ge=1)
    """Units of the mediator, an LSTM, and the size of its word vectors."""
    mediator_dropout: float = Field(default=0.5, ge=0, lt=1)
    """Dropout of the mediator while it learns."""


class CoT(Method):
    """The mediator is a player of its own; the discriminator rests."""

    Options: ClassVar[type[MethodOptions]] = CoTOptions
    trains = ("generator", "mediator")

    def __init__(
        self, options: CoTOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        needs_density(options.name, generator)
        size = options.mediator_size
        lstm = LSTMOptions(embedding_size=size, hidden_size=size, dropout=options.mediator_dropout)
        kept = ("vocab_size", "length", "never", "bos_token_id", "eos_token_id", "pad_token_id")
        shared: dict[str, Any] = {key: getattr(generator.config, key) for key in kept}
        self.mediator: Generator = LSTMGenerator(
            LSTMConfig(**shared, options=lstm.model_dump(mode="json"))
        )

    def mediator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        both = Sequences.joined(real, fake)
        nll = negative_log_likelihood(self.mediator.log_prob(both), both.mask)
        return Loss(nll, {"m_loss": runtime.global_sum(nll)}, tokens(both.mask))

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        with runtime.evaluating(self.generator, self.mediator):
            with torch.no_grad():
                log_m = self.mediator.logits(fake).log_softmax(dim=2)  # (B, T, V)
            log_pi = self.generator.logits(fake).log_softmax(dim=2)  # (B, T, V)
        distance = (log_pi.exp() * (log_pi - log_m)).sum(dim=2)  # (B, T)
        loss = runtime.mean(distance, fake.mask)
        parts = {"g_loss": loss, "entropy": self.mean_entropy(log_pi, fake.mask)}
        parts = {name: runtime.global_sum(part) for name, part in parts.items()}
        return Loss(loss, parts, tokens(fake.mask))

    @staticmethod
    def mean_entropy(log_pi: Tensor, mask: Tensor) -> Tensor:
        """This process's share of the policy's mean entropy, nats a token: (B, T, V) -> ()."""
        return runtime.mean(entropy(log_pi.detach()), mask)
