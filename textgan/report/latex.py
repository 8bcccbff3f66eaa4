"""A booktabs table: figures are lines, models are columns, the fingerprint is in the caption."""

import re

from textgan.report.contents import Report
from textgan.report.tables import NOTE, Cell, cells, figure_names, fingerprint

HEAD = r"""% \usepackage{booktabs} in the preamble; for Chinese, say, use XeLaTeX or LuaLaTeX
\begin{table}
\centering\small"""
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    **{sign: "\\" + sign for sign in "{}$&#%_"},
}


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands, on one line."""
    plain = "".join(c for c in re.sub(r"\s+", " ", text) if c.isprintable())
    return "".join(SPECIAL.get(c, c) for c in plain)


def table(report: Report) -> str:
    """The whole ``table`` environment."""
    head = " & ".join(["", *(_header(row.name) for row in report.rows)])
    body = [
        " & ".join([escape(name), *map(_cell, cells(report, name))]) + r" \\"
        for name in figure_names(report.rows)
    ]
    return "\n".join(
        [
            HEAD,
            rf"\caption{{{_caption(report)}}}",
            rf"\begin{{tabular}}{{l{'r' * len(report.rows)}}}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _header(name: str) -> str:
    """As wide as the figures below: a long name takes several lines."""
    return rf"\parbox[b]{{7em}}{{\raggedleft\footnotesize {_breakable(name)}}}"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    value = cell.value.replace("∞", r"\infty").replace("nan", r"\mathrm{nan}")
    bold = rf"\mathbf{{{value}}}" if cell.best else value
    return rf"${bold} \pm {cell.error}$" if cell.error else f"${bold}$"


def _caption(report: Report) -> str:
    shared, own = fingerprint(report.rows)
    parts = [shared, *(f"{name}: {rest}" for name, rest in own)]
    stamps = "; ".join(rf"\texttt{{{_breakable(part)}}}" for part in parts if part)
    return rf"{escape(report.title)}. {escape(NOTE)} {{\footnotesize {stamps}}}"


def _breakable(text: str) -> str:
    """Protocols and names of runs have no spaces: lines may end behind their signs."""
    return re.sub(r"(\\textbar\{\}|\\_|[,:/-])", r"\1\\allowbreak{}", escape(text))
