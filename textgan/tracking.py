"""What a run tells: a progress line for people, metrics.jsonl for programs, or TensorBoard."""

import json
import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from textgan.errors import UserError

PLAIN_SECONDS = 10.0
"""How often a plain line is written where there is no terminal."""


def launched() -> int:
    """How many processes a launcher started, this one among them; without a launcher 1."""
    return int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 1


def is_first() -> bool:
    """True of the process that writes and speaks for all."""
    return launched() < 2 or os.environ.get("RANK") == "0"


def complain(text: str) -> None:
    """An error, on stderr, of any process: it may be this one's alone."""
    who = "" if is_first() else f"process {os.environ['RANK']}: "
    for line in text.splitlines():
        print(f"{who}error: {line}", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """A line for people, on stderr: stdout is for results."""
    if is_first():
        print(text, file=sys.stderr, flush=True)


def command(*words: object) -> str:
    """A command line to copy, begun as the user's: ``python cli.py pretrain``, ``textgan runs``."""
    script = sys.argv[0]
    program = ["python", script] if Path(script).name == "cli.py" else ["textgan"]
    return shlex.join([*program, *map(str, words)])


class ProgressLine:
    """A bar on a terminal, plain lines elsewhere; both on stderr."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total, self.first = title, total, done
        self.began = self.shown = time.monotonic()
        console = Console(stderr=True)
        self.bar: Progress | None = None
        if console.is_terminal and is_first():
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:>3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.fields[figures]}"),
                console=console,
                transient=True,
            )
            self.task = self.bar.add_task(title, total=total, completed=done, figures="")
            self.bar.start()

    def due(self) -> bool:
        """True if there has been nothing to see for a while: asking the device costs time."""
        return is_first() and time.monotonic() - self.shown > (0.5 if self.bar else PLAIN_SECONDS)

    def show(self, done: int, title: str, figures: str) -> None:
        """Bring the line up to date."""
        self.shown = time.monotonic()
        if self.bar:
            self.bar.update(self.task, completed=done, description=title, figures=figures)
            return
        elapsed = self.shown - self.began
        left = elapsed * (self.total - done) / max(1, done - self.first)
        say(f"{title}  {100 * done / max(1, self.total):3.0f}%  {clock(left)} left  {figures}")

    def close(self) -> None:
        """Take the bar away."""
        if self.bar:
            self.bar.stop()


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class Metrics:
    """metrics.jsonl of a run: one object a line, ``turn`` and figures by name.

    Of several processes the first one writes.
    """

    def __init__(self, run: Path, tracker: str, position: int) -> None:
        self.path = run / "metrics.jsonl"
        self.board = None
        if not is_first():
            return
        # What was written after the checkpoint that the run goes on from will be written again.
        kept = [row for row in read_metrics(run) if row["turn"] <= position]
        if self.path.exists():
            from textgan.checkpoint import write_file  # torch: `runs` reads without it

            write_file(self.path, "".join(json.dumps(row) + "\n" for row in kept))
        self.board = _tensorboard(run, position) if tracker == "tensorboard" else None

    def log(self, turn: int, phase: str, figures: Mapping[str, float | str]) -> None:
        """Append one line; what is a word (an alarm's name) becomes a text on the board."""
        if not is_first():
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"turn": turn, "phase": phase, **figures}) + "\n")
        if self.board:
            for name, value in figures.items():
                add = self.board.add_text if isinstance(value, str) else self.board.add_scalar
                add(name, value, turn)

    def flush(self) -> None:
        """Wait until the lines are on the disk: a checkpoint must not be ahead of them."""
        from textgan.checkpoint import flush  # as above

        if self.path.exists():
            flush(self.path)

    def close(self) -> None:
        """Flush the board."""
        if self.board:
            self.board.close()


def _tensorboard(run: Path, position: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "tracker: tensorboard is not installed; pip install 'textgan[tensorboard]'"
        ) from None
    return SummaryWriter(run / "tensorboard", purge_step=position)


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl; one that a kill cut off is left out."""
    path = run / "metrics.jsonl"
    rows: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return rows
