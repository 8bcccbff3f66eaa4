"""REBAR (Tucker et al. 2017, arXiv 1703.07370) for texts; it is measured here and trains nothing.

A token is a categorical variable, and what follows is drawn behind it. With o_t the logits that
chose x_t, the gradient of E r(x) is that of each o_t, carried on into the weights:

    z_t = o_t + g_t, Gumbel noise g_t;  x_t = argmax z_t;  z~_t drawn like z_t, given x_t
    dJ/do_t = E[(r(x) - eta c_t(z~_t)) s_t + eta dc_t(z_t)/do_t - eta dc_t(z~_t)/do_t]
    s_t = d log pi(x_t | x_<t) / do_t

c_t(z) is what a text earns that has softmax(z / tau) in place t and goes on from it with relaxed
tokens: it is smooth in z and resembles r(x), so it takes much of the first term's noise away, and
the two slopes put back what it takes away of the mean. Any eta will do, and any c_t that knows
neither x_t nor what was drawn behind it. As in the paper z_t and z~_t are one number, reached on
two paths (its coupling of u and v). There eta and tau learn to lower the variance as training goes
on; here tau is given, and eta fitted to a pilot.
"""

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan.data.sequences import Sequences
from textgan.estimators.gumbel import gumbel_noise
from textgan.generators.base import Generator

Reward = Callable[[Sequences], Tensor]
"""Texts, relaxed or not -> (B,), differentiable."""


def draws(
    generator: Generator, reward: Reward, size: int, temperature: float, pilot: int
) -> Callable[[], Tensor]:
    """What draws ``size`` texts and estimates, (P,), the gradient of minus their expected reward.

    eta is fitted to as many batches as ``pilot`` says, which are used for nothing else.
    """
    weights = list(generator.parameters())

    def carried(logits: Tensor, slope: Tensor) -> Tensor:
        """From the logits on into the weights."""
        found = torch.autograd.grad(logits, weights, -slope / size, retain_graph=True)
        return torch.cat([part.flatten() for part in found])

    def both() -> tuple[Tensor, Tensor]:
        logits, plain, control = parts(generator, reward, size, temperature)
        return carried(logits, plain), carried(logits, control)

    columns = zip(*(both() for _ in range(pilot)), strict=True)
    eta = best_weight(*(torch.stack(column) for column in columns))

    def draw() -> Tensor:
        logits, plain, control = parts(generator, reward, size, temperature)
        return carried(logits, plain + eta * control)

    return draw


def parts(
    generator: Generator, reward: Reward, size: int, temperature: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of ``size`` texts, differentiable, and of r at them the plain gradient and the control
    that eta weighs: (B, T, V) each.
    """
    texts = generator.sample(size)
    logits = generator.logits(texts)
    chosen = F.one_hot(texts.ids, logits.shape[2]).to(logits.dtype)
    score = chosen - torch.softmax(logits.detach(), dim=2)  # s
    with torch.no_grad():
        plain = reward(texts)[:, None, None] * score
    leaf = logits.detach().requires_grad_()
    noisy = conditional(leaf, chosen)  # z~
    value, slope = relaxed_reward(generator, reward, texts, noisy.detach(), temperature)
    (given,) = torch.autograd.grad(noisy, leaf, slope)
    # z is o plus noise that stands still: its slope is c' itself.
    return logits, plain, slope - given - value[..., None] * score


def conditional(logits: Tensor, chosen: Tensor) -> Tensor:
    """Logits and Gumbel noise, given which is the largest: (B, T, V)."""
    noise = gumbel_noise(logits.detach().flatten(0, 1)).view_as(logits)
    top = logits.logsumexp(dim=2, keepdim=True) + (noise * chosen).sum(dim=2, keepdim=True)
    others = -torch.log(torch.exp(-noise - logits) + torch.exp(-top))
    return torch.where(chosen.bool(), top, others)


def relaxed_reward(
    generator: Generator, reward: Reward, texts: Sequences, noisy: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """c_t and its slope in the noisy logits (B, T, V): (B, T) and (B, T, V)."""
    table = cast(Tensor, generator.get_input_embeddings().weight)
    before = F.one_hot(texts.ids, len(table)).to(noisy.dtype)
    state, values, slopes = generator.start_of(texts), [], []
    for t, token in enumerate(generator.shifted(texts).t()):
        _, state = generator.step(token, state)  # behind x_<t
        z = noisy[:, t].clone().requires_grad_()
        y, behind = [torch.softmax(z / temperature, dim=1)], state
        for _ in range(t + 1, noisy.shape[1]):
            output, behind = generator.hidden((y[-1] @ table)[:, None], behind)
            o = generator.project(output.squeeze(1))
            y.append(torch.softmax((o + gumbel_noise(o)) / temperature, dim=1))
        soft = torch.cat([before[:, :t], torch.stack(y, dim=1)], dim=1)
        earned = reward(Sequences(texts.ids, None, soft=soft))
        slopes.append(torch.autograd.grad(earned.sum(), z)[0])
        values.append(earned.detach())
    return torch.stack(values, dim=1), torch.stack(slopes, dim=1)


def best_weight(plain: Tensor, control: Tensor) -> float:
    """The eta of the least variance, from N plain gradients and as many controls, (N, P) each."""
    plain, control = plain - plain.mean(dim=0), control - control.mean(dim=0)
    return float(-(plain * control).sum() / control.square().sum())
