"""English verse as a machine: which words may come next so that the poem can be finished."""

from collections import OrderedDict
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from textgan.forms.base import Form, State
from textgan.forms.english_ahead import Ahead, Here
from textgan.forms.english_plan import Ends, Plan, Want
from textgan.forms.english_rhyme import Taken
from textgan.forms.english_shape import Line
from textgan.forms.english_vocabulary import Array

KEPT = 2**26
"""Bytes of factors that are kept."""


class Poem(NamedTuple):
    """What is known of a poem so far."""

    here: Here
    taken: Taken
    """The rhymes so far."""
    end: int | None = None
    """The end that the line has if it ends here; None if it can't."""
    hangs: frozenset[int] = frozenset()
    """The clitics that the last word takes."""
    marks: bool = False
    """True if a mark may follow."""
    due: tuple[int, ...] = ()
    """What must come next, behind a word in a line with gaps."""
    over: bool = False


class Part(NamedTuple):
    """What decides which words may follow."""

    want: Want
    odd: bool
    """True in an odd place, counted from 0."""
    groups: tuple[tuple[int, bool, Ends], ...]
    """By syllables: whether any word may come, and else the ends that close the line."""
    without: frozenset[int]
    """Words looked at one by one."""
    single: frozenset[int]
    """Those of them that may come."""
    clitics: frozenset[int]
    marks: bool
    closes: int | None
    """The token that may end the line."""


class EnglishForm(Form):
    """The form of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.ahead, self.eos = plan, Ahead(plan), plan.vocabulary.eos
        self.length = sum(map(longest, plan.lines))
        self.weighted = plan.metre > 0
        self.tables: OrderedDict[Part, Tensor] = OrderedDict()
        self.fitting: dict[Want, Array] = {}
        self.alone: dict[int, Tensor] = {}

    def start(self) -> Poem:
        return Poem(self.ahead.begin(0, self.plan.all), self.ahead.rhymes.start)

    @property
    def possible(self) -> bool:
        """True if there is any such poem."""
        start = self.start()
        return self.ahead.goes_on(start.here, start.taken)

    def step(self, state: State, token: int) -> Poem:
        poem, vocabulary = cast(Poem, state), self.plan.vocabulary
        if poem.over or token == self.eos:
            return poem._replace(over=True)
        if poem.due:
            return poem._replace(due=poem.due[1:])
        if token == vocabulary.between:
            assert poem.end is not None
            taken = self.ahead.rhymes.take(poem.taken, poem.here.line, poem.end)
            return Poem(self.ahead.begin(poem.here.line + 1, poem.here.left), taken)
        if token in vocabulary.marks:
            paused = poem.here._replace(paused=True)
            return poem._replace(here=paused, hangs=frozenset(), marks=False)
        if token in vocabulary.clitics:
            node = self.ahead.follow(poem.here.node, token)
            return Poem(poem.here._replace(node=node), poem.taken)
        here = self.ahead.onward(poem.here, token)
        ends = self.plan.ends(token, self.ahead.want(poem.here))
        end = None if poem.here.paused else self.end(here, poem.taken, ends)
        if places := self.plan.lines[here.line].places:
            return Poem(here, poem.taken, end, due=places[poem.here.place].behind)
        hangs = frozenset(c for c in vocabulary.clitics if not vocabulary.bars(c, token))
        return Poem(here, poem.taken, end, hangs, True)

    def end(self, here: Here, taken: Taken, ends: Ends) -> int | None:
        """The end that a line has behind its last word, by its ends; None if it can't end so."""
        if not self.ahead.full(here):
            return None
        good = self.ahead.good(here.line, here.left, taken) & ends
        return good.bit_length() - 1 if good else None

    def factors(self, state: State) -> Tensor:
        poem = cast(Poem, state)
        if poem.over or poem.due:
            return self.only(self.eos if poem.over else poem.due[0])
        return self.kept(self.part(poem))

    def only(self, token: int) -> Tensor:
        """The factors where one token must come."""
        if token not in self.alone:
            nothing = torch.full((self.plan.vocabulary.size,), -torch.inf)
            self.alone[token] = nothing.index_fill(0, torch.tensor(token), 0)
        return self.alone[token]

    def kept(self, part: Part) -> Tensor:
        """Factors by what they depend on; those of longest ago are forgotten."""
        if part not in self.tables:
            self.tables[part] = torch.from_numpy(self.table(part))
            if len(self.tables) * 4 * self.plan.vocabulary.size > KEPT:
                self.tables.popitem(last=False)
        self.tables.move_to_end(part)
        return self.tables[part]

    def part(self, poem: Poem) -> Part:
        """What decides what may follow."""
        ahead, here, plan = self.ahead, poem.here, self.plan
        want = ahead.want(here)
        last = here.line == len(plan.lines) - 1
        alone = ahead.singles(here)
        single = [t for t in alone if self.may(poem, ahead.onward(here, t), plan.ends(t, want))]
        hung = (c for c in poem.hangs if self.may_hang(poem, c))
        groups = []
        for syllables in plan.groups(want):
            groups.append((syllables, *self.ways(poem, ahead.behind_any(here, syllables))))
        closing = self.eos if last else plan.vocabulary.between
        return Part(
            want,
            bool(plan.metre) and here.spoken % 2 == 1,
            tuple(groups),
            frozenset(alone),
            frozenset(single),
            frozenset(hung),
            poem.marks and self.may_pause(poem),
            None if poem.end is None else closing,
        )

    def ways(self, poem: Poem, then: Here) -> tuple[bool, Ends]:
        """Whether the poem can go on behind a word in its line, and the ends by which it can
        behind the line."""
        if then.spoken > self.plan.lines[then.line].high:
            return False, 0
        if self.ahead.goes_on(then, poem.taken):
            return True, 0
        if poem.here.paused or not self.ahead.full(then):
            return False, 0
        return False, self.ahead.good(then.line, then.left, poem.taken)

    def may(self, poem: Poem, then: Here, ends: Ends) -> bool:
        """True if the poem can be finished behind a word."""
        on, good = self.ways(poem, then)
        return on or bool(good & ends)

    def may_pause(self, poem: Poem) -> bool:
        """True if a line can end, or go on, behind a mark."""
        paused = poem.here._replace(paused=True)
        return poem.end is not None or self.ahead.goes_on(paused, poem.taken)

    def may_hang(self, poem: Poem, clitic: int) -> bool:
        """True if the poem can be finished behind a clitic, which wants a word."""
        node = self.ahead.follow(poem.here.node, clitic)
        return self.ahead.goes_on(poem.here._replace(node=node), poem.taken)

    def table(self, part: Part) -> Array:
        """(V,) the factors."""
        plan, vocabulary = self.plan, self.plan.vocabulary
        found = np.zeros(vocabulary.size, dtype=bool)
        for syllables, on, ends in part.groups:
            if on:
                found |= vocabulary.syllables == syllables
            elif ends:
                found |= (vocabulary.syllables == syllables) & self.closing(ends, part.want)
        found &= self.fit(part.want)
        found[[*part.without]] = False
        found[[*part.single, *part.clitics]] = True
        found[[*(vocabulary.marks if part.marks else ())]] = True
        if part.closes is not None:
            found[part.closes] = True
        costs = plan.metre * vocabulary.out_of_place[int(part.odd)]
        return np.where(found, -costs, -np.inf).astype(np.float32)

    def closing(self, ends: Ends, want: Want) -> Array:
        """(V,) the words that can end a line with one of some ends."""
        vocabulary = self.plan.vocabulary
        closes = ~vocabulary.leaning | want.given
        if ends & self.plan.any:
            return closes
        octets = np.frombuffer(ends.to_bytes(len(vocabulary.ends) // 8 + 1, "little"), np.uint8)
        closes &= np.unpackbits(octets, bitorder="little")[vocabulary.end_of] > 0
        return closes

    def fit(self, want: Want) -> Array:
        """(V,) the words that may stand where that is asked."""
        if want not in self.fitting:
            self.fitting[want] = self.plan.may(want)
        return self.fitting[want]


def longest(line: Line) -> int:
    """The most tokens that a line can have, its break too."""
    if line.places:
        return sum(1 + len(place.behind) for place in line.places) + 1
    return 2 * line.high + 1  # a mark or clitic a word
