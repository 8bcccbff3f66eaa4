"""The page's second tab: training curves, live while it is looked at."""

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from textgan.playground.curves import Curves
from textgan.playground.labels import Labels
from textgan.playground.strings import text

SECONDS = 2.0
"""Between two looks at the files."""


class CurvesTab:
    """Made where it is called.

    Attributes:
        timer: ticks only while the tab is selected.
    """

    def __init__(self, labels: Labels, language: Any) -> None:
        self.curves = Curves()
        with gr.Row():
            self.runs = labels.make(
                gr.Dropdown, "runs", [], multiselect=True, max_choices=6, elem_id="field-runs"
            )
            self.figure = labels.make(gr.Dropdown, "figure", [], elem_id="field-figure")
        self.plot = gr.LinePlot(x="turn", y="value", color="run", elem_id="plot", show_label=False)
        self.state = gr.HTML(elem_id="last")
        self.timer = gr.Timer(SECONDS, active=False)
        inputs, outputs = [language, self.runs, self.figure], [self.figure, self.plot, self.state]
        quiet: Any = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        self.runs.change(self.draw, inputs, outputs, **quiet)
        self.figure.input(self.draw, inputs, outputs, **quiet)
        self.timer.tick(self.draw, inputs, outputs, **quiet)

    def watch(self) -> Mapping[Any, Any]:
        """The runs there are, the newest of them chosen, and the clock."""
        names = [*self.curves.runs()]
        return {
            self.runs: gr.update(choices=names, value=names[:1]),
            self.timer: gr.Timer(active=True),
        }

    def rest(self) -> Any:
        """Nobody looks."""
        return gr.Timer(active=False)

    def draw(self, language: str, names: list[str], figure: str) -> Mapping[Any, Any]:
        """The curves as they are now."""
        figures = self.curves.figures(names)
        if figure not in figures:
            figure = figures[0] if figures else ""
        said = text("turn", language)
        rows = [
            f"<li>{escape(name)}: {escape(phase)}, {said.format(turn=f'{turn:,}')}, "
            f"{escape(str(figure))} {value:.4g}</li>"
            for name, turn, phase, value in self.curves.last(names, figure)
        ]
        none = f"<li>{escape(text('runs.none', language))}</li>"
        return {
            self.figure: gr.update(choices=figures, value=figure or None),
            self.plot: gr.LinePlot(self.curves.frame(names, figure), y_title=figure),
            self.state: f"<ul>{''.join(rows) or none}</ul>",
        }
