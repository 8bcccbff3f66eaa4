"""An independent judge of regulated verse: it reads finished poems by the Guangyun's tones.

It shares no table and no code with the masks but OpenCC's conversion of scripts. What it wants is
written down place by place: for each of the four ways that a poem can go, which characters of it
are out of place. The way with the fewest is taken.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import product

from textgan.forms import pingshui
from tools.guangyun import MERGED, readings

SHAPES = {"五绝": (4, 5), "七绝": (4, 7), "五律": (8, 5), "七律": (8, 7)}
MARKED = re.compile(r"(?:[\u3400-\u9fff]+，[\u3400-\u9fff]+。)+")
OTHER = {"平": "仄", "仄": "平"}


Fault = tuple[str, str]
"""A character out of place, and what was wanted of it: a tone, a group, or to be no repeat."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a poem.

    Attributes:
        shape: None, or what is wrong with lines and marks.
        faults: what is out of place.
    """

    shape: str | None
    faults: tuple[Fault, ...]

    @property
    def disputed(self) -> bool:
        """True if all that is wrong is right by the masks' book."""
        return self.shape is None and all(map(excused, self.faults))

    @property
    def clean(self) -> bool:
        """True if nothing is wrong."""
        return self.shape is None and not self.faults


def excused(fault: Fault) -> bool:
    """True if a character is what was wanted by the masks' book."""
    character, wanted = fault
    known = pingshui.readings(character)
    if wanted in OTHER:
        return any(level == (wanted == "平") for level, _ in known)
    return (True, wanted) in known


def is_disputed(character: str) -> bool:
    """True if 平水韵 reads a character as the Guangyun doesn't, or the latter hasn't got it."""
    theirs = readings(character)
    ours = {(level, name if level else "") for level, name in pingshui.readings(character)}
    return not theirs or not ours <= theirs


def judge(poem: str, form: str) -> Verdict:
    """The verdict on a poem, its characters in simplified script."""
    lines, wide = SHAPES[form]
    parts = re.split("[，。]", poem)
    if not MARKED.fullmatch(poem) or [*map(len, parts)] != [wide] * lines + [0]:
        return Verdict(f"not {lines} lines of {wide} with their marks", ())
    ways = [_faults(parts[:-1], *way) for way in product("平仄", (True, False))]
    best = min(ways, key=lambda found: (sum(not excused(fault) for fault in found), len(found)))
    return Verdict(None, tuple(best))


def _faults(lines: list[str], start: str, first: bool) -> list[Fault]:
    """What is out of place if the first line's fourth from the end is ``start``, and it rhymes."""
    found: list[Fault] = []
    rhyming: list[str] = []
    for i, line in enumerate(lines):
        a = start if i % 4 in (0, 3) else OTHER[start]
        level_end = i % 2 == 1 or (first and i == 0)
        wanted = {-4: a, -2: OTHER[a], -1: "平" if level_end else "仄"}
        if wanted[-2] == wanted[-1]:
            wanted[-3] = OTHER[wanted[-1]]
        if len(line) == 7:
            wanted[-6] = OTHER[a]
        found += [(line[p], tone) for p, tone in wanted.items() if not sounds(line[p], tone)]
        if level_end and a == "平" and not (sounds(line[-5], "平") or sounds(line[-3], "平")):
            lone = [(line[-5], "平"), (line[-3], "平")]  # 孤平: either would do
            found.append(next(filter(excused, lone), lone[1]))
        rhyming += [line[-1]] * level_end
    return found + _unrhymed(rhyming)


def sounds(character: str, tone: str) -> bool:
    """True if some reading has the tone."""
    return any(level == (tone == "平") for level, _ in readings(character))


def _unrhymed(ends: list[str]) -> list[Fault]:
    """The ends that aren't in the group that suits best, and those that come twice."""
    twice = [(c, "no repeat") for c, n in Counter(ends).items() if n > 1]
    options = [[(c, name) for c in ends if (True, name) not in readings(c)] for name in MERGED]
    best = min(options, key=lambda out: (sum(not excused(fault) for fault in out), len(out)))
    return best + twice
