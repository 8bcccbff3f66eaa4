"""A neural model for the LM score: an LSTM by maximum likelihood, stopped on texts held back."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators.lstm import LSTMConfig, LSTMGenerator, LSTMOptions

MODELS = 3
"""Models a score is the mean of: reruns differ by about 0.02 nats a token."""
OPTIONS = LSTMOptions(embedding_size=64, hidden_size=128, dropout=0.2)
BATCH = 64
LEARNING_RATE = 5e-3
EPOCHS = 15
PATIENCE = 2
"""Epochs without a gain before the best one's weights are taken."""
HELD_BACK = 10
"""One text in so many chooses the epoch."""


def fit_lstm(
    texts: list[list[int]], words: int, seed: int
) -> Callable[[list[list[int]]], np.ndarray]:
    """Train on texts of ids 0 to ``words`` - 1, without ends.

    Returns:
        The score of texts: (N,) log-probabilities in nats, ends included.
    """
    runtime.seed(seed, "language model")
    longest = max(map(len, texts)) + 1
    model = LSTMGenerator(
        LSTMConfig(
            vocab_size=words + 2,
            length=longest,
            eos_token_id=words,
            bos_token_id=words + 1,
            never=[words + 1],
            options=OPTIONS.model_dump(mode="json"),
        )
    ).to(runtime.pick_device("auto"))  # type: ignore[arg-type]
    held = texts[::HELD_BACK] if len(texts) >= HELD_BACK else texts
    read = [text for i, text in enumerate(texts) if i % HELD_BACK] or texts
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    best, least, waited = model.state_dict(), float("inf"), 0
    for _ in range(EPOCHS):
        _epoch(model, optimizer, read)
        nats = -_log_probs(model, held).sum()
        waited += 1
        if nats < least:
            least, waited = nats, 0
            best = {name: part.clone() for name, part in model.state_dict().items()}
        if waited == PATIENCE:
            break
    model.load_state_dict(best)
    return lambda scored: _log_probs(model, scored)


def _epoch(model: LSTMGenerator, optimizer: torch.optim.Optimizer, texts: list[list[int]]) -> None:
    model.train()
    order = torch.randperm(len(texts)).tolist()
    for rows in runtime.chunks(len(texts), BATCH):
        s = _batch([texts[i] for i in order[rows]], model)
        loss = -model.log_prob(s).sum() / s.mask.sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()


@torch.no_grad()
def _log_probs(model: LSTMGenerator, texts: list[list[int]]) -> np.ndarray:
    with runtime.evaluating(model):
        parts: list[Tensor] = [
            model.log_prob(_batch(texts[rows], model)).double().sum(dim=1)
            for rows in runtime.chunks(len(texts), BATCH)
        ]
    return torch.cat(parts).cpu().numpy()


def _batch(texts: list[list[int]], model: LSTMGenerator) -> Sequences:
    end = model.config.eos_token_id
    assert end is not None
    ids = torch.full((len(texts), max(map(len, texts)) + 1), end)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
    return Sequences(ids, end).to(model.device)
