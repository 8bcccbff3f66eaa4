"""SentiGAN: Generating Sentimental Texts via Mixture Adversarial Networks (Wang & Wan, IJCAI 2018).

k generators, one a label, and one discriminator of k + 1 classes: the labels of real texts, and
"generated". Generator i pays a penalty on the probability itself, not on its logarithm:

    V_t = (1/N) sum_n (1 - D_i(x_1:t + rollout_n)) for t < T, V_T = 1 - D_i(x)
    L_Gi = sum_t pi_i(x_t | x_<t) V_t, minimised, texts and V held fixed
    L_D = -E_real log D_label(x) - E_fake log D_k+1(x)

The gradient V pi d(log pi) falls with pi where REINFORCE's V d(log pi) doesn't: what is already
rare is hardly pushed down further. D_i is a softmax's probability of class i.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.errors import UserError
from textgan.estimators.rollout import rollout_values
from textgan.generators.base import Generator
from textgan.losses import regularizers
from textgan.losses.policy_gradient import Reduction, sampled_entropy, tokens
from textgan.methods.base import Loss, Method, MethodOptions
from textgan.methods.game import average


class SentiGANOptions(MethodOptions):
    """A penalty through rollouts under a discriminator of labels."""

    name: Literal["sentigan"] = "sentigan"
    """Which method."""
    rollouts: int = Field(default=16, ge=1)
    """Completions of each prefix."""
    reduction: Reduction = "sum"
    """Sum over batch and time, as in the official code, or mean over tokens."""
    output_l2: float = Field(default=0.2, ge=0)
    """Weight of the L2 penalty on the discriminator's output layer."""


class SentiGAN(Method):
    """A text's category says which generator wrote it, or which label a real one has."""

    Options: ClassVar[type[MethodOptions]] = SentiGANOptions
    options: SentiGANOptions

    def __init__(
        self, options: SentiGANOptions, generator: Generator, discriminator: Discriminator
    ) -> None:
        super().__init__(options, generator, discriminator)
        if not generator.categories:
            raise UserError(
                "generator.categories: sentigan has a generator for each label of the texts; set "
                "generator.name to mixture and generator.categories to the number of labels"
            )
        classes = (discriminator.config.options or {}).get("classes", 1)
        if classes != generator.categories + 1:
            raise UserError(
                f"discriminator.classes: {classes}, but sentigan tells {generator.categories} "
                "labels (generator.categories) and generated texts apart; set discriminator.name "
                f"to cnn and discriminator.classes to {generator.categories + 1}"
            )

    def penalty(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """1 - D_i of finished texts, i their category: (B,)."""
        assert s.category is not None, "texts of no generator"
        d = self.discriminator.judge(s, prefix, copies)  # (B, k + 1)
        return 1 - torch.softmax(d, dim=1).gather(1, s.category[:, None]).squeeze(1)

    def generator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        mask, n = fake.mask, tokens(fake.mask)
        penalty = rollout_values(self.generator, self.penalty, fake, self.options.rollouts)
        log_prob = self.log_prob(fake)  # (B, T)
        total = (log_prob.exp() * penalty * mask).sum()
        mean = self.options.reduction == "mean"
        total = total / n if mean else total
        return Loss(
            total,
            {
                "g_loss": runtime.global_sum(total),
                "penalty": runtime.global_sum(penalty * mask) / n,
                "entropy": sampled_entropy(log_prob, mask),
            },
            terms=n if mean else None,
        )

    def discriminator_loss(self, real: Sequences, fake: Sequences, progress: float) -> Loss:
        """Cross-entropy over k + 1 classes, the mean over real and generated texts together."""
        if real.category is None:
            raise UserError("corpus.label_column: sentigan learns from labelled texts; name theirs")
        both = Sequences.joined(real, fake)
        generated = torch.full_like(fake.ids[:, 0], self.generator.categories)
        classes = torch.cat([real.category, generated])
        d = self.discriminator(both)  # (2 B, k + 1)
        entropy = F.cross_entropy(d, classes, reduction="none")
        loss = average(entropy)
        l2 = regularizers.l2(self.discriminator.output_parameters())
        count = runtime.global_sum(torch.ones_like(entropy))
        found = d.argmax(dim=1)
        told = (found == generated[0]) == (classes == generated[0])  # real from generated
        return Loss(
            loss + self.options.output_l2 * runtime.once(l2),
            {
                "d_loss": runtime.global_sum(loss),
                "d_accuracy": runtime.global_sum(told.float()) / count,
                "class_accuracy": runtime.global_sum((found == classes).float()) / count,
            },
            terms=count,
        )
