"""The last values of a figure: what rules and alarms take the mean of."""

from typing import Any

import torch
from torch import Tensor


class Window:
    """The last values of a figure, on the device until somebody looks, and how it began."""

    def __init__(self, size: int, device: torch.device) -> None:
        self.seen = 0
        self.values = torch.zeros(size, device=device)
        self.start = torch.zeros((), device=device)

    def add(self, value: Tensor) -> None:
        """One more value, in place of the oldest."""
        self.values[self.seen % len(self.values)] = value
        self.seen += 1
        if self.seen == len(self.values):
            self.start = self.values.mean()

    def forget(self) -> None:
        """Begin again, but for how it began."""
        self.seen = min(self.seen, len(self.values))

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"seen": self.seen, "values": self.values, "start": self.start}

    @staticmethod
    def of(state: dict[str, Any], device: torch.device) -> "Window":
        """The window that had this state."""
        window = Window(0, device)
        window.seen = state["seen"]
        window.values, window.start = state["values"].to(device), state["start"].to(device)
        return window
