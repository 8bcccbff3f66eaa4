"""A learned baseline: what the texts that begin with a prefix are expected to earn."""

import torch
from torch import Tensor, nn

from textgan.data.sequences import Sequences
from textgan.generators.base import Generator


class Critic(nn.Module):
    """A GRU over ``<bos>`` and the tokens before each one; V(x_<t), as in MaskGAN (1801.07736)."""

    def __init__(self, generator: Generator, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(generator.config.vocab_size, size)
        self.recurrent = nn.GRU(size, size, batch_first=True)
        self.output = nn.Linear(size, 1)
        self.bos = generator.config.bos_token_id

    def forward(self, s: Sequences) -> Tensor:
        """Texts -> what is expected before each of their tokens, (B, T), 0 at padding."""
        bos = s.ids.new_full((len(s), 1), self.bos)
        before = torch.cat([bos, s.ids[:, :-1]], dim=1)
        with torch.backends.cudnn.flags(enabled=self.training):  # else it has no gradient
            outputs, _ = self.recurrent(self.embedding(before))
        values: Tensor = self.output(outputs).squeeze(2) * s.mask
        return values
