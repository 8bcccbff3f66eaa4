"""The page: three tabs, in the reader's language, and the endpoint for programs."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.events import api

from textgan.errors import UserError
from textgan.playground.ask import read, said
from textgan.playground.curves_tab import CurvesTab
from textgan.playground.exhibits import REAL
from textgan.playground.judge_tab import JudgeTab
from textgan.playground.labels import Labels
from textgan.playground.poets import Poets
from textgan.playground.strings import LANGUAGES
from textgan.playground.write_tab import ONE_AT_A_TIME, QUIET, WriteTab
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
        language = _head(labels)
        with labels.make(gr.Tab, "tab.write") as written:
            writing = WriteTab(labels, poets, language)
        with labels.make(gr.Tab, "tab.curves") as watched:
            curves = CurvesTab(labels, language)
        with labels.make(gr.Tab, "tab.judge") as judged:
            judging = JudgeTab(labels, poets, language)
        _list(blocks, poets, writing, judging)
        _speak(blocks, labels, language)
        watched.select(curves.watch, None, [curves.runs, curves.timer], **QUIET)
        for other in (written, judged):
            other.select(curves.rest, None, curves.timer, **QUIET)
        endpoint(blocks, poets)
    blocks.queue(max_size=WAITING)
    return blocks


def _head(labels: Labels) -> Any:
    """The title, and the language to choose."""
    how: Any = {"value": "en", "elem_id": "language", "show_label": False, "container": False}
    with gr.Row():
        labels.make(gr.Markdown, "title")
        return labels.make(gr.Radio, "language", [*LANGUAGES], **how)


def _list(blocks: gr.Blocks, poets: Poets, writing: WriteTab, judging: JudgeTab) -> None:
    """Whoever comes sees the models there are by then."""
    lists = [*writing.lists, judging.model, judging.against]

    def listed() -> Mapping[Any, Any]:
        names = [*poets.places()]
        found = {one: gr.update(choices=names) for one in lists}
        return found | {judging.against: gr.update(choices=[REAL, *names])}

    blocks.load(listed, None, lists, **QUIET)


def _speak(blocks: gr.Blocks, labels: Labels, language: Any) -> None:
    """The browser's language first, then the one that is chosen."""

    def wanted(request: gr.Request) -> str:
        return "zh" if request.headers.get("accept-language", "").startswith("zh") else "en"

    blocks.load(wanted, None, language, **QUIET)
    language.change(labels.updates, language, [*labels.made], queue=False, **QUIET)


def endpoint(blocks: gr.Blocks, poets: Poets) -> None:
    """The HTTP API: ``POST /gradio_api/call/poems`` with one JSON object, see ``ask.Ask``."""

    def poems(wish: dict[str, Any], request: gr.Request) -> list[dict[str, Any]]:
        """Poems as asked for: {"model": "shi", "form": "wujue", "count": 2, "seed": 1}."""
        try:
            return [one.record for one in write(poets, read(wish))]
        except UserError as error:
            raise gr.Error("\n".join(said(error)), print_exception=False) from None
        finally:
            # A request has a session of its own, with a copy of the page: nobody comes back to it,
            # and where all are held it would push out a visitor's.
            blocks.state_holder.session_data.pop(str(request.session_hash), None)
            blocks.state_holder.time_last_used.pop(str(request.session_hash), None)

    api(poems, api_name="poems", **ONE_AT_A_TIME)
