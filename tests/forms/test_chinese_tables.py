"""Tones, rhymes and scripts of single characters."""

import pytest

from textgan.forms import pingshui, xinyun
from textgan.forms.chinese_patterns import patterns, tones
from textgan.forms.chinese_shape import canonical
from textgan.forms.script import script, simplified
from tools import guangyun
from tools.chinese_judge import is_disputed


@pytest.mark.parametrize(
    ("character", "found"),
    [
        ("東", {(True, "一東")}),
        ("月", {(False, "六月")}),
        ("中", {(True, "一東"), (False, "一送")}),
        ("看", {(True, "十四寒"), (False, "十五翰")}),
        ("龘", set()),
    ],
)
def test_readings_of_the_book(character: str, found: set[tuple[bool, str]]) -> None:
    assert pingshui.readings(character, "traditional") == found


def test_a_simplified_character_is_read_as_all_that_it_stands_for() -> None:
    assert pingshui.readings("东") == pingshui.readings("東", "traditional")
    assert pingshui.readings("后") >= pingshui.readings("後", "traditional")
    assert pingshui.readings("馀") == {(True, "六魚")}


def test_thirty_level_groups_in_their_order() -> None:
    groups = pingshui.groups()
    assert len(groups) == 30 and groups[0] == "一東" and groups[-1] == "十五咸"
    assert set(guangyun.MERGED) == set(groups)


def test_the_two_books_agree_on_most_common_characters() -> None:
    common = "春风秋月江山云水花鸟天地人心日夜行客来去无有白青红绿高低长短东西南北门前路远"
    assert sum(map(is_disputed, common)) <= 1


@pytest.mark.parametrize(
    ("character", "group"),
    [("家", "一麻"), ("知", "十三支"), ("水", "五微"), ("绿", "十二齐"), ("中", "十一庚")],
)
def test_groups_of_modern_mandarin(character: str, group: str) -> None:
    assert group in {name for _, name in xinyun.readings(character)}


def test_the_nearest_sound() -> None:
    assert xinyun.sounds_like("椿", "山春水") == "春"
    assert xinyun.sounds_like("蠢", "山春水") == "春"
    assert xinyun.sounds_like("椿", "山水") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [("東風", "traditional"), ("东风", "simplified"), ("東风", "mixed"), ("月山", None)],
)
def test_script_of_a_text(text: str, found: str | None) -> None:
    assert script(text) == found


def test_conversion_to_simplified() -> None:
    assert "".join(map(simplified, "東風夜雨")) == "东风夜雨"


def test_patterns_oppose_inside_couplets_and_agree_between_them() -> None:
    for kinds in patterns(8):
        second = [tones(kind, 7)[1] for kind in kinds]
        assert second[0] == second[3] == second[4] == second[7]
        assert second[1] == second[2] == second[5] == second[6] != second[0]
        assert all(tones(kind, 5)[-1] == "平" for kind in kinds[1::2])


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("五绝", "五绝"),
        ("五絕", "五绝"),
        ("WuLü", "五律"),
        ("wulu\u0308", "五律"),
        ("qilv", "七律"),
    ],
)
def test_names_of_forms(name: str, form: str) -> None:
    assert canonical(name) == form


def test_what_is_no_form() -> None:
    assert canonical("sonnet") is None and canonical("五古") is None
