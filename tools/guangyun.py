"""Tones and rhymes from another source than the masks': the Guangyun of 1008, package ``qieyun``.

Its readings are places in the rhyme tables; 平水韵 (1252) merged its rhymes into groups, by the
table here, which is of the level tone alone. Simplified characters have the readings of all the
traditional ones that OpenCC turns into them.
"""

from collections import defaultdict
from functools import cache

import Qieyun

from textgan.forms.script import simplified

MERGED = {
    **{"一東": "東", "二冬": "冬鍾", "三江": "江", "四支": "支脂之", "五微": "微", "六魚": "魚"},
    **{"七虞": "虞模", "八齊": "齊", "九佳": "佳皆", "十灰": "灰咍", "十一真": "眞真諄臻"},
    **{"十二文": "文殷欣", "十三元": "元魂痕", "十四寒": "寒桓", "十五刪": "刪山", "一先": "先仙"},
    **{"二蕭": "蕭宵", "三肴": "肴", "四豪": "豪", "五歌": "歌戈", "六麻": "麻", "七陽": "陽唐"},
    **{"八庚": "庚耕清", "九青": "青", "十蒸": "蒸登", "十一尤": "尤侯幽", "十二侵": "侵"},
    **{"十三覃": "覃談", "十四鹽": "鹽添嚴", "十五咸": "咸銜凡"},
}
GROUP = {rhyme: group for group, rhymes in MERGED.items() for rhyme in rhymes}
Reading = tuple[bool, str]
"""True if level, and then the group's name, else nothing."""
OTHERWISE = dict(
    zip(
        "馀窗剑魂鞍谿皓蘋迤濛裙匝卮胸煮玳着婿於缈拆琉匆",
        "余窻劒䰟鞌嵠晧薲迆蒙裠帀巵胷煑瑇著壻扵渺坼瑠悤",
        strict=True,
    )
)
"""Characters that the Guangyun writes in another shape."""


@cache
def readings(character: str) -> frozenset[Reading]:
    """How a simplified character is read; empty where the book hasn't got it."""
    return table().get(OTHERWISE.get(character, character), frozenset())


@cache
def table() -> dict[str, frozenset[Reading]]:
    """Every character's readings, in simplified script."""
    found: defaultdict[str, set[Reading]] = defaultdict(set)
    for place in Qieyun.iter音韻地位():
        level = place.聲 == "平"
        for character, _ in place.條目:
            found[simplified(character)].add((level, GROUP[place.韻] if level else ""))
    return {character: frozenset(readings) for character, readings in found.items()}
