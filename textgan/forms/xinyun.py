"""Tones and rhymes of today's Mandarin: 中华新韵 (2005), 14 groups by the finals of pinyin.

Level are the first and the second tone. Readings: `pypinyin`, all of a character's own.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from textgan.forms.pingshui_table import Reading
from textgan.forms.script import Script, needs

FINALS = {
    "一麻": "a ia ua",
    "二波": "o e uo",
    "三皆": "ie ve",
    "四开": "ai uai",
    "五微": "ei uei",
    "六豪": "ao iao",
    "七尤": "ou iou",
    "八寒": "an ian uan van",
    "九文": "en in uen vn",
    "十唐": "ang iang uang",
    "十一庚": "eng ing ueng ong iong",
    "十二齐": "i er v",
    "十三支": "-i",
    "十四姑": "u",
}
"""Groups of the book, finals as `pypinyin` writes them (v: ü; -i: that of zi and zhi)."""
GROUP = {final: name for name, finals in FINALS.items() for final in finals.split()}
ORDER = tuple(FINALS)
BUZZING = ("z", "c", "s", "r")
"""How initials begin whose i is that of zi and zhi."""


def groups() -> tuple[str, ...]:
    """Names of the groups, each of which has level characters."""
    return ORDER


@cache
def readings(character: str, of: Script | None = None) -> frozenset[Reading]:
    """How a character is read, in either script; empty where the book doesn't know it.

    Raises:
        UserError: the package isn't installed.
    """
    package = needs("pypinyin")

    def read(style: Any) -> list[str]:
        found: list[list[str]] = package.pinyin(
            character, style=style, heteronym=True, errors="ignore"
        )
        return found[0] if found else []

    both = {(spelt, _final(spelt, package)) for spelt in read(package.Style.TONE3)}
    return frozenset(
        (spelt[-1] in "12", GROUP[final])
        for spelt, final in both
        if spelt[-1] in "1234" and final in GROUP
    )


def _final(spelt: str, package: Any) -> str:
    """The final of a syllable, strictly: ui is uei, and the i of zi is -i."""
    final: str = package.contrib.tone_convert.to_finals(spelt, strict=True, v_to_u=False)
    return "-i" if final == "i" and spelt.startswith(BUZZING) else final


def sounds_like(character: str, others: Iterable[str]) -> str | None:
    """The first of some characters with the same syllable, best in the same tone; None if none."""
    package = needs("pypinyin")

    def read(text: str, style: Any) -> str:
        return str(package.lazy_pinyin(text, style=style, errors="ignore"))

    for style in (package.Style.TONE3, package.Style.NORMAL):
        wanted = read(character, style)
        if found := next((c for c in others if read(c, style) == wanted != "[]"), None):
            return found
    return None
