"""Tones and rhymes of Middle Chinese: 平水韵, the 106 groups that regulated verse rhymes by.

A character that is read in several ways has the tones and groups of all of them, for nothing here
knows which one a line means; a simplified character has those of every traditional one that it
stands for.
"""

from collections import defaultdict
from functools import cache

from textgan.forms.pingshui_table import Reading, table
from textgan.forms.script import Script, simplified


@cache
def _families() -> dict[str, frozenset[Reading]]:
    """Readings of all traditional characters that are one in simplified script, by that one."""
    found: defaultdict[str, frozenset[Reading]] = defaultdict(frozenset)
    for character, readings in table().items():
        found[simplified(character)] |= readings
    return dict(found)


def readings(character: str, of: Script | None = "simplified") -> frozenset[Reading]:
    """How a character is read in a text of some script; empty where the table doesn't know it.

    In traditional script it is itself, or, if the table has it in another shape, that one.
    """
    own = table().get(character, frozenset())
    if own and of != "simplified":
        return own
    return own | _families().get(simplified(character), frozenset())


@cache
def groups() -> tuple[str, ...]:
    """Names of the 30 level groups, in the book's order."""
    level = {name for found in table().values() for flat, name in found if flat}
    return tuple(name for name in ORDER if name in level)


BOOK = (
    "一東 二冬 三江 四支 五微 六魚 七虞 八齊 九佳 十灰 十一真 十二文 十三元 十四寒 十五刪 "
    "一先 二蕭 三肴 四豪 五歌 六麻 七陽 八庚 九青 十蒸 十一尤 十二侵 十三覃 十四鹽 十五咸"
)
ORDER = tuple(BOOK.split())
