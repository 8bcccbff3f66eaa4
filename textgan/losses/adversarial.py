"""Losses of the two-player game, one table; d are discriminator logits.

A loss is a mean over *terms*: a logit a text (B,), a token (B, T) or a representation (B, R). Where
texts have several, ``mask`` says which of them count.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan import runtime

LossName = Literal[
    "minimax",
    "non_saturating",
    "least_squares",
    "hinge",
    "wasserstein",
    "rsgan",
    "ragan",
    "kl",
    "reverse_kl",
    "js",
]
Terms = tuple[Tensor, Tensor]
"""Of the real and of the generated texts, shaped like their logits."""


class TwoPlayer(NamedTuple):
    """What each player minimises, term by term: (real d, fake d) -> terms."""

    discriminator: Callable[[Tensor, Tensor], Terms]
    generator: Callable[[Tensor, Tensor], Terms]


def _cross_entropy(real: Tensor, fake: Tensor) -> Terms:
    """-log D(real), -log(1 - D(fake))."""
    return F.softplus(-real), F.softplus(fake)


def _relative(real: Tensor, fake: Tensor) -> Terms:
    """Distances to the other side's mean over the global batch."""
    return real - runtime.global_mean(fake), fake - runtime.global_mean(real)


def _relativistic(real: Tensor, fake: Tensor) -> Terms:
    return _cross_entropy(*_relative(real, fake))


def _relativistic_generator(real: Tensor, fake: Tensor) -> Terms:
    real, fake = _relative(real, fake)
    return F.softplus(real), F.softplus(-fake)


def _of_fake(term: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Terms]:
    """The real texts' terms are zero: they don't move the generator."""
    return lambda real, fake: (torch.zeros_like(fake), term(fake))


ADVERSARIAL: dict[LossName, TwoPlayer] = {
    # Goodfellow et al. 2014 (1406.2661): the generator minimises log(1 - D), or -log D.
    "minimax": TwoPlayer(_cross_entropy, _of_fake(lambda d: -F.softplus(d))),
    "non_saturating": TwoPlayer(_cross_entropy, _of_fake(lambda d: F.softplus(-d))),
    # Mao et al. 2017 (1611.04076)
    "least_squares": TwoPlayer(
        lambda real, fake: ((real - 1) ** 2, fake**2), _of_fake(lambda d: (d - 1) ** 2)
    ),
    # Lim & Ye 2017 (1705.02894)
    "hinge": TwoPlayer(
        lambda real, fake: (F.relu(1 - real), F.relu(1 + fake)), _of_fake(lambda d: -d)
    ),
    # Arjovsky et al. 2017 (1701.07875); wants a gradient penalty (1704.00028)
    "wasserstein": TwoPlayer(lambda real, fake: (-real, fake), _of_fake(lambda d: -d)),
    # Jolicoeur-Martineau 2018 (1807.00734): a pair each, and against the other side's mean
    "rsgan": TwoPlayer(
        lambda real, fake: (torch.zeros_like(fake), F.softplus(fake - real)),
        lambda real, fake: (torch.zeros_like(fake), F.softplus(real - fake)),
    ),
    "ragan": TwoPlayer(_relativistic, _relativistic_generator),
    # With D at its optimum d = log p/g, so that E_g[-e^d], E_g[-d] and E_g[-softplus d] move g
    # towards p along KL(p || g), KL(g || p) and JS (as a reward: e^d, d, softplus d).
    "kl": TwoPlayer(_cross_entropy, _of_fake(lambda d: -torch.exp(d))),
    "reverse_kl": TwoPlayer(_cross_entropy, _of_fake(lambda d: -d)),
    "js": TwoPlayer(_cross_entropy, _of_fake(lambda d: -F.softplus(d))),
}
PAIRED: tuple[LossName, ...] = ("rsgan", "ragan")
"""Losses in which a generated text is judged beside real ones, as many of each."""
ENTROPIC: tuple[LossName, ...] = ("minimax", "non_saturating", "kl", "reverse_kl", "js")
"""Losses whose discriminator estimates a probability, by cross-entropy."""


def discriminator_loss(
    name: LossName, real: Tensor, fake: Tensor, smoothing: float = 0.0, mask: Terms | None = None
) -> Tensor:
    """This process's share of the discriminator's loss: the mean over real terms plus that over
    fake ones; of a cross-entropy the mean over both kinds together, as in any classifier.

    Args:
        name: of ``ADVERSARIAL``.
        real: (B, ...) logits of real texts.
        fake: (C, ...) logits of generated texts; of paired losses as many.
        smoothing: one-sided label smoothing (Salimans et al. 2016, 1606.03498): the target of real
            texts is 1 - smoothing. Cross-entropies only.
        mask: which terms count, of real and of fake.
    """
    of_real, of_fake = ADVERSARIAL[name].discriminator(real, fake)
    if smoothing:
        of_real = (1 - smoothing) * of_real + smoothing * F.softplus(real)
    masks = mask or (torch.ones_like(of_real), torch.ones_like(of_fake))
    if name in ENTROPIC:
        return runtime.mean(
            torch.cat([of_real.flatten(), of_fake.flatten()]),
            torch.cat([part.flatten() for part in masks]),
        )
    return runtime.mean(of_real, masks[0]) + runtime.mean(of_fake, masks[1])


def generator_loss(name: LossName, real: Tensor, fake: Tensor, mask: Terms | None = None) -> Tensor:
    """This process's share of the generator's loss; arguments as in ``discriminator_loss``."""
    of_real, of_fake = ADVERSARIAL[name].generator(real, fake)
    masks = mask or (torch.ones_like(of_real), torch.ones_like(of_fake))
    return runtime.mean(of_real, masks[0]) + runtime.mean(of_fake, masks[1])


def texts(real: Tensor, fake: Tensor) -> Tensor:
    """How many logits of both kinds the global batch has: a scalar."""
    return runtime.global_sum(torch.ones_like(torch.cat([real, fake])))


def accuracy(real: Tensor, fake: Tensor, mask: Terms | None = None) -> Tensor:
    """Share of logits on the right side of 0, over the global batch: a scalar."""
    masks = mask or (torch.ones_like(real), torch.ones_like(fake))
    hits = ((real > 0) * masks[0]).sum() + ((fake <= 0) * masks[1]).sum()
    return runtime.global_sum(hits.float()) / runtime.global_sum(
        torch.stack([part.float().sum() for part in masks])
    )
