"""Tokens that let a gradient through: relaxed or straight-through one-hots.

Every function turns logits (B, V) into the token that was chosen, (B,), and its relaxed one-hot,
(B, V), through which the gradient flows.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan import runtime

Estimator = Literal["gumbel", "straight_through", "rao_blackwell", "reinmax", "softmax"]
Relaxed = tuple[Tensor, Tensor]

SAMPLES = 8
"""Conditional draws of the Rao-Blackwellised estimator."""
LEAST = 40.0
"""Nats below the likeliest token at which relaxed one-hots end: e^-40 is nothing beside fp32's
1e-7, but at a low temperature most tokens lie so far below that they, or their gradients, are
denormal numbers, by which a processor multiplies a hundred times more slowly than by 0."""


def gumbel_noise(logits: Tensor) -> Tensor:
    """-log(-log u), shaped like the logits: their sum is largest with the token's probability."""
    tiny = torch.finfo(logits.dtype).tiny
    uniform = runtime.uniform(len(logits), logits.shape[1], logits.device).to(logits.dtype)
    return -(-uniform.clamp(min=tiny).log()).log()


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """softmax(logits / tau), 0 where that is below e^-40 of the largest: (B, V)."""
    x = logits / temperature
    least = x.detach().amax(dim=1, keepdim=True) - LEAST
    return torch.softmax(x.masked_fill(x < least, -torch.inf), dim=1)


def gumbel_softmax(logits: Tensor, temperature: float) -> Relaxed:
    """softmax((o + g) / tau) and its argmax (Jang et al. 1611.01144, Maddison et al. 1611.00712).

    RelGAN writes beta for 1 / tau.
    """
    noisy = logits + gumbel_noise(logits)
    return noisy.argmax(dim=1), tempered(noisy, temperature)


def straight_through(logits: Tensor, temperature: float) -> Relaxed:
    """The one-hot of the token forward, the Gumbel-softmax's gradient backward (1611.01144)."""
    token, soft = gumbel_softmax(logits, temperature)
    return token, _hard(token, soft)


def rao_blackwell(logits: Tensor, temperature: float) -> Relaxed:
    """Straight-through, its gradient averaged over Gumbel draws that choose the same token
    (Paulus et al. 2010.04838): the same mean, less variance.
    """
    token = (logits + gumbel_noise(logits)).argmax(dim=1)
    soft = torch.stack([_given(logits, token, temperature) for _ in range(SAMPLES)]).mean(dim=0)
    return token, _hard(token, soft)


def _given(logits: Tensor, token: Tensor, temperature: float) -> Tensor:
    """A Gumbel-softmax drawn given its argmax (ibid., eq. 5)."""
    with torch.no_grad():
        exponential = torch.exp(-gumbel_noise(logits))
        total = logits.logsumexp(dim=1, keepdim=True)
        # The largest is Gumbel around the total; the others are Gumbel, cut off at it.
        largest = total - exponential.gather(1, token[:, None]).log()
        others = -torch.log(exponential * torch.exp(-logits) + torch.exp(-largest))
        noise = others.scatter(1, token[:, None], largest) - logits
    return tempered(logits + noise, temperature)


def reinmax(logits: Tensor, temperature: float) -> Relaxed:
    """Straight-through to second order (Liu et al. 2304.08612, alg. 2)."""
    token = (logits + gumbel_noise(logits)).argmax(dim=1)
    one_hot = F.one_hot(token, logits.shape[1]).to(logits.dtype)
    middle = 0.5 * (one_hot + tempered(logits, temperature))
    middle = torch.softmax((middle.log() - logits).detach() + logits, dim=1)
    return token, _hard(token, 2 * middle - 0.5 * torch.softmax(logits, dim=1))


def softmax(logits: Tensor, temperature: float) -> Relaxed:
    """softmax(o / tau) without noise, as WGAN-GP for text (1705.10929) and TextGAN have it."""
    return logits.argmax(dim=1), tempered(logits, temperature)


def _hard(token: Tensor, soft: Tensor) -> Tensor:
    """The one-hot, with the gradient of ``soft``."""
    one_hot = F.one_hot(token, soft.shape[1]).to(soft.dtype)
    return one_hot + soft - soft.detach()


ESTIMATORS: dict[Estimator, Callable[[Tensor, float], Relaxed]] = {
    "gumbel": gumbel_softmax,
    "straight_through": straight_through,
    "rao_blackwell": rao_blackwell,
    "reinmax": reinmax,
    "softmax": softmax,
}


def relax(name: Estimator, temperature: float) -> Callable[[Tensor], Relaxed]:
    """An estimator at a temperature."""
    estimator = ESTIMATORS[name]
    return lambda logits: estimator(logits, temperature)
