"""Rules of regulated verse (近体诗) that Chinese poems keep: lines of five or seven characters.

Tones and rhymes are those of 平水韵. A character that is read in several ways keeps a rule if one
of its readings does, and so does one that the book doesn't know; to rhyme it must be known. A poem
of another shape than most human ones keeps no rule.

* *shape*: as many lines, of as many characters, as most human poems have.
* *alternation*: in each line the tones at the places 2, 4 (and 6 of seven) alternate.
* *opposition* (对): inside a couplet place 2 has opposite tones.
* *adhesion* (粘): from couplet to couplet it has the same.
* *rhyme*: the even lines end level, in one group.
* *oblique ends*: of the odd lines after the first.
* *no lone level* (孤平): no even line has, of its last five characters, a level second one and the
  first, the third and the fourth oblique.
* *no three level*, *no three oblique* (三平尾, 三仄尾): at a line's end.
* *distinct rhymes*: no even line ends as another.
* *strict, tails*: all of these.
* *strict*: all but the two tails, which many a Tang poem has.

Shares of human poems, `strict` and `strict, tails`: docs/poetry/chinese.md.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

from textgan.forms import pingshui
from textgan.forms.han import HAN
from textgan.forms.script import Script, script

Lines = tuple[str, ...]
Tone = Literal["平", "仄"]
OPPOSITE: dict[Tone, Tone] = {"平": "仄", "仄": "平"}
SHARE = 0.5
"""Of human poems that must be of one shape."""


def rules(poems: Sequence[str], human: Sequence[str]) -> dict[str, list[bool]]:
    """Whether each poem keeps each rule, by its name; empty where human ones are no such verse."""
    models = [*map(lines_of, human)]
    shape, count = Counter(map(shape_of, models)).most_common(1)[0]
    if shape is None or count <= SHARE * len(human):
        return {}
    of = script(character for lines in models for line in lines for character in line)
    book = Book(of)
    found = [judged(lines_of(poem), shape, book) for poem in poems]
    return {rule: [each[rule] for each in found] for rule in RULES}


def lines_of(text: str) -> Lines:
    """A poem's lines: runs of Chinese characters, blanks between them or not."""
    together = re.sub(r"[ \t\u3000]", "", text)
    return tuple("".join(c if HAN.match(c) else " " for c in together).split())


def shape_of(lines: Lines) -> tuple[int, int] | None:
    """Lines and characters of each; None if they aren't verse of five or seven."""
    wide = {len(line) for line in lines}
    even = len(lines) > 1 and len(lines) % 2 == 0
    return (len(lines), wide.pop()) if even and wide in ({5}, {7}) else None


class Book:
    """How characters are read in a script."""

    def __init__(self, of: Script | None) -> None:
        self.read = cache(lambda character: pingshui.readings(character, of))

    def can_be(self, character: str, tone: Tone) -> bool:
        """True if some reading has the tone, or none is known."""
        known = self.read(character)
        return not known or any(level == (tone == "平") for level, _ in known)

    def must_be(self, character: str, tone: Tone) -> bool:
        """True if all readings have the tone."""
        return not self.can_be(character, OPPOSITE[tone])

    def groups(self, character: str) -> set[str]:
        """The level groups that it is in."""
        return {name for level, name in self.read(character) if level}


def judged(lines: Lines, shape: tuple[int, int], book: Book) -> dict[str, bool]:
    """Whether a poem keeps each rule."""
    if shape_of(lines) != shape:
        return dict.fromkeys(RULES, False)
    found = {"shape": True} | {rule: keeps(lines, book) for rule, keeps in EACH.items()}
    # A character read in two ways may keep two rules by either, but not by both.
    tones = any(fits(lines, start, book) for start in OPPOSITE)
    rest = tones and all(found[rule] for rule in EACH if rule not in TAILS)
    return found | {"strict, tails": rest and all(found[rule] for rule in TAILS), "strict": rest}


def fits(lines: Lines, start: Tone, book: Book) -> bool:
    """True if all places 2, 4, 6 are as the first line's place 2 being ``start`` makes them."""
    return all(
        alternates(line, start if i % 4 in (0, 3) else OPPOSITE[start], book)
        for i, line in enumerate(lines)
    )


def alternates(line: str, start: Tone, book: Book) -> bool:
    """True if the places 2, 4, 6 are ``start``, the opposite, and so on."""
    tones = (start, OPPOSITE[start], start)
    return all(book.can_be(c, tone) for c, tone in zip(line[1:-1:2], tones, strict=False))


def opposed(lines: Lines, book: Book) -> bool:
    """对: place 2 of a couplet's lines."""
    return all(
        any(book.can_be(a[1], tone) and book.can_be(b[1], OPPOSITE[tone]) for tone in OPPOSITE)
        for a, b in zip(lines[::2], lines[1::2], strict=True)
    )


def adheres(lines: Lines, book: Book) -> bool:
    """粘: place 2 of a couplet's last line and of the next one's first."""
    return all(
        any(book.can_be(a[1], tone) and book.can_be(b[1], tone) for tone in OPPOSITE)
        for a, b in zip(lines[1:-1:2], lines[2::2], strict=True)
    )


def lone_level(line: str, book: Book) -> bool:
    """孤平 of a line that ends level: oblique, level, oblique, oblique before the end."""
    last = line[-5:]
    return book.can_be(last[1], "平") and all(book.must_be(last[i], "仄") for i in (0, 2, 3))


def tail(line: str, tone: Tone, book: Book) -> bool:
    """Three of a tone at a line's end."""
    return all(book.must_be(character, tone) for character in line[-3:])


EACH: dict[str, Callable[[Lines, Book], bool]] = {
    "alternation": lambda p, book: all(
        any(alternates(line, t, book) for t in OPPOSITE) for line in p
    ),
    "opposition": opposed,
    "adhesion": adheres,
    "rhyme": lambda p, book: bool(set.intersection(*(book.groups(line[-1]) for line in p[1::2]))),
    "oblique ends": lambda p, book: all(book.can_be(line[-1], "仄") for line in p[2::2]),
    "no lone level": lambda p, book: not any(lone_level(line, book) for line in p[1::2]),
    "no three level": lambda p, book: not any(tail(line, "平", book) for line in p),
    "no three oblique": lambda p, book: not any(tail(line, "仄", book) for line in p),
    "distinct rhymes": lambda p, _: len({line[-1] for line in p[1::2]}) == len(p) // 2,
}
TAILS = "no three level", "no three oblique"
RULES = ("shape", *EACH, "strict, tails", "strict")
