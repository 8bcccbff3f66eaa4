"""The page's first tab: ask, and poems stream in; two models side by side."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import gradio as gr

from textgan.errors import UserError
from textgan.playground.fields import Fields
from textgan.playground.labels import Labels
from textgan.playground.poets import Poets
from textgan.playground.sheet import sheets
from textgan.playground.strings import text
from textgan.playground.written import Written, write

ONE_AT_A_TIME: Any = {"concurrency_limit": 1, "concurrency_id": "poets"}
"""Draws come from the process's one stream, and two models at work would share the cores."""


class WriteTab:
    """Made where it is called.

    Attributes:
        written: the poems that stand on the sheet, a state.
        refreshed: dropdowns of models.
    """

    def __init__(self, labels: Labels, poets: Poets, language: Any) -> None:
        self.poets = poets
        names = [*poets.places()]
        self.fields = Fields(labels, names)
        with gr.Row():
            self.beside = labels.make(
                gr.Dropdown, "beside", names, value=None, elem_id="field-beside", min_width=140
            )
            self.go = labels.make(gr.Button, "write", variant="primary", elem_id="write")
            self.stop = labels.make(gr.Button, "stop", elem_id="stop")
        self.error = gr.HTML(elem_id="error")
        self.sheet = gr.HTML(elem_id="sheet")
        self.written = gr.State([], time_to_live=3600)
        inputs = [language, self.beside, *self.fields.all.values()]
        outputs = [*self.fields.all.values(), *self.fields.sections]
        outputs += [self.error, self.sheet, self.written]
        how: Any = {"api_visibility": "private", "show_progress": "hidden", **ONE_AT_A_TIME}
        writing = self.go.click(self.write, inputs, outputs, **how)
        self.stop.click(None, cancels=[writing], api_visibility="private")

    @property
    def refreshed(self) -> list[Any]:
        """Dropdowns that list models."""
        return [self.fields.all["model"], self.beside]

    def write(self, language: str, beside: str | None, *values: Any) -> Iterator[Mapping[Any, Any]]:
        """The page while poems come, and errors beside the fields."""
        busy = f'<p class="busy">{escape(text("busy", language))}</p>'
        yield {**self.fields.clean(language), self.error: "", self.sheet: busy, self.written: []}
        try:
            yield from self._write(language, beside, values)
        except UserError as error:
            told, rest = self.fields.told(error)
            yield {**told, self.error: f'<p class="wrong">{escape(rest)}</p>' if rest else ""}

    def _write(
        self, language: str, beside: str | None, values: tuple[Any, ...]
    ) -> Iterator[Mapping[Any, Any]]:
        asks = [self.fields.ask(values)]
        if beside:
            asks.append(self.fields.ask(values, model=beside))
        found: list[tuple[str, list[Written]]] = [(ask.model, []) for ask in asks]
        for ask, (_, poems) in zip(asks, found, strict=True):  # one stream of draws: in turn
            for one in write(self.poets, ask, scored=True):
                poems.append(one)
                yield {self.sheet: sheets(found, language)}
        yield {self.written: [one for _, poems in found for one in poems]}
