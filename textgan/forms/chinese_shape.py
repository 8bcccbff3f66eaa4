"""A Chinese poem's lines and characters, and what of them is prescribed: read from a request."""

import re
import unicodedata
from dataclasses import dataclass

from textgan.errors import UserError
from textgan.forms.han import is_han
from textgan.forms.options import CHINESE, FormOptions
from textgan.forms.script import simplified

SHAPES = {"五绝": (4, 5), "七绝": (4, 7), "五律": (8, 5), "七律": (8, 7)}
"""Lines and characters of each."""
NAMES = {**CHINESE, "wulu": "五律", "qilu": "七律"}
GAP = "_"
BETWEEN = re.compile(r"[/\n，。,.;；、！？!?]+")
"""What may stand between the lines of a poem with gaps."""


@dataclass(frozen=True)
class Shape:
    """Lines of so many characters each, some of them prescribed.

    Attributes:
        name: the form's, or how many lines and characters there are.
        given: by option, the characters that it prescribes by place.
    """

    name: str
    lines: int
    characters: int
    given: dict[str, dict[int, str]]


def canonical(name: str) -> str | None:
    """The form meant by a name in characters of either script or without tones; None if none."""
    plain = unicodedata.normalize("NFC", name).strip().lower().replace("v", "ü")
    found = NAMES.get(plain) or "".join(simplified(c) if is_han(c) else c for c in plain)
    return found if found in SHAPES else None


def shape(options: FormOptions) -> Shape:
    """The shape of what is asked for: without a form's name four lines of five, but for what says
    otherwise.

    Raises:
        UserError: its parts contradict one another, or aren't Chinese.
    """
    acrostic, gaps = characters("acrostic", options.acrostic), lines_of("fill", options.fill)
    name = options.form and canonical(options.form)
    if name:
        lines, wide = SHAPES[name]
    else:
        lines = max(len(acrostic), len(gaps)) or 4
        wide = max(map(len, gaps), default=5)
        lines = options.lines or lines
        name = f"a poem of {lines} × {wide} characters"
    found = Shape(name, lines, wide, _given(acrostic, gaps, wide))
    if options.lines is not None and options.lines != lines:
        other = _other(options.lines, wide)
        raise UserError(f"--lines: {name} has {lines} lines, not {options.lines}{other}")
    if len(acrostic) > lines:
        raise UserError(
            f"--acrostic: {acrostic} has {len(acrostic)} characters, {name} has {lines} lines"
            f"{_other(len(acrostic), wide)}"
        )
    _fits(gaps, found)
    _agree(found)
    return found


def characters(option: str, text: str | None) -> str:
    """The characters of a text, punctuation and blanks left out; nothing of nothing.

    Raises:
        UserError: there are none, or others are among them.
    """
    if text is None:
        return ""
    found = "".join(c for c in unicodedata.normalize("NFC", text) if is_han(c))
    if wrong := [c for c in text if c.isalnum() and not is_han(c)]:
        if not found:
            raise UserError(
                f"--{option}: {text} isn't Chinese, as the poem is to be; give characters, or "
                "--model sonnets"
            )
        raise UserError(f"--{option}: {wrong[0]!r} is no Chinese character; leave it out")
    if not found:
        raise UserError(f"--{option}: {text!r} has no Chinese character; give one")
    return found


def word_of(option: str, text: str) -> str:
    """The characters of one word.

    Raises:
        UserError: it isn't one.
    """
    found = characters(option, text)
    if found != unicodedata.normalize("NFC", text).strip():
        raise UserError(f"--{option}: {text!r} is no single word; give each its own --{option}")
    return found


def lines_of(option: str, text: str | None) -> list[str]:
    """The lines of a poem with gaps.

    Raises:
        UserError: something in it is neither a Chinese character nor a gap.
    """
    if text is None:
        return []
    plain = "".join(unicodedata.normalize("NFKC", text).replace("\r", "").split(" "))
    found = [line for line in BETWEEN.split(plain) if line]
    if wrong := [c for line in found for c in line if not (is_han(c) or c == GAP)]:
        raise UserError(
            f"--{option}: {wrong[0]!r} is neither a Chinese character nor a gap; write {GAP} for a "
            "gap and / between lines"
        )
    if GAP not in plain:
        raise UserError(f"--{option}: has no gap; write {GAP} for each character that is open")
    characters(option, plain.replace(GAP, "") or None)
    return found


def _given(acrostic: str, gaps: list[str], wide: int) -> dict[str, dict[int, str]]:
    filled = {i * wide + j: c for i, line in enumerate(gaps) for j, c in enumerate(line)}
    return {
        "acrostic": {i * wide: c for i, c in enumerate(acrostic)},
        "fill": {place: c for place, c in filled.items() if c != GAP},
    }


def _other(lines: int, wide: int) -> str:
    """The form, as a hint, that has room for so many lines, of as many characters if any has."""
    fits = [name for name, (n, _) in SHAPES.items() if n >= lines]
    best = [name for name in fits if SHAPES[name][1] == wide] or fits
    return f"; {best[0]} has {SHAPES[best[0]][0]}" if best else ""


def _fits(gaps: list[str], shape: Shape) -> None:
    """See whether a poem with gaps has the shape.

    Raises:
        UserError: it hasn't.
    """
    if len(gaps) > shape.lines:
        raise UserError(f"--fill: has {len(gaps)} lines, {shape.name} has {shape.lines}")
    for i, line in enumerate(gaps):
        if len(line) != shape.characters:
            raise UserError(
                f"--fill: line {i + 1}, {line}, has {len(line)} characters and gaps, {shape.name} "
                f"has {shape.characters}; mend it there"
            )


def _agree(shape: Shape) -> None:
    """See whether acrostic and gaps prescribe the same.

    Raises:
        UserError: they don't.
    """
    for place, ours in shape.given["acrostic"].items():
        theirs = shape.given["fill"].get(place, ours)
        if simplified(theirs) != simplified(ours):
            raise UserError(
                f"--acrostic: begins line {place // shape.characters + 1} with {ours}, --fill with "
                f"{theirs}; leave a gap there"
            )
