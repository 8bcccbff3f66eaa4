"""Rows as tables: figures are lines, models are columns; and as data for programs."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from textgan.metrics.estimate import Estimate, number
from textgan.metrics.rounding import rounded
from textgan.report.contents import Report, Row

CLEAR = 1.96
"""Standard errors of a difference that make it more than chance, at 5 % for one comparison."""
NOTE = (
    "± is one standard error. Bold: better than every other model on the same texts by more than "
    f"{CLEAR} standard errors of the difference; these are over texts, not over training runs."
)


class Cell(NamedTuple):
    """One figure of one model."""

    value: str
    error: str
    n: int
    best: bool


def figure_names(rows: Sequence[Row]) -> list[str]:
    """Names of all figures that some row has, in the order they come up."""
    names = dict.fromkeys(name for row in rows for name in row.figures)
    return [name for name in names if any(row.figures.get(name) for row in rows)]


def cells(report: Report, figure: str) -> list[Cell | None]:
    """A line of the table: what each model has."""
    found = [row.figures.get(figure) for row in report.rows]
    best = _best(report, figure)
    return [
        None if one is None else Cell(*_shown(one), one.n, at in best)
        for at, one in enumerate(found)
    ]


def _shown(one: Estimate) -> tuple[str, str]:
    value, error = rounded(one.value, one.stderr)
    return value.replace("inf", "∞"), error


def _best(report: Report, figure: str) -> set[int]:
    """The places of the rows that are clearly better than all others of their test texts."""
    sign = {"higher": 1, "lower": -1}.get(report.better.get(figure, ""))
    if sign is None:
        return set()
    by_test: dict[str, dict[int, Estimate]] = {}
    for at, row in enumerate(report.rows):
        if row.name not in report.ceilings and (one := row.figures.get(figure)) is not None:
            by_test.setdefault(tested(row.protocol), {})[at] = one
    best = set()
    for rivals in by_test.values():
        first, *rest = sorted(rivals, key=lambda at: -sign * rivals[at].value)
        if rest and all(_clear(rivals[first], rivals[at]) for at in rest):
            best.add(first)
    return best


def tested(protocol: str) -> str:
    """The part of a protocol that says which test texts figures are of: others don't compare."""
    return next((part for part in protocol.split("|") if part.startswith("test:")), "")


def _clear(a: Estimate, b: Estimate) -> bool:
    """An unknown error makes nothing clear; an infinite figure against a finite one is."""
    if math.isfinite(a.value) and math.isinf(b.value):
        return True
    return abs(a.value - b.value) > CLEAR * math.hypot(a.stderr, b.stderr)


def fingerprint(rows: Sequence[Row]) -> tuple[str, list[tuple[str, str]]]:
    """The protocol in parts: what all rows share, and by name what each has besides."""
    fields = [row.protocol.split("|") for row in rows]
    shared = [each for each in fields[0] if all(each in other for other in fields)]
    own = [
        (row.name, "|".join(each for each in field if each not in shared))
        for row, field in zip(rows, fields, strict=True)
    ]
    return "|".join(shared), [(name, rest) for name, rest in own if rest]


def figures_csv(report: Report) -> str:
    """A line a figure and model: value, standard error, count; all digits."""
    lines = [
        (row.name, name, *(one or ("", "", "")), row.protocol)
        for row in report.rows
        for name, one in row.figures.items()
    ]
    return as_csv(("model", "figure", "value", "stderr", "n", "protocol"), lines)


def curves_csv(report: Report) -> str:
    """A line a point of each curve."""
    lines = [
        (line.model, line.seed, setting, *point)
        for line in report.lines
        for setting, point in zip(line.settings, line.points.tolist(), strict=True)
    ]
    return as_csv(("model", "seed", "setting", *report.axes), lines)


def as_csv(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A head and lines, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return text.getvalue()


def as_json(report: Report) -> dict[str, Any]:
    """Everything, for ``json.dumps``: nan is null, infinities are ``"inf"`` and ``"-inf"``."""
    return {
        "title": report.title,
        "rows": [
            {
                "name": row.name,
                "ceiling": row.name in report.ceilings,
                "protocol": row.protocol,
                "figures": {name: one and one.as_json() for name, one in row.figures.items()},
            }
            for row in report.rows
        ],
        "better": dict(report.better),
        "verdicts": list(report.verdicts),
        "axes": list(report.axes),
        "curves": [
            {
                "model": line.model,
                "seed": line.seed,
                "settings": list(line.settings),
                "points": [[number(part) for part in point] for point in line.points.tolist()],
            }
            for line in report.lines
        ],
        "samples": {
            model: [one._asdict() for one in samples] for model, samples in report.samples.items()
        },
        "configurations": dict(report.configurations),
    }
