"""One page that needs nothing else: no network, no script, and it can be read on a phone."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from textgan.report.contents import CURVES, Report
from textgan.report.tables import NOTE, cells, figure_names, fingerprint


def page(report: Report, plots: Mapping[str, str]) -> str:
    """The page, with ``plots``: SVG elements by name. All other text is escaped."""
    environment = Environment(
        loader=PackageLoader("textgan", "report"), autoescape=True, undefined=StrictUndefined
    )
    shared, own = fingerprint(report.rows)
    drawn = {name: Markup(element) for name, element in plots.items()}
    return environment.get_template("page.html.jinja").render(
        report=report,
        table=[(name, cells(report, name)) for name in figure_names(report.rows)],
        curves=drawn.pop(CURVES, None),
        plots=list(drawn.values()),
        note=NOTE,
        shared=shared,
        own=own,
    )
