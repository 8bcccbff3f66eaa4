"""An evaluation as files: JSON, a LaTeX table, or a page with plots and texts."""

import json
from pathlib import Path

from textgan import config
from textgan.errors import UserError
from textgan.evaluation import Row, as_json
from textgan.metrics import better
from textgan.metrics.memorisation import nearest
from textgan.report import Line, Report, Sample, latex
from textgan.report import write as write_page

OF_TEXT = "LM score", "reverse LM score"
OF_LANGUAGE = "NLL_oracle", "NLL_test"
"""What a sweep's axes are, of texts and of a known language."""
OF_BOTH = "quality (LM score or NLL_oracle)", "diversity (reverse LM score or NLL_test)"
"""The same where runs of either stand on one page."""
SHOWN = 8
"""Texts of each model on the page."""


def write(
    rows: list[Row],
    said: list[str],
    lines: list[Line],
    data: Path | None,
    page: Path | None,
    table: Path | None,
) -> None:
    """Write what is asked for: the figures for programs, the page and what lies beside it, the
    table for LaTeX.

    Raises:
        UserError: one of them can't be written.
    """
    if data is not None:
        put(data, json.dumps(as_json(rows), indent=2, allow_nan=False) + "\n", "--json")
    if page is None and table is None:
        return
    report = report_of(rows, said, lines)
    if table is not None:
        put(table, latex.table(report), "--latex")
    if page is not None:
        write_page(report, page)


def check(data: Path | None, page: Path | None, table: Path | None) -> None:
    """See whether files could be written, before the hours that fill them.

    Raises:
        UserError: a folder isn't there, or the page's name isn't one.
    """
    for path, option in ((data, "--json"), (table, "--latex")):
        if path is not None and not path.parent.is_dir():
            why = "Not a directory" if path.parent.exists() else "No such file or directory"
            raise UserError(f"{option}: {path} can't be written ({why})")
        if path is not None and path.is_dir():
            raise UserError(f"{option}: {path} is a folder; give a file's name")
    if page is None:
        return
    if page.suffix != ".html":
        raise UserError(f"--html: {page}: a report's name ends in .html")
    above = next(folder for folder in page.parents if folder.exists())  # the others are made
    if not above.is_dir():
        raise UserError(f"--html: {page} can't be written ({above} is no folder)")


def put(path: Path, text: str, option: str) -> None:
    """Write a file.

    Raises:
        UserError: it can't be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{option}: {path} can't be written ({error.strerror})") from None


def report_of(rows: list[Row], said: list[str], lines: list[Line]) -> Report:
    """All that a page tells of a table's rows."""
    own = [row for row in rows if row.checkpoint is not None]
    return Report(
        title=" and ".join(row.name for row in own or rows[-1:]),
        rows=rows,
        ceilings=frozenset(row.name for row in rows if row.is_ceiling),
        better={name: way for name in rows[0].figures if (way := better(name))},
        verdicts=said,
        lines=lines,
        axes=axes_of(rows),
        samples={row.name: samples(row) for row in rows if row.evaluation and not row.is_ceiling},
        configurations={
            row.name: config.to_yaml(row.checkpoint.about["recipe"])
            for row in own
            if row.checkpoint is not None
        },
    )


def axes_of(rows: list[Row]) -> tuple[str, str]:
    """A sweep's axes; rows of one table have all names of figures, but not all figures."""
    known = [row.figures.get("NLL_oracle") is not None for row in rows]
    if all(known):
        return OF_LANGUAGE
    return OF_BOTH if any(known) else OF_TEXT


def samples(row: Row) -> list[Sample]:
    """A model's first texts, each with the training text that is most like it."""
    e = row.evaluation
    assert e is not None
    if not e.training:
        return [Sample(text, "") for text in e.texts[:SHOWN]]
    found = nearest(e.tokens[:SHOWN], e.training)
    pairs = zip(e.texts, found, strict=False)
    return [Sample(text, e.training_texts[each.place]) for text, each in pairs]
