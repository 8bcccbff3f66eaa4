"""Rules that English verse keeps: as many lines, syllables and rhymes as most human poems have.

Syllables, stresses and rhymes are those of ``textgan.forms.phones``. A word that the dictionary
hasn't got counts as many syllables as it has groups of vowels, an `e` at its end left out, and has
no rhyme.

* *lines*: as many as most human poems have.
* *syllables*: of every line within those that nine in ten human lines have.
* *rhyme*: the lines rhyme, maybe others, too, that rhyme in a scheme of human poems, which is what
  one in twenty has and is no part of another such. Absent if there is none.
* *no self-rhyme*: no two lines end in the same word, or rhyme with the same onset. Absent likewise.
* *iambic*: in no line does a word of several syllables have its main stress in an odd place but the
  first. Absent if less than half the human lines are so.
* *strict*: all of these together.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import combinations, starmap
from typing import NamedTuple

from textgan.forms.phones import STRONG, Rhyme, sound

Poem = tuple[tuple[str, ...], ...]
"""Lines of words."""
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SHARE = 0.5
"""Of human poems that must have as many lines, and of their words that must be known."""
TAIL = 0.05
"""Of human lines that are taken for too short, and of those for too long."""
OFTEN = 0.05
"""Share of human poems that a scheme must have."""
Scheme = frozenset[tuple[int, int]]
"""The pairs of lines that rhyme."""


class Shape(NamedTuple):
    """What human poems have in common."""

    lines: int
    low: int
    high: int
    """Syllables."""
    schemes: tuple[Scheme, ...]
    iambic: bool


def rules(poems: Sequence[str], human: Sequence[str]) -> dict[str, list[bool]]:
    """Whether each poem keeps each rule, by its name; empty where human ones are no such verse."""
    shape = shape_of([*map(lines_of, human)])
    if shape is None:
        return {}
    found = [judged(lines_of(poem), shape) for poem in poems]
    names = judged((), shape)
    return {rule: [each[rule] for each in found] for rule in names}


def lines_of(text: str) -> Poem:
    """A poem's words line by line, small letters, clitics hung on again."""
    together = re.sub(r"(\w) (['’](?:s|d|ll|ve|re|m|st)\b)", r"\1\2", text.lower())
    lines = (tuple(WORD.findall(line)) for line in together.split("\n"))
    return tuple(line for line in lines if line)


@cache
def syllables(word: str) -> int:
    """Of a word, clitics left out where the dictionary hasn't got it with them."""
    known = sound(word) or sound(re.sub("['’](s|d)$", "", word))
    groups = re.findall("[aeiouy]+", re.sub("(?<=[^aeiouyl])e$", "", word))
    return known.syllables if known else max(1, len(groups))


@cache
def rhyme(word: str) -> Rhyme | None:
    """What a word rhymes by; None if that isn't known."""
    known = sound(word)
    return known.rhyme if known else None


def shape_of(poems: Sequence[Poem]) -> Shape | None:
    """What most human poems have in common; None if they aren't English verse."""
    count, often = Counter(map(len, poems)).most_common(1)[0]
    alike = [poem for poem in poems if len(poem) == count]
    lines = [line for poem in alike for line in poem]
    words = [word for line in lines for word in line]
    english = sum(sound(word) is not None for word in words) > SHARE * len(words)
    if count < 2 or often <= SHARE * len(poems) or not english:
        return None
    lengths = sorted(map(length, lines))
    cut = int(TAIL * len(lengths))
    iambs = sum(map(is_iambic, lines)) > SHARE * len(lines)
    return Shape(count, lengths[cut], lengths[-1 - cut], schemes(alike), iambs)


def schemes(poems: Sequence[Poem]) -> tuple[Scheme, ...]:
    """Those that are frequent, but for parts of others."""
    counts = Counter(map(scheme, poems))
    often = [found for found, n in counts.most_common() if found and n > OFTEN * len(poems)]
    return tuple(found for found in often if not any(found < other for other in often))


def scheme(poem: Poem) -> Scheme:
    """The pairs of a poem's lines that rhyme."""
    pairs = combinations(range(len(poem)), 2)
    return frozenset((a, b) for a, b in pairs if rhymes(poem[a], poem[b]))


def length(line: tuple[str, ...]) -> int:
    """Syllables of a line."""
    return sum(map(syllables, line))


def rhymes(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True if two lines rhyme, by different words or not."""
    ours, theirs = rhyme(one[-1]), rhyme(other[-1])
    return bool(ours and theirs and ours.rhyme == theirs.rhyme)


def same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True if two lines end in one word, or in words with one onset before their rhyme."""
    ours = rhyme(one[-1])
    return one[-1] == other[-1] or (ours is not None and ours == rhyme(other[-1]))


def is_iambic(line: tuple[str, ...]) -> bool:
    """True if no main stress of a longer word is in an odd place, the first one left out."""
    place = 0
    for word in line:
        known = sound(word)
        stresses = known.stresses if known else (0,) * syllables(word)
        if any(s == STRONG and (place + i) % 2 == 0 and place + i for i, s in enumerate(stresses)):
            return False
        place += len(stresses)
    return True


def judged(poem: Poem, shape: Shape) -> dict[str, bool]:
    """Whether a poem keeps each rule; none if it has other lines."""
    fits = len(poem) == shape.lines
    found = {
        "lines": fits,
        "syllables": fits and all(shape.low <= length(line) <= shape.high for line in poem),
    }
    if shape.schemes:
        ours = scheme(poem) if fits else frozenset()
        found["rhyme"] = fits and any(ours >= wanted for wanted in shape.schemes)
        found["no self-rhyme"] = fits and not any(starmap(same, combinations(poem, 2)))
    if shape.iambic:
        found["iambic"] = fits and all(map(is_iambic, poem))
    return found | {"strict": all(found.values())}
