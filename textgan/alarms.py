"""Signs that a game goes wrong: each is told once when it begins, and again only if it went away.

Every alarm is a number that falls. It begins below one threshold and ends above a higher one, so
that a figure on the edge doesn't ring at every look. What "half its level" compares with is the
mean of a figure's first window in its phase. docs/phases.md gives the reason for each threshold.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from textgan.figures import LOG_TURNS, Figures
from textgan.phases import Turn
from textgan.recipe import TrainerOptions
from textgan.windows import Window

WINDOWS = {"d_accuracy": 50, "entropy": 10, "reward_std": 10, "distinct2": 1, "self_bleu4": 1}
"""How many values of a figure an alarm takes the mean of: updates, or evaluations."""
ROLLBACKS = 5
"""A game that collapsed more often than that is stopped."""
UNTRAINED = 0.9
"""Share of log V nats above which a generator has learnt nothing yet; its entropy must fall."""


@dataclass(frozen=True)
class Alarm:
    """A measure of a figure's mean, now and at the start, that falls when something goes wrong."""

    name: str
    figure: str
    measure: Callable[[float, float], float]
    begins: float
    ends: float
    collapse: bool
    """True if it says that the generator collapsed: ``trainer.on_collapse`` hears it."""
    meaning: str


def share(now: float, start: float) -> float:
    """What is left of the level at the start."""
    return now / start if start > 0 else 1.0


ALARMS = (
    Alarm(
        "discriminator_wins",
        "d_accuracy",
        lambda now, _: 1 - now,
        0.01,
        0.03,
        False,
        "the generator learns nothing from rewards that are all alike",
    ),
    Alarm(
        "discriminator_at_chance",
        "d_accuracy",
        lambda now, _: abs(now - 0.5),
        0.02,
        0.05,
        False,
        "the discriminator can't tell the two apart, or has stopped learning",
    ),
    Alarm("entropy_fell", "entropy", share, 0.5, 0.6, True, "the generator's choices narrow"),
    Alarm("distinct2_fell", "distinct2", share, 0.5, 0.6, True, "texts repeat word pairs"),
    Alarm(
        "self_bleu4_climbed",
        "self_bleu4",
        lambda now, start: share(1 - now, 1 - start),
        0.5,
        0.6,
        True,
        "texts resemble one another",
    ),
    Alarm(
        "reward_flat",
        "reward_std",
        lambda now, start: now / max(start, 1e-6),
        0.01,
        0.02,
        False,
        "no text earns more than another",
    ),
)


class Alarms:
    """What is watched in a game: its losses' parts each update, its variety each evaluation.

    Pretraining is not watched: its entropy falls because it learns.
    """

    def __init__(self, figures: Figures, options: TrainerOptions, vocabulary: int) -> None:
        self.figures, self.options = figures, options
        self.untrained = UNTRAINED * math.log(vocabulary)
        self.windows: dict[str, dict[str, Window]] = {}
        self.on: list[str] = []
        self.collapsed = False
        self.rollbacks = 0

    @property
    def rate(self) -> float:
        """What the generator's learning rate is multiplied by: half for each rollback."""
        return 0.5**self.rollbacks

    def note(self, phase: str, parts: dict[str, Tensor]) -> None:
        """Add an update's figures, without waiting for the device."""
        if self.figures.stage == "adversarial":
            for name in parts.keys() & {"d_accuracy", "entropy", "reward_std"}:
                self._window(phase, name).add(parts[name])

    def behind(self, turn: Turn) -> None:
        """Look at the losses' parts, as often as they are written down."""
        if turn.number % LOG_TURNS == LOG_TURNS - 1 or turn.ends:
            self._look(turn.number + 1, turn.phase, turn.phase)

    def scored(
        self, position: int, phase: str, own: dict[str, float], real: dict[str, float]
    ) -> bool:
        """Look at the variety of an evaluation's samples; true if a collapse has just begun.

        The level is that of the game's start, or that of as many ``real`` texts if these vary less:
        a generator that begins with noise must come down to them.
        """
        for name, value in own.items():
            window = self._window("game", name)
            window.add(torch.tensor(value))
            if window.seen == 1:
                worst = max if name == "self_bleu4" else min
                window.start = torch.tensor(worst(value, real[name])).to(window.start)
        self._look(position, phase, "game")
        return self.collapsed

    def _window(self, where: str, figure: str) -> Window:
        windows = self.windows.setdefault(where, {})
        if figure not in windows:
            windows[figure] = Window(WINDOWS[figure], self.figures.broken.device)
        return windows[figure]

    def _look(self, position: int, phase: str, where: str) -> None:
        """Judge every window that has been full twice: once for its start, once for now."""
        windows = self.windows.get(where, {})
        ready = {name: w for name, w in windows.items() if w.seen >= 2 * len(w.values)}
        if not ready:
            return
        both = [torch.stack([w.values.mean(), w.start]) for w in ready.values()]
        found = dict(zip(ready, torch.stack(both).tolist(), strict=True))
        for alarm in ALARMS:
            now, start = found.get(alarm.figure, (math.nan, math.nan))
            if alarm.figure == "entropy" and start > self.untrained:
                continue
            self._ring(alarm, now, start, position, phase, f"{where} {alarm.name}")

    def _ring(
        self, alarm: Alarm, now: float, start: float, position: int, phase: str, key: str
    ) -> None:
        level = alarm.measure(now, start)
        if level > alarm.ends and key in self.on:
            self.on.remove(key)
        if level <= alarm.begins and key not in self.on:
            self.on.append(key)
            self.collapsed |= alarm.collapse
            figures = f"{alarm.figure} {now:.3g}, at the start {start:.3g}"
            text = f"{phase} turn {position:,}: alarm {alarm.name}: {figures}; {alarm.meaning}"
            self.figures.event(position, phase, {"alarm": alarm.name}, text)

    def verdict(self, position: int, phase: str) -> Literal["go on", "roll back", "stop"]:
        """What to do now, by ``trainer.on_collapse``; counts the rollbacks and says so."""
        collapsed, self.collapsed = self.collapsed, False
        if not collapsed or self.options.on_collapse == "warn":
            return "go on"
        if self.options.on_collapse == "stop" or self.rollbacks == ROLLBACKS:
            often = f" after {self.rollbacks} rollbacks" if self.rollbacks else ""
            text = f"{phase}: collapsed{often}; saved and stopped at turn {position:,}"
            self.figures.event(position, phase, {"ended": "collapse"}, text)
            return "stop"
        self.rollbacks += 1
        self.on = []
        for windows in self.windows.values():
            for window in windows.values():
                window.forget()
        text = f"{phase}: rollback {self.rollbacks} of {ROLLBACKS} to the best checkpoint; "
        text += f"the generator's learning rate is now {self.rate:g} of what it was"
        self.figures.event(position, phase, {"rollback": self.rollbacks}, text)
        return "roll back"

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        windows = {w: {name: v.state() for name, v in f.items()} for w, f in self.windows.items()}
        return {"windows": windows, "on": self.on, "rollbacks": self.rollbacks}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        device = self.figures.broken.device
        self.windows = {
            where: {name: Window.of(value, device) for name, value in found.items()}
            for where, found in state["windows"].items()
        }
        self.on, self.rollbacks = state["on"], state["rollbacks"]
