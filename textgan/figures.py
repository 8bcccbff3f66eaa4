"""What a run tells while it trains: running means on the progress line and in metrics.jsonl."""

import time
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from textgan import processes
from textgan.errors import Diverged
from textgan.methods import Loss
from textgan.phases import Turn
from textgan.recipe import Stage
from textgan.tracking import Metrics, ProgressLine, say

LOG_TURNS = 20
"""Figures are averaged over so many turns before they are written down."""


class Figures:
    """Running means of the losses' parts, and whether anything became NaN or infinite."""

    def __init__(self, run: Path, stage: Stage, device: torch.device) -> None:
        self.run, self.stage = run, stage
        self.parts: dict[str, list[Tensor | int]] = {}
        self.of_update: dict[str, list[Tensor]] = {}
        self.broken = torch.zeros((), dtype=torch.bool, device=device)
        self.tokens = 0

    def open(self, tracker: str, total: int, position: int, new: bool) -> None:
        """Begin to tell, at turn ``position`` of ``total``; a new run has no lines yet."""
        self.metrics = Metrics(self.run, tracker, -1 if new else position)
        self.line = ProgressLine(self.stage, total, position)
        self.began = time.monotonic()

    def flush(self) -> None:
        """Wait until all that was written is on the disk."""
        self.metrics.flush()

    def close(self) -> None:
        """Nothing more will be told."""
        self.line.close()
        self.metrics.close()

    def note(self, loss: Loss) -> None:
        """Add a loss's parts to the running means, without waiting for the device."""
        for name, value in loss.parts.items():
            mean = self.parts.setdefault(name, [torch.zeros_like(value), 0])
            mean[0] = mean[0] + value
            mean[1] = int(mean[1]) + 1
            self.of_update.setdefault(name, []).append(value)
        self.broken = self.broken | ~torch.isfinite(loss.total.detach())

    def updated(self) -> dict[str, Tensor]:
        """The parts of the update that was just made: means, if its batch was worked in parts."""
        parts, self.of_update = self.of_update, {}
        return {name: torch.stack(values).mean() for name, values in parts.items()}

    def means(self) -> dict[str, float]:
        """The running means since they were last written down."""
        return {name: float(total) / int(count) for name, (total, count) in self.parts.items()}

    def behind(self, turn: Turn) -> None:
        """Write the means down, or bring the line up to date, if that is due behind a turn."""
        if turn.number % LOG_TURNS == LOG_TURNS - 1 or turn.ends:
            self.write(turn)
        elif processes.anyone(self.line.due())[0]:
            self.check_finite(turn.number + 1)
            self.show(turn)

    def write(self, turn: Turn) -> None:
        """Write the means down and start new ones."""
        position = turn.number + 1
        self.check_finite(position)
        self.metrics.log(position, turn.phase, self.means())
        if self.line.due():
            self.show(turn)
        self.parts = {}

    def show(self, turn: Turn) -> None:
        """Bring the progress line up to date."""
        position = turn.number + 1
        self.show_text(position, f"{turn.phase} step {turn.step + 1}/{turn.steps}", self.means())

    def scored(self, position: int, phase: str, figures: dict[str, float]) -> None:
        """Write scores down and show them."""
        self.metrics.log(position, phase, figures)
        self.show_text(position, phase, figures)

    def event(self, position: int, phase: str, figures: dict[str, Any], text: str) -> None:
        """Write down what happened once, and say it."""
        self.metrics.log(position, phase, figures)
        say(text)

    def show_text(self, position: int, title: str, figures: dict[str, float]) -> None:
        """The progress line with some figures."""
        tokens = self.tokens * processes.count()  # shares are alike
        speed = tokens / max(1e-9, time.monotonic() - self.began)
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.line.show(position, title, f"{text}  {speed:,.0f} tokens/s")

    def check_finite(self, position: int, *others: Tensor) -> None:
        """Stop before anything broken is saved; ``others`` are true if they are whole."""
        whole = torch.stack([~self.broken, *others]).all()
        if processes.anyone(not whole)[0]:
            self.stop(position)

    def stop(self, position: int) -> NoReturn:
        """Say what broke.

        Raises:
            Diverged: always.
        """
        last = self.run / "last"
        kept = f"the last good checkpoint is {last.resolve()}" if last.exists() else "none saved"
        raise Diverged(
            f"{self.stage}: a loss or weight became NaN or infinite by turn {position}",
            f"{kept}. Try a smaller optimizers.<player>.lr or clip, or another trainer.seed",
        )

    def load(self, parts: dict[str, Any]) -> None:
        """Go on with saved means."""
        device = self.broken.device
        self.parts = {name: [total.to(device), count] for name, (total, count) in parts.items()}
