"""Poems that a visitor keeps, and takes home as text, jsonl or a card.

Exports are links that hold their file: nothing is written to the disk, nobody else can fetch it.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from html import escape

from textgan.errors import UserError
from textgan.playground import card
from textgan.playground.strings import text
from textgan.playground.written import Written

MOST = 100
"""Favourites a visitor."""


def kept(
    favourites: Sequence[Written], sheet: Sequence[Written], ticked: Sequence[int]
) -> list[Written]:
    """The favourites, once those of the sheet are the ticked ones."""
    others = [one for one in favourites if one not in sheet]
    return [*others, *(sheet[number] for number in ticked if number < len(sheet))][-MOST:]


def first_line(one: Written) -> str:
    """What a poem is called."""
    line = one.poem.text.strip().split("\n")[0]
    return line if len(line) <= 40 else f"{line[:39]}…"


def as_text(poems: Sequence[Written]) -> str:
    """A blank line between poems."""
    return "\n\n".join(one.poem.text.strip() for one in poems) + "\n"


def as_jsonl(poems: Sequence[Written]) -> str:
    """An object a line, with model, checkpoint and seed."""
    return "".join(json.dumps(one.record, ensure_ascii=False) + "\n" for one in poems)


def shown(poems: Sequence[Written], language: str) -> str:
    """The favourites and the links to their files as HTML."""
    if not poems:
        return f"<p>{escape(text('favourites.none', language))}</p>"
    items = "".join(f'<li class="poem">{escape(one.poem.text.strip())}</li>' for one in poems)
    links = [
        _link("poems.txt", "text/plain;charset=utf-8", as_text(poems).encode()),
        _link("poems.jsonl", "application/jsonl", as_jsonl(poems).encode()),
        _card(poems),
    ]
    return f'<p class="exports">{" ".join(links)}</p><ol>{items}</ol>'


def _card(poems: Sequence[Written]) -> str:
    models = ", ".join(dict.fromkeys(one.model for one in poems))
    try:
        picture = card.draw([one.poem.text.strip() for one in poems], f"textgan · {models}")
    except UserError as error:
        return f'<span class="wrong">{escape(str(error))}</span>'
    return _link("poems.png", "image/png", picture)


def _link(name: str, kind: str, data: bytes) -> str:
    address = f"data:{kind};base64,{b64encode(data).decode()}"
    return f'<a download="{name}" href="{address}">{name}</a>'
