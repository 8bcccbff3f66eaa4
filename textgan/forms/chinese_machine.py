"""Chinese verse as a machine: which characters may come next so that the poem can be finished.

A poem is a row of places. What it may turn out to be is a set of hypotheses, a tone pattern and a
group to rhyme by each. A character leaves those alive that it agrees with and that can be finished
behind it (``chinese_ahead``), and it may come if that leaves any.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from textgan.forms.base import Form, State
from textgan.forms.chinese_ahead import Ahead
from textgan.forms.chinese_places import Here, Kind
from textgan.forms.chinese_plan import RHYME, Array, Plan
from textgan.forms.chinese_wishes import Behind, Wishes

KEPT = 2**24
"""Bytes of factors that are kept."""


class Poem(NamedTuple):
    """What is known of a poem so far."""

    at: int
    """Tokens read."""
    place: int
    """Characters read."""
    alive: tuple[tuple[Here, int], ...]
    """The tone patterns that it may have, each with its groups as bits."""
    behind: Behind
    """How far patterns that are wished for are behind."""


class Part(NamedTuple):
    """What one tone pattern lets stand at a place."""

    kind: Kind
    """What decides which characters may stand there, each for itself, and which are alike."""
    classes: int
    """Those that may, letters left out, as bits: by group at a rhyme, else by ``Ahead.alike``."""
    without: frozenset[int]
    """Tokens among them that may not."""
    single: frozenset[int]
    """Tokens looked at one by one that may."""


class ChineseForm(Form):
    """The form of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.eos, self.length = plan, plan.eos, len(plan.slots) + 1
        self.ahead, self.wishes = Ahead(plan), Wishes(plan)
        self.weighted = bool(plan.wishes)
        self.tables: OrderedDict[object, Tensor] = OrderedDict()

    def start(self) -> Poem:
        begin = [Here(pattern, node=self.ahead.root) for pattern in range(len(self.plan.wants))]
        alive = ((here, self.ahead.finishes(here)) for here in begin)
        return Poem(0, 0, tuple(a for a in alive if a[1]), self.wishes.start)

    def step(self, state: State, token: int) -> Poem:
        poem = cast(Poem, state)
        if poem.at == len(self.plan.slots):
            return poem
        if self.plan.slots[poem.at] is not None:
            return poem._replace(at=poem.at + 1)
        alive = (self.ahead.take(here, groups, token) for here, groups in poem.alive)
        behind = self.wishes.step(poem.behind, poem.place, token)
        return Poem(poem.at + 1, poem.place + 1, tuple(a for a in alive if a[1]), behind)

    def factors(self, state: State) -> Tensor:
        poem = cast(Poem, state)
        ended = poem.at == len(self.plan.slots)
        mark = self.eos if ended else self.plan.slots[poem.at]
        if mark is not None:
            return self.kept(mark, lambda: self.only(mark))
        parts = {self.part(here, groups): here for here, groups in poem.alive}
        key = frozenset(parts), poem.behind, poem.behind and self.wishes.tones(poem.place)
        return self.kept(key, lambda: self.free(parts, poem))

    def only(self, mark: int) -> Tensor:
        """The factors of what must be."""
        return torch.full((len(self.plan.verse),), -torch.inf).index_fill(0, torch.tensor(mark), 0)

    def kept(self, key: object, make: Callable[[], Tensor]) -> Tensor:
        """Factors by what they depend on; those of longest ago are forgotten."""
        if key not in self.tables:
            self.tables[key] = make()
            if len(self.tables) * 4 * len(self.plan.verse) > KEPT:
                self.tables.popitem(last=False)
        self.tables.move_to_end(key)
        return self.tables[key]

    def free(self, parts: dict[Part, Here], poem: Poem) -> Tensor:
        """The factors of what some tone patterns let stand, less what is out of place."""
        may = np.zeros(len(self.plan.verse), dtype=bool)
        for part, here in parts.items():
            may |= self.allowed(part, here)
        costs = self.wishes.costs(poem.behind, poem.place)
        return torch.from_numpy(np.where(may, -costs, -np.inf).astype(np.float32))

    def part(self, here: Here, groups: int) -> Part:
        """What a tone pattern lets stand at a place."""
        ahead, pinned, alone = self.ahead, self.ahead.pinned(here, groups), here._replace(node=None)
        apart = pinned.union(ahead.single(here))
        single = frozenset(t for t in apart if ahead.take(here, groups, t)[1])
        if ahead.want(here) == RHYME:
            classes = groups & ahead.rhymes(alone)
            return Part(ahead.kind(here), classes, pinned | here.used, single)
        able = [bool(ahead.take(alone, groups, t[0])[1]) for t in ahead.alike(here)]
        return Part(ahead.kind(here), ahead.bits(able), pinned, single)

    def allowed(self, part: Part, here: Here) -> Array:
        """(V,) the tokens of a part."""
        found = np.zeros(len(self.plan.verse), dtype=bool)
        if self.ahead.want(here) == RHYME:
            of = [g for g in range(len(self.plan.groups)) if part.classes >> g & 1]
            found |= self.plan.groups[of].any(axis=0) & self.ahead.others
        else:
            for i, tokens in enumerate(self.ahead.alike(here)):
                found[tokens] = part.classes >> i & 1
        found[[*part.without]] = False
        found[[*part.single]] = True
        return found
