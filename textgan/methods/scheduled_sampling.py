"""Scheduled sampling (Bengio et al. 2015, arXiv 1506.03099).

Maximum likelihood of real texts, but the generator reads, with a probability that rises over
training, its own draw where the real token stood:

    L = -(1/n) sum_t log pi(x_t | y_<t), y_t = x_t with probability epsilon, else y_t ~ pi(. | y_<t)

There is no gradient through the draws. epsilon falls with progress p in [0, 1] (section 2.4, whose
counter of minibatches i is p in units of the phase):

    linear            1 - p
    inverse sigmoid   k / (k + exp(i / k)), counted so that epsilon is 1/2 at p = 1/2

and never below ``least``. It is a pretraining, a rival of MLE: no game is played. Huszár
(1511.05101) shows that its optimum is not the law of the data.
"""

import math
from dataclasses import replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators.draws import blocks, pick, weigh_
from textgan.losses.policy_gradient import negative_log_likelihood, tokens
from textgan.methods.base import Loss, Method, MethodOptions


class ScheduledSamplingOptions(MethodOptions):
    """Teacher forcing that wears off."""

    name: Literal["scheduled_sampling"] = "scheduled_sampling"
    """Which method."""
    schedule: Literal["inverse_sigmoid", "linear"] = "inverse_sigmoid"
    """How the share of real tokens among those read falls over the phase."""
    steepness: float = Field(default=10.0, gt=1)
    """The paper's k: the share begins at k / (k + 1) and ends at 1 / (k + 1) (inverse_sigmoid)."""
    least: float = Field(default=0.0, ge=0, le=1)
    """The share falls no lower."""


class ScheduledSampling(Method):
    """The generator alone learns, from real text, reading ever more of its own."""

    Options: ClassVar[type[MethodOptions]] = ScheduledSamplingOptions
    options: ScheduledSamplingOptions
    trains = ("generator",)
    plays = False  # what it draws belongs to the very batch: no pool

    def share(self, progress: float) -> float:
        """epsilon: of the tokens that are read, so many are real."""
        k = self.options.steepness
        falling = {
            "linear": 1 - progress,
            "inverse_sigmoid": k / (k + math.exp(2 * progress * math.log(k))),
        }
        return max(self.options.least, falling[self.options.schedule])

    @torch.no_grad()
    def play(self, real: Sequences, progress: float) -> Sequences:
        """The tokens y that are read, among real ones own draws; dropout off."""
        policy, (rows, columns) = self.generator, real.ids.shape
        noise, category = policy.conditions(rows, real.noise, real.category)
        kept = runtime.uniform(rows, columns, real.ids.device) < self.share(progress)
        draws = runtime.uniform(rows, columns, real.ids.device)
        token, read = real.ids.new_full((rows,), policy.config.bos_token_id), []
        with runtime.evaluating(policy):
            state = policy.start(rows, noise, category)
            for t in range(columns):
                logits, state = policy.advance(token, state)
                token = torch.where(kept[:, t], real.ids[:, t], self.draw(logits, draws[:, t]))
                read.append(token)
        return replace(real, ids=torch.stack(read, dim=1), noise=noise, category=category)

    @staticmethod
    def draw(logits: Tensor, uniform: Tensor) -> Tensor:
        """A token a row: (B, V), which is lost, and (B,) -> (B,)."""
        sums = logits.new_empty(len(logits), blocks(logits.shape[1]))
        weigh_(logits, sums)
        return pick(logits, sums, uniform)[0]

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        """The likelihood of the real tokens behind those that are read (``fake``)."""
        logits = self.generator.logits(fake)  # (B, T, V)
        log_prob = -F.cross_entropy(logits.flatten(0, 1), real.ids.flatten(), reduction="none")
        nll = negative_log_likelihood(log_prob.view_as(real.ids), real.mask)
        return Loss(nll, {"nll": runtime.global_sum(nll)}, tokens(real.mask))
