"""Plots: one small one a figure, and the quality-diversity curves; SVG for the page, and PNG."""

import io
import math
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from textgan.metrics.estimate import Estimate
from textgan.report.contents import CURVES, Report
from textgan.report.tables import CLEAR, figure_names

INK = "#111111"
"""Of lines and letters; on the page they take the colour of its text, light or dark."""
GREY = "#888888"
COLOURS = ("#3388cc", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9467bd", "#8c6d31")
"""Told apart by the colour-blind (near those of Okabe and Ito 2008), on white and on black."""
FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "PingFang SC")
"""Those that are installed; the later ones have Chinese signs."""
WIDTH = 4.0
"""Inches: on a phone letters keep about their size."""


def drawing() -> AbstractContextManager[None]:
    """The settings under which all plots are drawn: ``with drawing(): ...``."""
    installed = {font.name for font in fontManager.ttflist}
    return matplotlib.rc_context(
        {
            "text.color": INK,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "font.family": [font for font in FONTS if font in installed],
            "text.parse_math": False,  # a dollar sign in a name is a dollar sign
            "svg.fonttype": "none",
            "svg.hashsalt": "textgan",
        }
    )


def draw(report: Report) -> Iterator[tuple[str, Figure]]:
    """All plots by name: the curves first, then the figures in the table's order."""
    if report.lines:
        yield CURVES, curves(report)
    for name in figure_names(report.rows):
        found = [(row.name, row.figures.get(name)) for row in report.rows]
        if any(one and math.isfinite(one.value) for _, one in found):
            yield name, dots(found, report.ceilings, name)


def dots(found: list[tuple[str, Estimate | None]], ceilings: frozenset[str], title: str) -> Figure:
    """One figure of all models, with 95 % intervals; a dashed line through each ceiling."""
    figure, axes = _axes(0.9 + 0.28 * len(found))
    for at, (name, one) in enumerate(found):
        if one is None or not math.isfinite(one.value):
            text = "none" if one is None else f"{one.value}"
            axes.text(0.02, at, text, transform=axes.get_yaxis_transform(), va="center")
            continue
        reach = CLEAR * one.stderr if math.isfinite(one.stderr) else 0
        colour = GREY if name in ceilings else COLOURS[0]
        axes.errorbar(one.value, at, xerr=reach, fmt="o", color=colour, capsize=3)
        if name in ceilings:
            axes.axvline(one.value, color=GREY, linestyle="--", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(found)), [_short(name) for name, _ in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_title(title, fontsize="medium")
    axes.locator_params(axis="x", nbins=5)
    return figure


def curves(report: Report) -> Figure:
    """A line a seed, a colour a model; down and left is better."""
    models = list(dict.fromkeys(line.model for line in report.lines))
    figure, axes = _axes(3.2 + 0.2 * len(models))
    for line in report.lines:
        at = models.index(line.model)
        axes.plot(
            *line.points.T,
            color=COLOURS[at % len(COLOURS)],
            linestyle=("-", "--", ":")[at // len(COLOURS) % 3],
            marker="o",
            markersize=3,
            linewidth=1,
        )
    drawn = {line.model: artist for line, artist in zip(report.lines, axes.lines, strict=True)}
    figure.legend(
        list(drawn.values()),
        [" " + _short(model) for model in drawn],  # a leading underscore would hide it
        loc="outside lower center",
        frameon=False,
    )
    axes.set_xlabel(f"{report.axes[0]} (lower is better)")
    axes.set_ylabel(f"{report.axes[1]} (lower is better)")
    return figure


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def _short(name: str, most: int = 24) -> str:
    """A long name keeps both ends, which tell runs apart."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 + 1 :]}"


def svg(figure: Figure, prefix: str) -> str:
    """An ``<svg>`` element for a page with others: its ids begin with ``prefix``."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    element = text.getvalue()
    element = element[element.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", element)


def png(figure: Figure, path: Path) -> None:
    """Black on white, for a paper or slides."""
    figure.savefig(path, dpi=200, metadata={"Software": None})
