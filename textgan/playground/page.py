"""The page: three tabs, in the reader's language, and the endpoint for programs."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.events import api

from textgan.errors import UserError
from textgan.playground.ask import read, said
from textgan.playground.labels import Labels
from textgan.playground.poets import Poets
from textgan.playground.strings import LANGUAGES
from textgan.playground.write_tab import ONE_AT_A_TIME, WriteTab
from textgan.playground.written import write

WAITING = 200
"""Requests that wait; more are sent away."""
CACHED = (3600, 3600)
"""Seconds between looks for files that nobody needs any more, and how old these are."""


def page(poets: Poets) -> gr.Blocks:
    """The page, its events and its endpoint ``poems``."""
    labels = Labels("en")
    blocks = gr.Blocks(title="textgan", analytics_enabled=False, delete_cache=CACHED)
    with blocks:
        with gr.Row():
            labels.make(gr.Markdown, "title")
            language = labels.make(
                gr.Radio, "language", [*LANGUAGES], value="en", elem_id="language"
            )
        with labels.make(gr.Tab, "tab.write"):
            writing = WriteTab(labels, poets, language)

        def listed() -> Mapping[Any, Any]:
            return {one: gr.update(choices=[*poets.places()]) for one in writing.refreshed}

        def spoken(request: gr.Request) -> str:
            return "zh" if request.headers.get("accept-language", "").startswith("zh") else "en"

        quiet: Any = {"api_visibility": "private", "show_progress": "hidden"}
        blocks.load(listed, None, writing.refreshed, **quiet)
        blocks.load(spoken, None, language, **quiet)
        language.change(labels.updates, language, [*labels.made], queue=False, **quiet)
        endpoint(poets)
    blocks.queue(max_size=WAITING)
    return blocks


def endpoint(poets: Poets) -> None:
    """The HTTP API: ``POST /gradio_api/call/poems`` with one JSON object, see ``ask.Ask``."""

    def poems(wish: dict[str, Any]) -> list[dict[str, Any]]:
        """Poems as asked for: {"model": "shi", "form": "wujue", "count": 2, "seed": 1}."""
        try:
            return [one.record for one in write(poets, read(wish))]
        except UserError as error:
            raise gr.Error("\n".join(said(error)), print_exception=False) from None

    api(poems, api_name="poems", **ONE_AT_A_TIME)
