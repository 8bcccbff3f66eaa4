"""What an evaluation found, as one page, a LaTeX table, and data for programs.

Nothing is computed here but the rounding and the choice of what is bold.
"""

import json
import re
from pathlib import Path

from textgan.errors import UserError
from textgan.report import latex, tables
from textgan.report.contents import Line, Report, Row, Sample

__all__ = ["Line", "Report", "Row", "Sample", "write"]


def write(report: Report, page: Path) -> list[Path]:
    """Write ``report.html`` and, beside it, the table, the data and the plots.

    ``report.tex``, ``report.csv``, ``report-curves.csv``, ``report.json``, ``report-plots/*.png``.
    Returns the paths, the page first. Raises UserError where they can't be written, and where
    what the page is made with isn't installed.
    """
    if page.suffix != ".html":
        raise UserError(f"{page}: a report's name ends in .html")
    texts = {
        page.with_suffix(".tex"): latex.table(report),
        page.with_suffix(".csv"): tables.figures_csv(report),
        page.with_suffix(".json"): json.dumps(tables.as_json(report), indent=2, allow_nan=False),
    }
    if report.lines:
        texts[page.with_name(f"{page.stem}-curves.csv")] = tables.curves_csv(report)
    try:
        from textgan.report import html

        drawn, pictures = _draw(report, page.with_name(f"{page.stem}-plots"))
        texts = {page: html.page(report, drawn), **texts}
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except ImportError as error:
        raise UserError(
            f"a report needs {error.name}, which isn't installed; pip install 'textgan[report]'"
        ) from None
    except OSError as error:
        raise UserError(f"{error.filename}: can't be written ({error.strerror})") from None
    return [*texts, *pictures]


def _draw(report: Report, folder: Path) -> tuple[dict[str, str], list[Path]]:
    """Plots for the page, by name, and the same as files in a folder."""
    from textgan.report import plots

    folder.mkdir(parents=True, exist_ok=True)
    drawn, pictures = {}, []
    with plots.drawing():
        for number, (name, figure) in enumerate(plots.draw(report)):
            drawn[name] = plots.svg(figure, f"plot{number}")
            pictures.append(folder / f"{_file_name(name)}.png")
            plots.png(figure, pictures[-1])
    return drawn, pictures


def _file_name(name: str) -> str:
    """``KL(p||g)`` -> ``KL_p_g``."""
    return re.sub(r"\W+", "_", name).strip("_")
