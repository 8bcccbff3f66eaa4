"""RelGAN's discriminator (Nie et al., ICLR 2019): one CNN reads a text in R representations.

Each word has R short vectors, parts of one embedding; every part of a text passes the same filters,
the largest response of each, one highway layer and two linear layers. Each gives a logit: (B, R).
"""

from typing import Literal, Self, cast

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import init

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.data.vectors import VectorOptions
from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.features import ConvolutionFeatures
from textgan.precision import in_fp32

HIDDEN = 5
"""Binary digits in which a window's number is hidden, for up to 32 windows."""


class MultiRepresentationOptions(DiscriminatorOptions, VectorOptions):
    """Sizes of a multi-representation CNN; the defaults are RelGAN's official ones."""

    name: Literal["multi_representation"] = "multi_representation"
    """Which discriminator."""
    embedding_size: int = Field(default=64, ge=1)
    """Size of a word's whole vector, all representations together."""
    representations: int = Field(default=64, ge=1)
    """R: parts that the word vector is cut into; they divide embedding_size."""
    widths: list[int] = Field(default=[2, 3, 4, 5])
    """Words under each kind of filter."""
    filters: list[int] = Field(default=[300, 300, 300, 300])
    """How many filters of each width, shared by all representations."""
    hidden_size: int = Field(default=100, ge=1)
    """Units of the linear layer before the last."""
    dropout: float = Field(default=0.25, ge=0, lt=1)
    """Share of features dropped while training."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.widths) != len(self.filters) or not self.widths:
            raise ValueError("widths and filters must be lists of one length")
        if min(self.widths + self.filters) < 1:
            raise ValueError("widths and filters must be 1 or more")
        if self.embedding_size % self.representations:
            raise ValueError(
                f"embedding_size {self.embedding_size} must be a multiple of representations "
                f"{self.representations}"
            )
        return self


class MultiRepresentationConfig(DiscriminatorConfig):  # type: ignore[no-untyped-call]
    """config.json of a multi-representation discriminator."""

    model_type = "textgan_multi_representation"


class MultiRepresentationDiscriminator(Discriminator):  # type: ignore[no-untyped-call]
    """Word vectors in R parts, filters shared by all, dropout, R logits a text."""

    config_class = MultiRepresentationConfig
    Options = MultiRepresentationOptions

    def __init__(self, config: MultiRepresentationConfig) -> None:
        super().__init__(config)
        o = self.options = MultiRepresentationOptions.model_validate(config.options)
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.convolution = FewNumberFilters(
            o.embedding_size // o.representations, o.widths, o.filters
        )
        self.dropout = nn.Dropout(o.dropout)
        self.between = nn.Linear(self.convolution.size, o.hidden_size)
        self.output = nn.Linear(o.hidden_size, 1)
        self.row_bytes = 4 * o.representations * self.convolution.size * (max(o.widths) + 4)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Truncated normal, 1 / sqrt(inputs), filters sqrt(2 / inputs), as in the official code."""
        if isinstance(module, nn.Linear):
            he = module in list(self.convolution.convolutions)
            std = ((2 if he else 1) / module.in_features) ** 0.5
            init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            std = module.num_embeddings**-0.5
            init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        """(B, T, E) -> (B, R, F)."""
        count = self.options.representations
        # (R, B, T, E/R), one large batch: copies of a text still stand side by side
        size, length, _ = embedded.shape
        parts = embedded.view(size, length, count, -1).permute(2, 0, 1, 3).flatten(0, 1)
        features: Tensor = self.convolution(parts, s.lengths.repeat(count), prefix, copies)
        return features.view(count, size, -1).transpose(0, 1)

    @in_fp32
    def head(self, features: Tensor) -> Tensor:
        """(B, R, F) -> (B, R), or (B,) if there is one representation."""
        logits: Tensor = self.output(self.between(self.dropout(features))).squeeze(2)
        return logits.squeeze(1) if self.options.representations == 1 else logits


class FewNumberFilters(ConvolutionFeatures):
    """Filters over windows of so few numbers that their responses, not the products, cost.

    All responses of R = 64 representations are gigabytes. So each filter's best window is looked
    for without a gradient, a few rows at a time, and only that one is looked at with a gradient.
    """

    def response(self, embedded: Tensor, lengths: Tensor, i: int) -> Tensor:
        width, weight = self.widths[i], cast(nn.Linear, self.convolutions[i]).weight
        embedded = F.pad(embedded, (0, 0, 0, max(0, width - embedded.shape[1])))
        windows = embedded.unfold(1, width, 1).transpose(2, 3).flatten(2)  # (B, n, width E)
        starts = torch.arange(windows.shape[1], device=windows.device)
        outside = starts > (lengths - width).clamp(min=0)[:, None]  # (B, n)
        place = _places(windows.detach(), outside, weight.detach())[..., None]
        best = windows.gather(1, place.expand(-1, -1, windows.shape[2]))  # (B, filters, width E)
        return (best * weight).sum(dim=2)


@in_fp32
def _places(windows: Tensor, outside: Tensor, weight: Tensor) -> Tensor:
    """Which window has each filter's largest response: (B, n, K), (B, n), (F, K) -> (B, F)."""
    # "Outside" rides in the product, as one more number: to mask is another pass.
    windows = torch.cat([windows, outside[..., None] * -1e9], dim=2).transpose(0, 1)
    weight = F.pad(weight, (0, 1), value=1.0)
    count = len(windows)
    size = runtime.rows_in_cache(windows.element_size() * count * len(weight), windows.device)
    places = []
    for rows in runtime.chunks(windows.shape[1], size):
        response = windows[:, rows].flatten(0, 1) @ weight.t()  # (n rows, F)
        places.append(_largest(response.view(count, -1, len(weight))))
    return torch.cat(places)


def _largest(response: Tensor) -> Tensor:
    """Which of n rows has the largest number of each column: (n, ...) -> (...); spoils them.

    Each row's number takes the place of the last five binary digits, so that one pass finds the
    largest and its row: `argmax` takes five times as long. Of two that are as large, to 4e-6 of
    their size (fp32), either may be found.
    """
    if len(response) > 1 << HIDDEN:
        return response.argmax(dim=0)
    bits = response.view({4: torch.int32, 8: torch.int64}[response.element_size()])
    rows = torch.arange(len(bits), dtype=bits.dtype, device=bits.device)
    bits.bitwise_and_(-1 << HIDDEN).bitwise_or_(rows.view(-1, *[1] * (bits.dim() - 1)))
    found = response.amax(dim=0).view(bits.dtype).bitwise_and_((1 << HIDDEN) - 1).long()
    return found.clamp_(max=len(response) - 1)  # NaN and infinity hide no row; the loss tells
