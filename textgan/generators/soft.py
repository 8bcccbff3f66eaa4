"""Texts that let a gradient through: each token relaxed as it is drawn."""

from collections.abc import Callable
from typing import Literal, cast

import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators.base import Generator

Feed = Literal["hard", "soft"]


def sample_soft(
    generator: Generator,
    size: int,
    relax: Callable[[Tensor], tuple[Tensor, Tensor]],
    feed: Feed = "hard",
    *,
    noise: Tensor | None = None,
    category: Tensor | None = None,
) -> Sequences:
    """Draw ``size`` texts with a gradient back to the generator's weights, dropout off.

    Args:
        generator: the policy.
        size: B.
        relax: logits (B, V) -> token (B,) and relaxed one-hot (B, V) (``estimators.gumbel``).
        feed: what the next step reads: ``hard`` the chosen token's word vector, as RelGAN has it,
            or ``soft`` the relaxed one-hot's.
        noise: (B, Z); default: drawn.
        category: (B,); default: drawn.

    Returns:
        Sequences with ``soft`` (B, T, V), which is 0 behind the end.
    """
    noise, category = generator.conditions(size, noise, category)
    embedding = generator.get_input_embeddings()
    table = cast(Tensor, embedding.weight)
    ids, softs = [], []
    with runtime.evaluating(generator):
        state = generator.start(size, noise, category)
        bos = torch.full((size,), generator.config.bos_token_id, device=generator.device)
        embedded = embedding(bos)
        for _ in range(generator.config.length):
            output, state = generator.hidden(embedded[:, None], state)
            token, soft = relax(generator.project(output.squeeze(1)))
            ids.append(token)
            softs.append(soft)
            embedded = soft @ table if feed == "soft" else embedding(token)
    s = Sequences(
        torch.stack(ids, dim=1), generator.config.eos_token_id, noise=noise, category=category
    )
    mask = s.mask
    pad = generator.config.pad_token_id or 0
    return Sequences(
        s.ids.masked_fill(~mask, pad),
        s.eos,
        soft=torch.stack(softs, dim=1) * mask[..., None],
        noise=noise,
        category=category,
    )
