"""Poems as HTML: a section a model, an item a poem, a span a token."""

import math
from collections.abc import Sequence
from html import escape

from textgan.playground.strings import text
from textgan.playground.written import Written

DEEPEST = 0.6
"""Of the colour, where letters on it can still be read, on white and on black."""


def sheets(found: Sequence[tuple[str, Sequence[Written]]], language: str) -> str:
    """Models' poems side by side, one below the other where the screen is narrow."""
    return f'<div class="sheets">{"".join(_sheet(*one, language) for one in found)}</div>'


def _sheet(model: str, poems: Sequence[Written], language: str) -> str:
    judged = any(one.scores for one in poems)
    note = text("coloured" if judged else "uncoloured", language) if poems else ""
    items = "".join(f'<li class="poem">{coloured(one)}</li>' for one in poems)
    return f"<section><h3>{escape(model)}</h3><ol>{items}</ol><p>{note}</p></section>"


def coloured(one: Written) -> str:
    """A poem's tokens: blue what the discriminator takes for real, orange for generated."""
    if one.scores is None:
        return escape(one.poem.text.strip())
    return "".join(_token(*pair) for pair in one.scores).strip()


def _token(piece: str, score: float) -> str:
    strength = math.tanh(2 * score)  # what a piece adds to a text's logit is seldom above 1/2
    kind, depth = ("real" if strength > 0 else "fake"), DEEPEST * abs(strength)
    style = f"background: rgb(var(--{kind}) / {depth:.2f})"
    return f'<span class="token" style="{style}" title="{score:+.2f}">{escape(piece)}</span>'
