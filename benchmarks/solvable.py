"""Players whose every text can be summed over, and the exact gradients of what they are after.

The language has 5 words and 4 to a text, 625 texts in all, unless another size is asked for. A
word is mostly followed by the next one or the one after it. The generator is an LSTM that maximum
likelihood left half-way; the discriminators learned beside it.
"""

import itertools
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators import DISCRIMINATORS
from textgan.generators import GENERATORS
from textgan.methods import METHODS

WORDS, LENGTH = 5, 4
LSTM = {"name": "lstm", "embedding_size": 8, "hidden_size": 8}
SMALL = {"embedding_size": 8, "dropout": 0.0}
JUDGES: dict[str, dict[str, Any]] = {
    "cnn": {**SMALL, "widths": [1, 2, 3], "filters": [8, 16, 16]},
    "rnn": {**SMALL, "hidden_size": 16, "per_token": True},
    "projection": {**SMALL, "hidden_size": 16},
}
Target = Literal["text", "tokens", "next token"]


def earned(judge: Any, s: Sequences) -> Tensor:
    """log D of texts, (B,), or of their tokens, (B, T); differentiable in relaxed one-hots."""
    return F.logsigmoid(judge(s))


def learn(
    method: Any, player: str, updates: int, rate: float, real_texts: Callable[[int], Sequences]
) -> None:
    """Update a player so many times, as the trainer does, 64 texts a time."""
    optimizer = torch.optim.Adam(getattr(method, player).parameters(), rate)
    for update in range(updates):
        runtime.seed("learn", player, update)
        real = real_texts(64)
        optimizer.zero_grad()
        method.loss(player, real, method.play(real, 0.0), 0.0).total.backward()
        optimizer.step()


class Players:
    """The generator, and a discriminator of each kind in ``judges``."""

    def __init__(
        self, likelihood: int = 60, warm: int = 200, words: int = WORDS, length: int = LENGTH
    ) -> None:
        runtime.seed("players")
        self.words, self.length = words, length
        texts = itertools.product(range(words), repeat=length)
        self.every = Sequences(torch.tensor(list(texts)), None)
        kind = GENERATORS["lstm"]
        settings: dict[str, Any] = {"bos_token_id": 0, "never": [], "options": LSTM}
        self.generator = kind(kind.config_class(vocab_size=words, length=length, **settings))
        self.judges: dict[str, Any] = {}
        for name, options in JUDGES.items():
            judge = DISCRIMINATORS[name]
            config = judge.config_class(vocab_size=words, options={"name": name, **options})
            self.judges[name] = judge(config)
        learn(self.method("mle", "cnn"), "generator", likelihood, 1e-2, self.real_texts)
        for name in JUDGES:
            values = "terminal" if name == "cnn" else "token"
            method = self.method("seqgan", name, values=values)
            learn(method, "discriminator", warm, 1e-2, self.real_texts)
        self.weights = list(self.generator.parameters())
        self.start = [weight.detach().clone() for weight in self.weights]

    def method(self, name: str, judge: str, **options: Any) -> Any:
        """A method between these players."""
        kind = METHODS[name]
        return kind(kind.Options(**options), self.generator, self.judges[judge])

    def real_texts(self, count: int) -> Sequences:
        """Texts of the language."""
        chance = runtime.uniform(count, self.length, torch.device("cpu"))
        steps = 1 + (chance > 0.6).long() + (chance > 0.9).long()
        steps[:, 0] = (chance[:, 0] * self.words).long()
        return Sequences(steps.cumsum(dim=1) % self.words, None)

    @torch.no_grad()
    def restart(self) -> None:
        """Give the generator the weights back that it came with."""
        for weight, start in zip(self.weights, self.start, strict=True):
            weight.copy_(start)

    def slope(self, loss: Tensor) -> Tensor:
        """A loss's gradient in the generator's weights, as one vector (P,)."""
        return torch.cat([part.flatten() for part in torch.autograd.grad(loss, self.weights)])

    def exact(self, target: Target, judge: str) -> Tensor:
        """The gradient (P,) of minus what is expected to be earned, a sum over all texts.

        ``text``: by texts. ``tokens``: by their tokens together. ``next token``: by each token,
        the prefixes standing still, which is what methods without a look ahead follow.
        """
        g, d = self.generator, self.judges[judge]
        p = g.log_prob(self.every).sum(dim=1).exp()  # (N,)
        if target == "next token":
            with torch.no_grad():
                rewards = F.logsigmoid(d.all_tokens(self.every))  # (N, T, V)
            worth = (torch.softmax(g.logits(self.every), dim=2) * rewards).sum(dim=(1, 2))
            return self.slope(-(p.detach() * worth).sum())
        with torch.no_grad():
            worth = earned(d, self.every)
        return self.slope(-(p * (worth if target == "text" else worth.sum(dim=1))).sum())
