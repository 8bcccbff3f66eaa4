"""Earlier samples for the discriminator: a reservoir of all texts that were drawn for it."""

from typing import Any

import torch
from torch import Tensor

from textgan import processes, runtime
from textgan.data.order import Order
from textgan.data.sequences import Sequences

CPU = torch.device("cpu")


class Reservoir:
    """At any time an even sample of all texts so far (algorithm R: Vitter 1985, ACM TOMS 11(1)).

    A phase has one, over all its occurrences; it is the same on every process.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.texts: Sequences | None = None
        self.seen = 0

    def __len__(self) -> int:
        return len(self.texts) if self.texts is not None else 0

    def some(self, stream: str, turn: int, count: int) -> list[Sequences]:
        """``count`` different texts, or none while there are fewer; they follow from the turn."""
        if self.texts is None or count == 0 or len(self) < count:
            return []
        rows = Order(len(self), self.seed).take(f"{stream}/replay/{turn}", 0, count)
        return [self._rows(self.texts, rows.tolist())]

    def add(self, texts: Sequences, size: int) -> None:
        """Offer new texts, of all processes: the n-th gets a place with probability size / n."""
        with processes.alone():
            have, places = len(self), self._places(len(texts), size)
        old = {place: row for place, row in places.items() if place < have}
        if self.texts is not None and old:
            fresh = self._rows(texts, list(old.values())).tensors()
            for name, tensor in self.texts.tensors().items():
                tensor[_numbers(list(old), tensor.device)] = fresh[name]
        if grown := [row for place, row in sorted(places.items()) if place >= have]:
            fresh_texts = self._rows(texts, grown)
            before = [self.texts] if self.texts is not None else []
            self.texts = Sequences.cat([*before, fresh_texts])

    def _places(self, count: int, size: int) -> dict[int, int]:
        """By place, the last of ``count`` new texts that it falls to."""
        places: dict[int, int] = {}
        for row, chance in enumerate(runtime.uniform(count, 1, CPU).flatten().tolist()):
            number = self.seen + row
            place = number if number < size else int(chance * (number + 1))
            if place < size:
                places[place] = row
        self.seen += count
        return places

    @staticmethod
    def _rows(texts: Sequences, rows: list[int]) -> Sequences:
        return texts[_numbers(rows, texts.ids.device)]

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"seen": self.seen, "texts": self.texts.tensors() if self.texts else None}

    def load(self, state: dict[str, Any], eos: int | None, device: torch.device) -> None:
        """Go on from a saved state."""
        self.seen = state["seen"]
        if state["texts"] is not None:
            self.texts = Sequences(**state["texts"], eos=eos).to(device)


def _numbers(rows: list[int], device: torch.device) -> Tensor:
    """Row numbers on a device, which needn't be waited for: (N,)."""
    return torch.tensor(rows).to(device, non_blocking=True)
