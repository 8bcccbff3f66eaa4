"""The machine against brute force: all texts of small plans, by the rules written down anew."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from textgan.forms.chinese_machine import ChineseForm
from textgan.forms.chinese_plan import Plan, among
from textgan.forms.chinese_wishes import COST
from textgan.forms.chinese_words import Lines, Words

Text = tuple[int, ...]
EOS, COMMA, STOP = 0, 1, 2
FIRST = 3
"""The first token that is a character."""


def some(chance: random.Random, tokens: range, share: float) -> np.ndarray:
    return among(tokens.stop, frozenset(t for t in tokens if chance.random() < share))


def words(chance: random.Random, tokens: range, count: int) -> list[Text]:
    return [tuple(chance.choices(tokens, k=chance.choice([1, 2, 2]))) for _ in range(count)]


def drawn(seed: int, strict: bool, most: int) -> Plan:
    """A small plan with a bit of everything, of about ``most`` texts before any rule."""
    chance = random.Random(seed)
    lines = 2 if strict else chance.choice([2, 3, 4])
    characters = chance.choice([5, 5, 7] if strict else [1, 2])
    places = lines * characters
    given = chance.sample(range(places), places - 6 if strict else chance.choice([0, 0, 2]))
    kinds = max(n for n in range(3, 8) if n == 3 or n ** (places - len(given)) <= most)
    tokens = range(FIRST, FIRST + kinds)
    level = some(chance, tokens, 0.6)
    groups = [some(chance, tokens, 0.6) & level for _ in range(chance.choice([0, 1, 3]))]
    copies = [tuple(chance.choices(tokens, k=characters)) for _ in range(40)]
    return Plan(
        lines=lines,
        characters=characters,
        marks=tuple(chance.choice([(COMMA, STOP) * 2, (None, None) * 2])[:lines]),
        eos=EOS,
        verse=among(tokens.stop, frozenset(tokens)),
        level=level,
        oblique=~level | some(chance, tokens, 0.3),
        groups=np.array(groups, dtype=bool).reshape(-1, tokens.stop),
        strict=strict,
        forced={p: frozenset(chance.sample(tokens, chance.choice([1, 2]))) for p in given},
        words=Words(
            [words(chance, tokens, chance.choice([1, 2])) for _ in range(chance.choice([0, 1, 2]))],
            words(chance, tokens, chance.choice([0, 0, 2])),
        ),
        copied=Lines(copies) if chance.random() < 0.6 else None,
    )


def reached(form: ChineseForm) -> Iterator[Text]:
    """All texts that the masks let through; no state behind the first may be a dead end."""
    unread = [((), form.start())]
    while unread:
        text, state = unread.pop()
        possible = torch.nonzero(form.factors(state) > -torch.inf).flatten().tolist()
        assert possible or not text
        for token in possible:
            if token == EOS:
                yield text
            else:
                unread.append(((*text, token), form.step(state, token)))


def all_texts(plan: Plan) -> Iterator[Text]:
    """All texts that keep every rule."""
    tokens = frozenset(np.flatnonzero(plan.verse).tolist())
    for flat in product(*(plan.forced.get(p, tokens) for p in range(plan.size))):
        lines = [flat[i : i + plan.characters] for i in range(0, plan.size, plan.characters)]
        if has_its_words(plan, lines) and sounds_right(plan, lines):
            marks = [() if mark is None else (mark,) for mark in plan.marks]
            yield sum((line + mark for line, mark in zip(lines, marks, strict=True)), ())


def has_its_words(plan: Plan, lines: list[Text]) -> bool:
    runs = {line[i:j] for line in lines for j in range(len(line) + 1) for i in range(j)}
    return (
        not (plan.copied and {*lines} & {*map(tuple, plan.copied.rows.tolist())})
        and not runs & plan.words.avoid
        and all(runs & spellings for spellings in plan.words.use)
    )


def sounds_right(plan: Plan, lines: list[Text]) -> bool:
    if not plan.strict:
        return rhymes(plan, [line[-1] for line in lines[1::2]])
    return any(
        regulated(plan, lines, start, first)
        for start in ("平仄", "仄平")
        for first in (True, False)
    )


def rhymes(plan: Plan, ends: list[int]) -> bool:
    by_group = any(all(group[t] for t in ends) for group in plan.groups)
    return not len(plan.groups) or (by_group and len({*ends}) == len(ends))


def regulated(plan: Plan, lines: list[Text], start: str, first: bool) -> bool:
    """Whether lines keep the tones, ``start`` at places 2 and 4 of the first one's last five."""
    level, oblique, rhyming = plan.level, plan.oblique, []
    for i, whole in enumerate(lines):
        line = whole[-5:]
        second, fourth = start if i % 4 in (0, 3) else start[::-1]  # 对, 粘
        flat = i % 2 == 1 or (first and i == 0)
        wanted = {1: second, 3: fourth, 4: "平" if flat else "仄"}
        if wanted[3] == wanted[4]:  # no third of their kind
            wanted[2] = "仄" if wanted[3] == "平" else "平"
        if len(whole) == 7 and not (oblique if second == "平" else level)[whole[1]]:
            return False
        if not all((level if tone == "平" else oblique)[line[p]] for p, tone in wanted.items()):
            return False
        if flat and second == "平" and not (level[line[0]] or level[line[2]]):  # 孤平
            return False
        rhyming += [line[4]] * flat
    return rhymes(plan, rhyming)


def check(seeds: range, strict: bool, most: int) -> None:
    found = 0
    for seed in seeds:
        plan = drawn(seed, strict, most)
        ours, theirs = sorted(reached(ChineseForm(plan))), sorted(all_texts(plan))
        assert ours == theirs, seed
        found += bool(theirs)
    assert len(seeds) / 4 < found < len(seeds)


@pytest.mark.parametrize("strict", [False, True])
def test_the_masks_let_through_what_keeps_the_rules_and_nothing_else(strict: bool) -> None:
    check(range(16), strict, 1500)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
def test_the_masks_let_through_larger_worlds(strict: bool) -> None:
    check(range(100, 130), strict, 8000)


def test_wished_tones_cost_a_poem_what_is_out_of_place_in_its_best_pattern() -> None:
    plan = replace(drawn(3, strict=True, most=3000), strict=False, soft=True, words=Words())
    plan = replace(plan, groups=plan.groups[:0], copied=None)
    form, whole = ChineseForm(plan), 0
    for text in reached(form):
        _, log = form.after((*text, EOS))
        flat = [token for token in text if token >= FIRST]
        out = {"平": ~plan.level, "仄": ~plan.oblique}
        least = min(
            sum(bool(tone in out and out[tone][t]) for tone, t in zip(tones, flat, strict=True))
            for tones in plan.wishes
        )
        if least <= 4:
            assert log == -COST * least
            whole += least > 0
    assert whole
