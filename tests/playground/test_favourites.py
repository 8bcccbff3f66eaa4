"""What a visitor takes home: text, jsonl, a card."""

import base64
import io
import json
import re

import pytest
from PIL import Image, ImageFont

from textgan.errors import UserError
from textgan.playground import card, favourites
from textgan.playground.written import Written
from textgan.poet import Poem

CHINESE = "寄琴犹有事，独见恨纷然。夜色从千径，春云四故人。"
ENGLISH = "the river of their roaring mist of peace,\nor others, what but innocent men portrayed"


def written(text: str, number: int = 0) -> Written:
    return Written(Poem(text, (1, 2), -1.0, 0.0), "shi", "shi", 5, number)


def has_chinese() -> bool:
    try:
        card.find(CHINESE)
    except UserError:
        return False
    return True


needs_a_font = pytest.mark.skipif(not has_chinese(), reason="no font with Chinese characters here")


def files(html: str) -> dict[str, bytes]:
    """The files that links hold."""
    found = re.findall(r'download="([^"]+)" href="data:[^"]*base64,([^"]*)"', html)
    return {name: base64.b64decode(data) for name, data in found}


def test_kept_are_those_that_are_ticked() -> None:
    first, second, third = (written(f"poem {n}", n) for n in range(3))
    kept = favourites.kept([], [first, second], [1])
    assert kept == [second]
    kept = favourites.kept(kept, [third], [0])  # another sheet
    assert kept == [second, third]
    assert favourites.kept(kept, [third], []) == [second]
    many = [written(str(n), n) for n in range(favourites.MOST + 5)]
    assert len(favourites.kept([], many, range(len(many)))) == favourites.MOST


def test_text_and_jsonl_come_back() -> None:
    poems = [written(ENGLISH), written(CHINESE, 1)]
    got = files(favourites.shown(poems, "en"))
    assert got["poems.txt"].decode() == f"{ENGLISH}\n\n{CHINESE}\n"
    rows = [json.loads(line) for line in got["poems.jsonl"].decode().splitlines()]
    assert [row["text"] for row in rows] == [ENGLISH, CHINESE]
    assert rows[1] | {"text": "", "number": 0} == written("").record


def test_poems_are_escaped() -> None:
    assert "<script>" not in favourites.shown([written("<script>alert(1)</script>")], "en")


@needs_a_font
@pytest.mark.parametrize("poem", [CHINESE, ENGLISH])
def test_a_card_is_a_picture_with_ink_on_it(poem: str) -> None:
    picture = Image.open(io.BytesIO(card.draw([poem], "textgan · shi")))
    assert picture.format == "PNG"
    assert picture.width == card.WIDTH
    darkest, lightest = picture.convert("L").getextrema()
    assert darkest < 60
    assert lightest > 240


@needs_a_font
def test_every_character_is_drawn_as_itself() -> None:
    font = card.find(CHINESE)
    shapes = {bytes(font.getmask(c)) for c in {*CHINESE}}
    assert len(shapes) == len({*CHINESE})


@needs_a_font
def test_lines_fit() -> None:
    font = card.find(CHINESE)
    room = card.WIDTH - 2 * card.MARGIN
    for poem in (CHINESE, CHINESE.replace("。", ""), ENGLISH.replace("\n", " ") * 3, "a" * 200):
        lines = [*card.wrapped(poem, font)]
        assert all(font.getlength(line) <= room for line in lines)
        assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", poem)
    assert [*card.wrapped(CHINESE, font)] == CHINESE.replace("。", "。\n").strip().split("\n")


def test_where_no_font_can_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> ImageFont.FreeTypeFont:
        raise OSError("cannot open resource")

    monkeypatch.setattr(ImageFont, "truetype", none)
    with pytest.raises(UserError) as found:
        card.draw([CHINESE], "shi")
    assert str(found.value) == (
        "card: no font found that has Chinese characters; install one, as fonts-noto-cjk"
    )
    html = favourites.shown([written(CHINESE)], "en")
    assert [*files(html)] == ["poems.txt", "poems.jsonl"]
    assert "no font found" in html


def test_a_font_that_lacks_a_character_is_seen() -> None:
    try:
        latin = ImageFont.truetype("DejaVuSerif.ttf", 20)
    except OSError:
        pytest.skip("no DejaVu Serif here")
    assert card.lacking(latin, "the moon, é") == set()
    assert card.lacking(latin, "the 月") == {"月"}


def test_a_card_has_an_end() -> None:
    with pytest.raises(UserError, match="holds at most 8 poems, there are 9"):
        card.draw(["a"] * 9, "shi")
