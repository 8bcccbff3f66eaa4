"""What shape an English poem is asked to have: lines, syllables, rhyme scheme, acrostic."""

import re
import unicodedata
from typing import NamedTuple

from textgan.errors import UserError
from textgan.forms.english_fill import Place, templates
from textgan.forms.han import is_han
from textgan.forms.options import FormOptions

MOST = 30
"""Syllables that a line may have."""


class Kind(NamedTuple):
    """A form: its scheme, its syllables, and the options that can't change it."""

    rhyme: str
    syllables: str
    fixed: tuple[str, ...] = ()


KINDS = {
    "quatrain": Kind("ABAB", "10"),
    "couplet": Kind("AA", "10"),
    "haiku": Kind("---", "5/7/5", ("syllables",)),
    "limerick": Kind("AABBA", "8-9/8-9/5-6/5-6/8-9", ("rhyme",)),
    "sonnet": Kind("ABABCDCDEFEFGG", "10"),
}
FREE = "4-12"
"""Syllables of lines that nothing is asked of."""


class Line(NamedTuple):
    """What a line must be."""

    low: int
    high: int
    """Syllables, at least and at most."""
    rhyme: int | None
    """The number of its letter in the scheme; None where it needn't rhyme."""
    initial: str | None
    """The letter that it begins with."""
    places: tuple[Place, ...] = ()
    """Where its words stand, if it has gaps to fill; none: anywhere."""


def shape(options: FormOptions) -> tuple[Line, ...]:
    """The lines of what is asked for: a form's, else as many as something says, or four.

    Raises:
        UserError: its parts contradict one another, or aren't English.
    """
    name = options.form.strip().lower() if options.form else None
    kind = KINDS[name] if name else None
    letters, gaps = acrostic(options.acrostic), templates(options.fill)
    rhyme = scheme(options.rhyme)
    each = ranges(options.syllables)
    if name and kind:
        _fits(name, kind, options, rhyme, each)
        count, rhyme = len(kind.rhyme), rhyme or kind.rhyme
        each = each or ranges(kind.syllables)
    else:
        several = len(each) if len(each) > 1 else 0
        count = options.lines or len(rhyme) or several or max(len(letters), len(gaps)) or 4
        name, rhyme, each = "poem", rhyme or "-" * count, each or ranges(FREE)
    each = each * count if len(each) == 1 else each
    for option, found, what in (
        ("rhyme", len(rhyme), "letters"),
        ("syllables", len(each), "lines"),
    ):
        if found != count:
            raise UserError(f"--{option}: has {found} {what}, a {name} {count} lines; give {count}")
    if len(gaps) > count:
        raise UserError(f"--fill: has {len(gaps)} lines, a {name} has {count}; leave lines out")
    if len(letters) > count:
        raise UserError(
            f"--acrostic: {letters} has {len(letters)} letters, a {name} has {count} lines"
            f"{longer(len(letters))}"
        )
    order = [letter for letter in dict.fromkeys(rhyme) if letter != "-"]
    numbers = [order.index(letter) if letter != "-" else None for letter in rhyme]
    initials = [*letters, *[None] * (count - len(letters))]
    pairs = zip(each, numbers, initials, strict=True)
    return tuple(Line(low, high, number, initial) for (low, high), number, initial in pairs)


def longer(count: int) -> str:
    """The shortest form, as a hint, that has so many lines."""
    lines = {name: len(kind.rhyme) for name, kind in KINDS.items() if len(kind.rhyme) >= count}
    shortest = min(lines, key=lambda name: lines[name], default=None)
    return f"; a {shortest} has {lines[shortest]}" if shortest else ""


def _fits(
    name: str, kind: Kind, options: FormOptions, rhyme: str, each: list[tuple[int, int]]
) -> None:
    """See whether a form may be asked for with these options.

    Raises:
        UserError: it has no such shape.
    """
    count = len(kind.rhyme)
    if options.lines is not None and options.lines != count:
        raise UserError(
            f"--lines: a {name} has {count} lines, not {options.lines}; leave out --form or --lines"
        )
    if "syllables" in kind.fixed and each and each != ranges(kind.syllables):
        raise UserError(
            f"--syllables: a {name} has {kind.syllables}, not {options.syllables}; leave it out"
        )
    if "rhyme" in kind.fixed and rhyme and rhyme != kind.rhyme:
        raise UserError(f"--rhyme: a {name} rhymes {kind.rhyme}, not {rhyme}; leave it out")


def acrostic(text: str | None) -> str:
    """The small letters of a text without accents, all else left out; nothing of nothing.

    Raises:
        UserError: there are none, or other scripts' letters are among them.
    """
    if text is None:
        return ""
    plain = [c for c in unicodedata.normalize("NFKD", text).lower() if c.isalpha()]
    wrong = [c for c in plain if not "a" <= c <= "z"]
    if wrong == plain and any(map(is_han, plain)):
        raise UserError(
            f"--acrostic: {text} isn't English, as the poem is to be; give letters, or --model shi"
        )
    if wrong:
        raise UserError(f"--acrostic: {wrong[0]!r} is no letter from a to z; leave it out")
    if not plain:
        raise UserError(f"--acrostic: {text!r} has no letter from a to z; give one")
    return "".join(plain)


def scheme(text: str | None) -> str:
    """A rhyme scheme in capitals, blanks left out; nothing of nothing.

    Raises:
        UserError: there are no letters in it, or other things.
    """
    if text is None:
        return ""
    found = re.sub(r"[\s/,]", "", text).upper()
    if not re.fullmatch("[A-Z-]+", found):
        raise UserError(
            f"--rhyme: {text!r} is no scheme; write a letter a line, as ABAB, and - for no rhyme"
        )
    return found


def ranges(text: str | None) -> list[tuple[int, int]]:
    """Syllables at least and at most, of each line or of all; nothing of nothing.

    Raises:
        UserError: it isn't written so, or out of bounds.
    """
    if text is None:
        return []
    found = []
    for part in text.split("/"):
        numbers = re.fullmatch(r"\s*(\d{1,4})\s*(?:[-–]\s*(\d{1,4})\s*)?", part, re.ASCII)
        if not numbers:
            raise UserError(f"--syllables: {text!r} can't be read; write 10, 9-11 or 5/7/5")
        low, high = int(numbers[1]), int(numbers[2] or numbers[1])
        if not 1 <= low <= high <= MOST:
            raise UserError(f"--syllables: {part.strip()} isn't between 1 and {MOST}, least first")
        found.append((low, high))
    return found
