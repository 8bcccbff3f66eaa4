"""Sentence BLEU of many texts at once: tensors in, a reward out, on the texts' own device.

Papineni et al. 2002, with the choices of NLTK's ``sentence_bleu`` under ``SmoothingFunction``'s
``method1`` (and so of ``textgan.metrics.bleu``, for tokens of any kind): counts clipped by
the largest in any one reference, 0.1 matches where there is none, 0 without a matching word, and
the brevity penalty of the closest reference length, the shorter one on a tie. An end token is no
word.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from textgan.data.sequences import Sequences

EPSILON = 0.1
LAST = torch.iinfo(torch.long).max


class References:
    """N texts, and by order 1 to ``order`` a sorted table of their n-grams.

    An n-gram's key is the place of its first n - 1 words in the table before, times V, plus its
    last word; its place is the first of that key: how many there are would be asked of the device.
    The last place of a table is that of all n-grams that no reference has.
    """

    def __init__(self, s: Sequences, vocabulary: int, order: int) -> None:
        self.vocabulary = vocabulary
        self.lengths = words(s).sort().values
        self.tables: list[Tensor] = []
        self.most: list[Tensor] = []
        """The largest count in one reference, by order and place."""
        place = torch.zeros_like(s.ids)
        for n in range(1, order + 1):
            key, inside = self._keys(s, place, n)
            known = torch.where(inside, key, LAST).flatten().sort().values
            self.tables.append(torch.cat([known, known.new_full((1,), LAST)]))
            place = self._places(key, inside, n)
            ordered, number = counted(place)
            most = torch.zeros_like(self.tables[-1])
            most.scatter_reduce_(0, ordered.flatten(), number.flatten(), "amax")
            most[-1] = 0
            self.most.append(most)

    def bleu(self, s: Sequences) -> Tensor:
        """BLEU of each text, in [0, 1]: (B,)."""
        matches = torch.stack(list(self._matches(s)), dim=1)  # (B, order)
        length = words(s)[:, None]
        orders = torch.arange(matches.shape[1], device=length.device)
        found = matches.float().clamp(min=EPSILON)  # a match is 1 at least
        log_precision = (found / (length - orders).clamp(min=1)).log().mean(dim=1)
        closest = self.lengths[(length - self.lengths).abs().argmin(dim=1)]  # the first of a tie
        log_penalty = (1 - closest / length[:, 0].clamp(min=1)).clamp(max=0)
        return torch.exp(log_penalty + log_precision) * (matches[:, 0] > 0)

    def _matches(self, s: Sequences) -> Iterator[Tensor]:
        """Clipped matches of each order in turn: (B,)."""
        place = torch.zeros_like(s.ids)
        for n, most in enumerate(self.most, start=1):
            place = self._places(*self._keys(s, place, n), n)
            ordered, number = counted(place)
            yield (number <= most[ordered]).sum(dim=1)

    def _keys(self, s: Sequences, before: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """The key of the n-gram that begins at each token, and whether there is one: (B, T)."""
        width = s.ids.shape[1]
        last = F.pad(s.ids[:, n - 1 :], (0, min(n - 1, width)))
        begins = torch.arange(width, device=last.device)
        return before * self.vocabulary + last, begins + n <= words(s)[:, None]

    def _places(self, key: Tensor, inside: Tensor, n: int) -> Tensor:
        """Places in the table of order n: (B, T)."""
        table = self.tables[n - 1]
        place = torch.searchsorted(table, key)
        return torch.where(inside & (table[place] == key), place, len(table) - 1)


def words(s: Sequences) -> Tensor:
    """Words a text, its end not among them: (B,)."""
    return s.lengths if s.eos is None else (s.mask & (s.ids != s.eos)).sum(dim=1)


def counted(place: Tensor) -> tuple[Tensor, Tensor]:
    """Each row sorted, and the how many-th of its kind in the row each is, from 1: (B, T)."""
    ordered = place.sort(dim=1).values
    at = torch.arange(place.shape[1], device=place.device).expand_as(place)
    new = F.pad(ordered[:, 1:] != ordered[:, :-1], (1, 0))
    return ordered, at - torch.where(new, at, 0).cummax(dim=1).values + 1
