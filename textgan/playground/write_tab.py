"""The page's first tab: ask, and poems stream in; two models side by side; favourites."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr

from textgan.errors import UserError
from textgan.playground import favourites
from textgan.playground.fields import Fields
from textgan.playground.labels import Labels
from textgan.playground.poets import Poets
from textgan.playground.sheet import sheets
from textgan.playground.strings import text
from textgan.playground.written import Written, write

ONE_AT_A_TIME: Any = {"concurrency_limit": 1, "concurrency_id": "poets"}
"""Draws come from the process's one stream, and two models at work would share the cores."""
QUIET: Any = {"api_visibility": "private", "show_progress": "hidden"}
SECONDS = 3600
"""That a visitor's poems are held."""


class WriteTab:
    """Made where it is called."""

    def __init__(self, labels: Labels, poets: Poets, language: Any) -> None:
        self.poets = poets
        self.fields = Fields(labels, [*poets.places()])
        with gr.Row():
            self.go = labels.make(gr.Button, "write", variant="primary", elem_id="write")
            self.stop = labels.make(gr.Button, "stop", elem_id="stop")
        self.error = gr.HTML(elem_id="error")
        self.sheet = gr.HTML(elem_id="sheet")
        self.tick = labels.make(gr.CheckboxGroup, "favourites", visible=False, elem_id="tick")
        self.kept_list = gr.HTML(elem_id="kept")
        self.clear = labels.make(gr.Button, "clear", visible=False, elem_id="clear")
        self.written = gr.State([], time_to_live=SECONDS)
        self.kept = gr.State([], time_to_live=SECONDS)
        self._listen(language)

    def _listen(self, language: Any) -> None:
        fields = [*self.fields.all.values()]
        outputs = [*fields, *self.fields.sections, self.error, self.sheet, self.written, self.tick]
        how = QUIET | ONE_AT_A_TIME
        writing = self.go.click(self.write, [language, *fields], outputs, **how)
        self.stop.click(None, cancels=[writing], api_visibility="private")
        outputs = [self.kept, self.kept_list, self.clear]
        inputs = [language, self.kept, self.written, self.tick]
        self.tick.input(self.keep, inputs, outputs, trigger_mode="always_last", **QUIET)
        self.clear.click(self.forget, None, [*outputs, self.tick], **QUIET)

    @property
    def lists(self) -> list[Any]:
        """Dropdowns that list models."""
        return [self.fields.all["model"], self.fields.all["beside"]]

    def write(self, language: str, *values: Any) -> Iterator[Mapping[Any, Any]]:
        """The page while poems come, and errors beside the fields."""
        busy = f'<p class="busy">{escape(text("busy", language))}</p>'
        empty = {self.sheet: busy, self.written: [], self.tick: gr.update(value=[], visible=False)}
        yield {**self.fields.clean(language), self.error: "", **empty}
        try:
            yield from self._write(language, values)
        except UserError as error:
            beside, rest = self.fields.told(error, language)
            yield {**beside, self.error: rest, self.sheet: ""}

    def _write(self, language: str, values: tuple[Any, ...]) -> Iterator[Mapping[Any, Any]]:
        asks = self.fields.asks(values)
        found: list[tuple[str, list[Written]]] = [(ask.model, []) for ask in asks]
        for ask, (_, poems) in zip(asks, found, strict=True):  # one stream of draws: in turn
            for one in write(self.poets, ask, scored=True):
                poems.append(one)
                yield {self.sheet: sheets(found, language), **self._to_tick(found)}

    def _to_tick(self, found: Sequence[tuple[str, Sequence[Written]]]) -> Mapping[Any, Any]:
        """All poems so far, for whoever stops here."""
        written = [one for _, poems in found for one in poems]
        choices = [(favourites.first_line(one), at) for at, one in enumerate(written)]
        return {self.written: written, self.tick: gr.update(choices=choices, visible=True)}

    def keep(
        self, language: str, kept: list[Written], written: list[Written], ticked: list[int]
    ) -> Mapping[Any, Any]:
        """The favourites, once poems were ticked or no longer are."""
        kept = favourites.kept(kept, written, ticked)
        return {
            self.kept: kept,
            self.kept_list: favourites.shown(kept, language),
            self.clear: gr.update(visible=bool(kept)),
        }

    def forget(self) -> Mapping[Any, Any]:
        """No favourites."""
        hidden = gr.update(visible=False)
        return {self.kept: [], self.kept_list: "", self.clear: hidden, self.tick: []}
