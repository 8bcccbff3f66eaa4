"""The machine against brute force: all texts of small plans, by the rules written down anew."""

import random
from collections.abc import Iterator
from itertools import combinations, product
from math import prod

import numpy as np
import pytest
import torch

from textgan.forms.base import State
from textgan.forms.english_fill import Place
from textgan.forms.english_lines import Lines
from textgan.forms.english_machine import EnglishForm
from textgan.forms.english_plan import Plan
from textgan.forms.english_shape import Line
from textgan.forms.english_vocabulary import CLITICS, Vocabulary
from textgan.forms.phones import EITHER, STRONG, WEAK, Sound, sound

Text = tuple[int, ...]
EOS, BREAK, COMMA, HUNG = 0, 1, 2, 3
FIRST = 4
"""The first token that is a word."""
FAMILIES = (
    ["night", "knight", "light", "delight", "white"],
    ["day", "may", "away", "play"],
    ["thee", "be", "sea"],
    ["river", "shiver"],
    ["beauty", "duty", "the"],
    ["face", "grace", "lace"],
)
SCHEMES = ["a", "-", "aa", "ab", "a-", "--", "aaa", "aab", "aba", "a-a", "abc", "abab", "a--a"]


def vocabulary(words: list[str], clitic: bool) -> Vocabulary:
    hung = {HUNG: CLITICS["'s"]} if clitic else {}
    every = dict(enumerate(words, FIRST))
    return Vocabulary(FIRST + len(words), every, frozenset({COMMA}), hung, BREAK, EOS)


def known(word: str) -> Sound:
    found = sound(word)
    assert found
    return found


def drawn(seed: int, most: int, gapped: bool = False) -> Plan:
    """A small plan with a bit of everything, of ``most`` texts at most before rhymes; ``gapped``:
    with gaps, and a way to fill them."""
    chance = random.Random(seed)
    while True:
        plan = _drawn(chance)
        if prod(sum(1 for _ in line_texts(plan, line)) for line in plan.lines) <= most:
            gaps = any(line.places for line in plan.lines)
            if not gapped or (gaps and any(True for _ in all_texts(plan))):
                return plan


def _drawn(chance: random.Random) -> Plan:
    some = chance.sample(FAMILIES, chance.choice([1, 2, 2]))
    families = [word for family in some for word in family]
    words = chance.sample(families, min(len(families), chance.choice([3, 5, 7])))
    clitic = chance.random() < 0.3
    book = vocabulary(words, clitic)
    scheme = chance.choice(SCHEMES)
    numbers = [letter for letter in dict.fromkeys(scheme) if letter != "-"]
    lines = []
    for letter in scheme:
        low = chance.choice([1, 1, 2])
        initial = chance.choice(words)[0] if chance.random() < 0.2 else None
        rhyme = None if letter == "-" else numbers.index(letter)
        places = gaps(chance, book) if chance.random() < 0.25 else ()
        more = chance.choice([0, 0, 1]) + chance.choice([0, 2]) * len(places)
        lines.append(Line(low, low + more, rhyme, initial, places))
    verse = np.isin(np.arange(book.size), [*book.words])
    if chance.random() < 0.2:
        verse[chance.choice([*book.words])] = False
    able = [token for token in book.words if verse[token]]
    use = chance.sample(able, min(len(able), chance.choice([0, 0, 0, 1, 2])))
    copies = [tuple(chance.choices(able, k=chance.choice([1, 2]))) for _ in range(6)]
    return Plan(
        lines=tuple(lines),
        vocabulary=book,
        verse=verse,
        use=tuple(frozenset({token}) for token in use),
        copied=Lines(copies) if not clitic and chance.random() < 0.5 else None,
    )


def gaps(chance: random.Random, book: Vocabulary) -> tuple[Place, ...]:
    """Places of one word, given ones among them, and what stands behind."""
    words = [*book.words]
    found = []
    for last in [*[False] * chance.choice([0, 1, 1]), True]:
        given = chance.random() < 0.4
        some = frozenset(chance.sample(words, 1) if given else words)
        behind, more = chance.choice([(), (), (COMMA,), (COMMA, COMMA)]), 0
        if HUNG in book.clitics and not last:
            barred = {word for word in some if book.bars(HUNG, word)}
            behind, more = (HUNG, *behind), int(given and some == barred)
            some = some if given else some - barred
        whole = None if not given and HUNG not in behind and chance.random() < 0.5 else some
        found.append(Place(whole, behind, more))
    return tuple(found)


def line_texts(plan: Plan, line: Line) -> Iterator[Text]:
    if line.places:
        yield from filled(plan, line)
        return
    book = plan.vocabulary
    able = [token for token in book.words if plan.verse[token]]
    copies = whole_lines(plan)
    for count in range(1, line.high + 1):
        for words in product(able, repeat=count):
            total = sum(known(book.words[token]).syllables for token in words)
            begins = line.initial is None or book.words[words[0]][0] == line.initial
            ends = book.words[words[-1]] != "the"
            if line.low <= total <= line.high and begins and ends and words not in copies:
                yield from punctuated(book, words)


def filled(plan: Plan, line: Line) -> Iterator[Text]:
    """The texts of a line with gaps."""
    book, copies = plan.vocabulary, whole_lines(plan)
    able = [token for token in book.words if plan.verse[token]]
    for words in product(able, repeat=len(line.places)):
        pairs = [*zip(words, line.places, strict=True)]
        total = sum(known(book.words[token]).syllables for token in words)
        total += sum(HUNG in place.behind and book.bars(HUNG, token) for token, place in pairs)
        begins = line.initial is None or book.words[words[0]][0] == line.initial
        fits = all(place.words is None or token in place.words for token, place in pairs)
        text = sum(((token, *place.behind) for token, place in pairs), ())
        copied = tuple(token for token in text if token != COMMA) in copies
        ends = book.words[words[-1]] != "the" or line.places[-1].words == {words[-1]}
        if fits and begins and ends and line.low <= total <= line.high and not copied:
            yield text


def whole_lines(plan: Plan) -> set[Text]:
    if plan.copied is None:
        return set()
    tree, found = plan.copied, set[Text]()
    unread: list[tuple[Text, int]] = [((), 0)]
    while unread:
        text, node = unread.pop()
        found |= {text} if node in tree.whole else set()
        unread += [((*text, token), child) for token, child in tree.children[node].items()]
    return found


def punctuated(book: Vocabulary, words: Text) -> Iterator[Text]:
    """Words with a comma, a clitic or nothing behind each, no comma before a last word alone."""
    hissing = {"S", "Z", "SH", "ZH", "CH", "JH"}
    choices = []
    for i, token in enumerate(words):
        hung = HUNG in book.clitics and i < len(words) - 1
        hung = hung and not hissing & known(book.words[token]).last
        comma = [] if i == len(words) - 2 else [(token, COMMA)]
        choices.append([(token,), *comma, *([(token, HUNG)] if hung else [])])
    for parts in product(*choices):
        yield sum(parts, ())


def all_texts(plan: Plan) -> Iterator[Text]:
    for lines in product(*([*line_texts(plan, line)] for line in plan.lines)):
        tokens = {token for line in lines for token in line}
        if all(word & tokens for word in plan.use) and rhymed(plan, lines):
            yield (*sum(((*line, BREAK) for line in lines), ())[:-1], EOS)


def rhymed(plan: Plan, lines: tuple[Text, ...]) -> bool:
    last = [[plan.vocabulary.words[t] for t in line if t >= FIRST][-1] for line in lines]
    ends = [
        (line.rhyme, known(word).rhyme)
        for line, word in zip(plan.lines, last, strict=True)
        if line.rhyme is not None
    ]
    if not all(end for _, end in ends):
        return False
    for (a, one), (b, other) in combinations(ends, 2):
        assert one and other
        if (a == b) != (one.rhyme == other.rhyme) or (a == b and one.onset == other.onset):
            return False
    return True


def reached(form: EnglishForm) -> Iterator[Text]:
    """All texts that the masks let through; no state behind the first may be a dead end."""
    unread: list[tuple[Text, State]] = [((), form.start())]
    while unread:
        text, state = unread.pop()
        hash(state)
        possible = torch.nonzero(form.factors(state) > -torch.inf).flatten().tolist()
        assert possible or not text
        for token in possible:
            if token == EOS:
                assert len(text) < form.length
                yield (*text, EOS)
                assert (
                    torch.isinf(form.factors(form.step(state, token))).sum()
                    == len(form.factors(state)) - 1
                )
            else:
                unread.append(((*text, token), form.step(state, token)))


def check(seeds: range, most: int) -> None:
    found = 0
    for seed in seeds:
        plan = drawn(seed, most)
        form = EnglishForm(plan)
        ours, theirs = sorted(reached(form)), sorted(all_texts(plan))
        assert ours == theirs, seed
        assert form.possible == bool(theirs)
        found += bool(theirs)
    assert len(seeds) / 4 < found < len(seeds)


def test_the_masks_let_through_what_keeps_the_rules_and_nothing_else() -> None:
    check(range(60), 2000)


@pytest.mark.slow
def test_the_masks_let_through_larger_worlds() -> None:
    check(range(100, 400), 50000)


def test_the_masks_let_through_every_filling_and_nothing_else() -> None:
    for seed in range(60):
        plan = drawn(seed, 2000, gapped=True)
        assert sorted(reached(EnglishForm(plan))) == sorted(all_texts(plan)), seed


def test_a_given_word_has_the_syllable_of_its_clitic() -> None:
    book = vocabulary(["face", "white", "river"], clitic=True)
    places = Place(frozenset({FIRST}), (HUNG, COMMA), more=1), Place(None)
    for syllables, last in ((3, {"white", "face"}), (4, {"river"})):
        line = Line(syllables, syllables, None, None, places)
        plan = Plan((line,), book, np.arange(book.size) >= FIRST)
        found = sorted(reached(EnglishForm(plan)))
        assert found == sorted(all_texts(plan))
        assert {book.words[text[-2]] for text in found} == last


def test_metre_costs_a_poem_its_syllables_out_of_place() -> None:
    lines = (Line(4, 4, None, None),)
    book = vocabulary(["river", "away", "the", "love"], clitic=False)
    plan = Plan(lines, book, np.arange(book.size) >= FIRST, metre=1.5)
    form = EnglishForm(plan)
    signs = {"w": WEAK, "s": STRONG}
    for text in reached(form):
        stresses = [s for t in text if t >= FIRST for s in known(book.words[t]).stresses]
        out = sum(
            stress not in (EITHER, signs[want])
            for stress, want in zip(stresses, "wsws", strict=True)
        )
        assert form.after(text)[1] == -1.5 * out
