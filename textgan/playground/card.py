"""A card: a picture of poems, drawn with a font of the system."""

import io
import re
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw, ImageFont

from textgan.errors import UserError
from textgan.forms.han import HAN

Font = ImageFont.FreeTypeFont
FONTS = (
    ("NotoSerifCJK-Regular.ttc", 2),  # its simplified Chinese
    ("NotoSansCJK-Regular.ttc", 2),
    ("SourceHanSerifSC-Regular.otf", 0),
    ("Songti.ttc", 0),
    ("PingFang.ttc", 0),
    ("simsun.ttc", 0),
    ("msyh.ttc", 0),
    ("wqy-zenhei.ttc", 0),
    ("uming.ttc", 0),
    ("Georgia.ttf", 0),
    ("DejaVuSerif.ttf", 0),
    ("LiberationSerif-Regular.ttf", 0),
)
"""Files that Pillow looks for where systems keep fonts, and the face in each; the first that has
all characters is taken."""
WIDTH, MARGIN, SIZE = 1080, 110, 46
"""Pixels."""
PAPER, INK, FAINT = "#fbf7ee", "#22201c", "#8a8478"
POEMS = 8
"""Poems on a card."""
NOWHERE = "\U0010ffff"
"""A character that no font has."""


def draw(poems: Sequence[str], note: str) -> bytes:
    """The card as PNG, a note in small letters below.

    Raises:
        UserError: too many poems, or no font has all their characters.
    """
    if len(poems) > POEMS:
        raise UserError(f"card: holds at most {POEMS} poems, there are {len(poems)}; take some off")
    font = find("".join(poems) + note)
    lines = [line for poem in poems for line in ["", *wrapped(poem, font)]][1:]
    step = round(SIZE * 1.65)
    image = Image.new("RGB", (WIDTH, 2 * MARGIN + step * (len(lines) + 1)), PAPER)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((MARGIN, MARGIN + number * step), line, font=font, fill=INK)
    small = font.font_variant(size=SIZE // 2)
    pen.text((WIDTH - MARGIN, image.height - MARGIN), note, font=small, fill=FAINT, anchor="rs")
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def find(text: str) -> Font:
    """The first font that has all characters of a text.

    Raises:
        UserError: none has.
    """
    for name, face in FONTS:
        try:
            font = ImageFont.truetype(name, SIZE, index=face)
        except OSError:
            continue
        if not lacking(font, text):
            return font
    kind = "Chinese characters" if HAN.search(text) else "all these characters"
    raise UserError(f"card: no font found that has {kind}; install one, as fonts-noto-cjk")


def lacking(font: Font, text: str) -> set[str]:
    """The characters that a font draws as it draws those it doesn't have."""
    missing = _drawn(font, NOWHERE)
    return {c for c in {*text} if not c.isspace() and _drawn(font, c) == missing}


def _drawn(font: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


def wrapped(poem: str, font: Font) -> Iterator[str]:
    """Lines that fit; a Chinese poem in one line has a new one behind each sentence."""
    if HAN.search(poem) and "\n" not in poem:
        poem = re.sub(r"(?<=[。！？；])(?=.)", "\n", poem)
    for line in poem.split("\n"):
        begun = ""
        for piece in re.findall(r"\S+\s*" if " " in line else r".", line):
            if begun and font.getlength((begun + piece).rstrip()) > WIDTH - 2 * MARGIN:
                yield begun.rstrip()
                begun = "    "
            begun += piece
        yield begun.rstrip()
