"""The one type of data: a batch of texts, real or generated.

Shapes in this package: B texts, T positions, V words of the vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """B texts of at most T tokens.

    A text ends with its first ``<eos>``; what stands behind it is padding and never counts. A
    language without an end token (an oracle) has ``eos=None`` and texts of length T.
    """

    ids: Tensor
    """(B, T) token ids, without ``<bos>``."""
    eos: int | None
    """Id of the end token."""
    soft: Tensor | None = None
    """(B, T, V) relaxed one-hots, when gradients flow through the sampling."""
    category: Tensor | None = None
    """(B,) class or expert."""
    given: Tensor | None = None
    """(B, T) bool, tokens that nobody chose: a prefix, the surroundings of a gap."""
    log_prob: Tensor | None = None
    """(B, T) log-probability under the policy that *sampled*, 0 at given tokens and padding."""
    noise: Tensor | None = None
    """(B, Z) latent noise the text was made from."""

    @property
    def mask(self) -> Tensor:
        """(B, T) bool, true up to and including the first ``<eos>``."""
        if self.eos is None:
            return torch.ones_like(self.ids, dtype=torch.bool)
        ended = (self.ids == self.eos).cumsum(dim=1)
        return (ended - (self.ids == self.eos).to(ended.dtype)) == 0

    @property
    def chosen(self) -> Tensor:
        """(B, T) bool, ``mask`` without the tokens that were given."""
        return self.mask if self.given is None else self.mask & ~self.given

    @property
    def lengths(self) -> Tensor:
        """(B,) tokens a text, the end token included."""
        return self.mask.sum(dim=1)

    def __len__(self) -> int:
        return self.ids.shape[0]

    def __getitem__(self, rows: Tensor | slice) -> "Sequences":
        """The texts of some rows, every field alike."""
        return self.each(lambda value: value[rows])

    def tensors(self) -> dict[str, Tensor]:
        """The fields that are present, by name; all have B rows."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def to(self, device: torch.device) -> "Sequences":
        """The same texts on another device."""
        return self.each(lambda value: value.to(device, non_blocking=True))

    def each(self, change: Callable[[Tensor], Tensor]) -> "Sequences":
        """The same change to every field that is present; rows have to stay rows."""
        changed: dict[str, Any] = {name: change(value) for name, value in self.tensors().items()}
        return replace(self, **changed)

    def split(self, parts: int) -> list["Sequences"]:
        """The batch in ``parts`` nearly equal parts, in order."""
        if parts == 1:
            return [self]
        bounds = [round(i * len(self) / parts) for i in range(parts + 1)]
        return [self[a:b] for a, b in pairwise(bounds)]

    def plain(self, width: int) -> "Sequences":
        """The ids alone, filled up to a width: (B, width). Behind ``<eos>`` any id is padding."""
        ids = torch.nn.functional.pad(self.ids, (0, width - self.ids.shape[1]))
        return Sequences(ids=ids, eos=self.eos)

    @staticmethod
    def joined(*batches: "Sequences") -> "Sequences":
        """The ids alone of several batches, filled up to the widest one's width."""
        width = max(batch.ids.shape[1] for batch in batches)
        return Sequences.cat([batch.plain(width) for batch in batches])

    @staticmethod
    def cat(batches: Sequence["Sequences"]) -> "Sequences":
        """Several batches of one width and with the same fields as one."""
        first = batches[0]
        joined: dict[str, Any] = {
            name: torch.cat([getattr(batch, name) for batch in batches]) for name in first.tensors()
        }
        return replace(first, **joined)
