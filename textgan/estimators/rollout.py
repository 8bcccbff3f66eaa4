"""Monte Carlo search: what a prefix is worth is what its completions earn on average."""

from typing import Protocol

import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators.base import Generator
from textgan.precision import widened

ROLLOUT_BYTES = 32
"""Of each token of each rollout: its draw, its id twice, its log-probability."""


class Reward(Protocol):
    """What a finished text earns."""

    def __call__(self, s: Sequences, prefix: int = 0, copies: int = 1, /) -> Tensor:
        """Texts -> (B,).

        Every ``copies`` texts in a row begin with the same ``prefix`` tokens: what depends on
        these alone may be worked out once.
        """


@torch.no_grad()
def rollout_values(
    generator: Generator,
    reward: Reward,
    s: Sequences,
    rollouts: int,
    shortest: int = 1,
    every: int = 1,
) -> Tensor:
    """The value Q_t of every prefix of every text (SeqGAN, arXiv 1609.05473, eq. 4).

    Q_t = (1/N) sum_n reward(x_1:t + rollout_n) for t before the end, Q_t = reward(x) at the end.

    Args:
        generator: the policy that completes prefixes; dropout is off.
        reward: what a text earns.
        s: B finished texts of width T.
        rollouts: N.
        shortest: the smallest t < T that is asked for; Q of shorter prefixes is 0.
        every: only prefixes of so many tokens, of twice as many, ... are completed. Any other has
            the value of the next of these, or of the whole text: E[Q_s | x_1:t] = Q_t for s > t, so
            a policy gradient stays unbiased. (A value interpolated between the prefixes on both
            sides would not: the earlier one's share doesn't know x_t.)

    Returns:
        (B, T), row b and column t - 1 hold Q_t of text b; 0 at padding.

    Each rollout starts from the stored state of its prefix, so the cost is T²/2 steps instead of
    T³/3; texts that ended before t take no part in step t. Memory is bounded: the batch is worked
    through in parts if its prefixes' states and a position's rollouts are too large together.
    """
    width, start, found = s.ids.shape[1], 0, []
    text_bytes = 3 * generator.state_bytes(width) + ROLLOUT_BYTES * rollouts * width
    rows = runtime.rows_at_once(text_bytes, s.ids.device)
    parts = min(-runtime.fewest(len(s) // -rows), runtime.fewest(len(s)))  # alike on every process
    for some in s.split(parts):
        with runtime.part(start, start + len(some), len(s)):
            found.append(completed_values(generator, reward, some, rollouts, shortest, every))
        start += len(some)
    values = torch.cat(found)
    return values if every == 1 else carried_back(values, s, every)


def carried_back(values: Tensor, s: Sequences, every: int) -> Tensor:
    """Q of each prefix -> that of the next ``every``-th one, at most the whole text: (B, T)."""
    t = torch.arange(1, 1 + values.shape[1], device=values.device)
    following = torch.minimum((t + every - 1) // every * every, s.lengths[:, None])
    return values.gather(1, following - 1) * s.mask


def completed_values(
    generator: Generator, reward: Reward, s: Sequences, rollouts: int, shortest: int, every: int
) -> Tensor:
    """``rollout_values`` of texts that are worked on together, where completed."""
    width = s.ids.shape[1]
    bos = s.ids.new_full((len(s), 1), generator.config.bos_token_id)
    begin = torch.cat([bos, s.ids], dim=1)
    going = unfinished(s)
    with runtime.evaluating(generator):
        earned = widened(reward(s))
        values = earned.new_zeros(s.ids.shape).scatter(1, s.lengths[:, None] - 1, earned[:, None])
        state = generator.start_of(s)
        _, state = generator.step(begin[:, 0], state)
        for t in range(1, width):
            if t < shortest or t % every:
                _, state = generator.step(begin[:, t], state)
                continue
            # Draws of all rows on every process, finished or not: they depend on the row alone.
            draws = runtime.uniform(len(s), rollouts * (width - t), s.ids.device)
            rows = going[t - 1]
            if not len(rows):
                continue
            output, state = generator.step(begin[:, t], state)
            many = rows.repeat_interleave(rollouts)
            ids, _ = generator.complete(
                begin[:, : t + 1],
                output,
                state,
                draws[rows].reshape(len(many), -1),
                origin=many,
            )
            whole = torch.cat([begin[many, 1 : t + 1], ids], dim=1)
            category = None if s.category is None else s.category[many]
            completed = Sequences(whole, s.eos, category=category)
            earned = widened(reward(completed, t, rollouts))
            mean = earned.view(-1, rollouts).mean(dim=1)
            values[rows, t - 1] = torch.where(s.lengths[rows] > t, mean, values[rows, t - 1])
    return values


def unfinished(s: Sequences) -> list[Tensor]:
    """By t = 1 .. T, which texts to complete behind t tokens. On a CPU those that go on, longest
    first. To count them is to wait for the device: an accelerator completes them all.
    """
    width = s.ids.shape[1]
    if not runtime.passes_count(s.ids.device):
        return [torch.arange(len(s), device=s.ids.device)] * width
    order = torch.argsort(s.lengths, descending=True)
    lengths = s.lengths.tolist()
    return [order[: sum(length > t for length in lengths)] for t in range(1, 1 + width)]
