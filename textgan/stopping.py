"""Which rule ends a phase before its steps are done: ``until`` or ``patience``."""

from typing import Any

import torch
from torch import Tensor

from textgan.errors import UserError
from textgan.phases import Phase, Turn
from textgan.windows import Window


class Stopping:
    """The rules of the phase that is played, and the window of its discriminator's accuracy."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.window: Window | None = None

    def begin(self, phase: Phase) -> None:
        """An occurrence of a phase begins."""
        until = phase.until
        watched = until is not None and until.discriminator_accuracy is not None
        self.window = Window(until.window, self.device) if until and watched else None

    def note(self, parts: dict[str, Tensor]) -> None:
        """Add an update's accuracy, without waiting for the device."""
        if self.window is not None and "d_accuracy" in parts:
            self.window.add(parts["d_accuracy"])

    def balanced(self, phase: Phase, turn: Turn) -> str | None:
        """Why the phase ends by its discriminator's accuracy, or None.

        Raises:
            UserError: the method doesn't tell an accuracy.
        """
        until, window = phase.until, self.window
        if until is None or until.discriminator_accuracy is None or window is None:
            return None
        if window.seen == 0:
            raise UserError(
                f"{turn.phase}.until.discriminator_accuracy: this method tells no d_accuracy; "
                "use a metric or patience"
            )
        if window.seen < until.window:
            return None
        mean = float(window.values.mean())
        if abs(mean - 0.5) > until.discriminator_accuracy - 0.5:
            return None
        return f"discriminator_accuracy {mean:.3f} over {until.window} updates"

    def reached(self, phase: Phase, turn: Turn, figures: dict[str, float]) -> str | None:
        """Why the phase ends by an evaluation's figures, or None.

        Raises:
            UserError: none of them has the metric's name.
        """
        until = phase.until
        if until is None or until.metric is None:
            return None
        if until.metric not in figures:
            raise UserError(
                f"{turn.phase}.until.metric: no evaluation here tells '{until.metric}'; there are "
                + ", ".join(figures)
            )
        value = figures[until.metric]
        return f"{until.metric} {value:.4g}" if until.reached(value) else None

    def state(self) -> dict[str, Any] | None:
        """What a checkpoint keeps."""
        return self.window.state() if self.window is not None else None

    def load(self, state: dict[str, Any] | None) -> None:
        """Go on from a saved state."""
        self.window = Window.of(state, self.device) if state is not None else None
