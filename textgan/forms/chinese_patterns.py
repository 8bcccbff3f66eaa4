"""Tone patterns of regulated verse (近体诗), lines of five or seven characters.

Four kinds of line, which strict verse strings together: ``a`` and ``A`` have oblique-level at the
places 2 and 4, ``b`` and ``B`` level-oblique; the capital ones end level, and rhyme. Inside a
couplet these places oppose one another (对), between couplets they agree (粘). Places 1 and 3 (and
5 of seven) are free, but for three faults: three level or three oblique ends (三平尾, 三仄尾), and
a level that stands alone between obliques in ``B`` (孤平).
"""

FREE = "·"
LINES = {"a": "·仄·平仄", "A": "·仄仄平平", "b": "·平平仄仄", "B": "·平?仄平"}
"""By place: level, oblique, free, and free only if the place two before it is level."""
OPPOSITE = {"平": "仄", "仄": "平"}
PARTNER = {"a": "B", "A": "B", "b": "A", "B": "A"}
"""The second line of a couplet, by its first."""
NEXT = {"A": "a", "B": "b"}
"""The first line of a couplet, by the line before it."""


def tones(kind: str, characters: int) -> str:
    """The places of a kind of line: ``·平·仄·平仄`` of ``a`` with seven."""
    five = LINES[kind]
    return five if characters == 5 else FREE + OPPOSITE[five[1]] + five


def patterns(lines: int) -> tuple[str, ...]:
    """The kinds of a poem's lines, one after the other: four ways, by the first line's kind."""
    return tuple(_from(first, lines) for first in LINES)


def _from(kind: str, lines: int) -> str:
    found = kind
    while len(found) < lines:
        found += NEXT[found[-1]] if len(found) % 2 == 0 else PARTNER[found[-1]]
    return found
