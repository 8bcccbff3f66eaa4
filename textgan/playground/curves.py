"""The curves of running and finished runs, read from their metrics.jsonl."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]

from textgan import runs
from textgan.tracking import read_metrics

POINTS = 500
"""A curve; of longer ones every second, third, ... is shown."""
FIRST = ("validation_nll", "nll", "bleu4")
"""The figures that are looked at first, where a run has them."""


class Curves:
    """Runs by name and what they have logged; a file is read again once it has grown."""

    def __init__(self) -> None:
        self._rows: dict[Path, tuple[int, list[dict[str, Any]]]] = {}

    def runs(self) -> dict[str, Path]:
        """Runs that have logged something, the newest first; they needn't have saved anything."""
        logs = sorted(runs.home().glob("*/metrics.jsonl"), key=lambda log: log.stat().st_mtime_ns)
        return {log.parent.name: log.parent for log in reversed(logs)}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The lines of a run, none of one that isn't listed."""
        run = self.runs().get(name)
        if run is None:
            return []
        size = (run / "metrics.jsonl").stat().st_size
        if self._rows.get(run, (-1, []))[0] != size:
            self._rows[run] = size, read_metrics(run)
        return self._rows[run][1]

    def figures(self, names: Sequence[str]) -> list[str]:
        """What can be drawn of any of the runs: what is looked at first, single points last."""
        found = Counter(
            key
            for name in names
            for row in self.rows(name)
            for key, value in row.items()
            if key != "turn" and isinstance(value, int | float)
        )
        return sorted(found, key=lambda key: (found[key] < 2, key not in FIRST, key))

    def frame(self, names: Sequence[str], figure: str) -> pd.DataFrame:
        """A row a point: run, turn, value."""
        points: list[tuple[str, int, float]] = []
        for name in names:
            own = [row for row in self.rows(name) if isinstance(row.get(figure), int | float)]
            step = -(-len(own) // POINTS) or 1
            points += [(name, row["turn"], row[figure]) for row in own[::-step][::-1]]
        return pd.DataFrame(points, columns=["run", "turn", "value"])

    def last(self, names: Sequence[str], figure: str) -> list[tuple[str, int, str, float]]:
        """Of each run that has the figure: its name, last turn, phase and value."""
        found = []
        for name in names:
            rows = self.rows(name)
            values = [row[figure] for row in rows if isinstance(row.get(figure), int | float)]
            if values:
                found.append((name, rows[-1]["turn"], rows[-1]["phase"], values[-1]))
        return found
