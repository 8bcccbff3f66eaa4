"""How English words sound."""

import pytest

from textgan.forms.phones import EITHER, STRONG, WEAK, Rhyme, onset, sound


def rhymes(one: str, other: str) -> bool:
    a, b = sound(one), sound(other)
    assert a and b
    return bool(a.rhyme and b.rhyme and a.rhyme.rhyme == b.rhyme.rhyme and a.rhyme != b.rhyme)


@pytest.mark.parametrize(
    ("word", "count"),
    [("fire", 1), ("our", 1), ("every", 2), ("desire", 2), ("beauty", 2), ("melody", 3), ("i", 1)],
)
def test_syllables_by_the_shortest_reading(word: str, count: int) -> None:
    known = sound(word)
    assert known and known.syllables == count == len(known.stresses)


def test_what_the_dictionary_has_not() -> None:
    assert sound("qzx") is None and sound("") is None


def test_stresses() -> None:
    for word, stresses in (
        ("away", (WEAK, STRONG)),
        ("the", (WEAK,)),
        ("night", (EITHER,)),
        ("beauty", (STRONG, WEAK)),
    ):
        known = sound(word)
        assert known and known.stresses == stresses


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("night", "light", True),
        ("day", "away", True),
        ("river", "shiver", True),
        ("fire", "desire", True),
        ("night", "knight", False),
        ("light", "delight", False),
        ("believe", "leave", False),
        ("night", "night", False),
        ("night", "day", False),
        ("the", "a", False),
    ],
)
def test_words_rhyme_where_onsets_differ(one: str, other: str, agree: bool) -> None:
    assert rhymes(one, other) == rhymes(other, one) == agree


def test_the_onset_is_the_longest_that_begins_words() -> None:
    assert onset(("K", "S", "P", "L")) == ("S", "P", "L")
    assert onset(("N", "D")) == ("D",)
    assert onset(("NG",)) == ()
    known = sound("away")
    assert known and known.rhyme == Rhyme(("EY",), ("W",))
