"""DP-GAN's discriminator (arXiv 1802.01345): a language model, whose surprise is the judgement.

    R(x_t) = -log p(x_t | x_<t), R(x) = (1/T) sum_t R(x_t)

in nats: what a repetitive text has little of. It stands where other discriminators have a logit,
but is never negative and has no upper bound, unless ``clip_reward`` is one.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from textgan.data.sequences import Sequences
from textgan.data.vectors import VectorOptions
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.first_weights import normal_


class LanguageModelOptions(DiscriminatorOptions, VectorOptions):
    """An LSTM language model; the defaults are DP-GAN's official ones."""

    name: Literal["language_model"] = "language_model"
    """Which discriminator."""
    embedding_size: int = Field(default=128, ge=1)
    """Size of a word vector."""
    hidden_size: int = Field(default=256, ge=1)
    """Units a layer."""
    layers: int = Field(default=1, ge=1)
    """Recurrent layers, one above the other."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of outputs' elements that are dropped while training."""
    init_std: float = Field(default=0.1, gt=0)
    """Standard deviation of the first weights."""
    per_token: bool = True
    """The surprise of every word, instead of a text's mean."""
    clip_reward: float | None = Field(default=None, gt=0)
    """Nats of surprise above which a word is no better, for both players: without a bound the
    discriminator's loss has none."""


class LanguageModelConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a language model that judges."""

    model_type = "textgan_language_model"


class LanguageModelDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """Word vectors, recurrent layers, dropout, a softmax over words. Features are surprises."""

    config_class = LanguageModelConfig
    Options = LanguageModelOptions

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__(config)
        o = self.options = LanguageModelOptions.model_validate(config.options)
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.recurrent = nn.LSTM(
            o.embedding_size, o.hidden_size, num_layers=o.layers, batch_first=True
        )
        self.dropout = nn.Dropout(o.dropout)
        self.output = nn.Linear(o.hidden_size, config.vocab_size)
        self.row_bytes = 4 * 2 * 64 * config.vocab_size  # logits and their softmax of 64 words
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        normal_(module, self.options.init_std)

    @property
    def per_token(self) -> bool:
        return self.options.per_token

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """Surprises R: (B, T, 1), or of texts (B, 1)."""
        before = F.pad(embedded[:, :-1], (0, 0, 1, 0))  # no word, a zero vector, stands in front
        with torch.backends.cudnn.flags(enabled=self.training):  # else it has no gradient
            outputs, _ = self.recurrent(before)
        logits = self.output(self.dropout(outputs))  # (B, T, V)
        words = F.cross_entropy(logits.transpose(1, 2), s.ids, reduction="none")  # (B, T)
        if self.options.clip_reward is not None:
            words = words.clamp(max=self.options.clip_reward)
        if self.per_token:
            return words[..., None]
        mask = s.mask
        return (words * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)

    def head(self, features: Tensor) -> Tensor:
        """The surprises themselves: (B, T), or (B,)."""
        return features.squeeze(-1)
