"""Can a poem still be finished? Answered exactly, backwards over its places, and remembered.

To the rest of a poem characters are alike but for three things. Those of words to use and to avoid
and those prescribed at rhymes, *letters* here, are looked at one by one; so are those of very small
groups where lines mustn't be copied. Of such lines it matters whether some line goes on so. Of all
others only tones and rhymes count, and how many of a rhyme are left where none may come twice.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from textgan.forms.chinese_patterns import FREE
from textgan.forms.chinese_plan import LEVEL, RESCUED, RHYME, Array, Plan, among
from textgan.forms.chinese_words import Node, Word

ANY = -1
"""A token that is like no other: no letter, and in no line."""
Kind = tuple[str, int, bool]
"""What a place wants, its number if something is prescribed there, and if ``?`` looks at it."""
Room = tuple[int, ...]
"""Groups, as bits, with more than 0, 1, … characters left that are no letters."""


class Here(NamedTuple):
    """Where a poem is in one tone pattern, as far as what may follow depends on it."""

    pattern: int
    place: int = 0
    word: Word = ()
    """The beginning of a word that the last tokens are."""
    done: int = 0
    """Words to use that have been read, as bits."""
    lonely: bool = False
    """True where a level character is wanted because the one two before isn't."""
    node: Node | None = None
    """Where the line is among lines not to copy; None if none goes on so."""
    used: frozenset[int] = frozenset()
    """Rhyme characters so far."""
    taken: int = 0
    """How many more rhyme characters are taken that are no letters, looking ahead."""


class Ahead:
    """Looks ahead in a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.many = plan, max(1, len(plan.groups))
        self.every = (1 << self.many) - 1
        rhymes = {p for wants in plan.wants for p, want in enumerate(wants) if want == RHYME}
        fixed = {token for place in rhymes & {*plan.forced} for token in plan.forced[place]}
        self.others = plan.verse & ~among(len(plan.verse), plan.words.letters | fixed)
        self.others &= ~self.scarce()
        self.letters = frozenset(np.flatnonzero(plan.verse & ~self.others).tolist())
        self.full = (plan.groups & self.others).sum(axis=1)
        self.root = plan.copied.root if plan.copied else None
        self.known: dict[tuple[Here, Room], int] = {}
        self.rooms: dict[frozenset[int], Room] = {}
        self.tables: dict[Kind, Array] = {}
        self.members: dict[Kind, list[Array]] = {}
        self.own: dict[Kind, list[int]] = {}

    def scarce(self) -> Array:
        """(V,) the characters of groups so small that lines not to copy might use them up."""
        found: Array = np.zeros_like(self.others)
        enough = 0
        if self.plan.copied:
            enough = self.plan.lines + self.plan.copied.widest[-1]
        while True:
            left = self.plan.groups & self.others & ~found
            more = left[left.sum(axis=1) <= enough].any(axis=0)
            if not more.any():
                return found
            found |= more

    # What may stand at a place

    def want(self, here: Here) -> str:
        """What the next place wants: 平, 仄, free or 韵."""
        want = self.plan.wants[here.pattern][here.place]
        return want if want != RESCUED else LEVEL if here.lonely else FREE

    def kind(self, here: Here) -> Kind:
        """What decides which characters may stand there, and which of them are alike."""
        forced = here.place if here.place in self.plan.forced else -1
        return self.want(here), forced, self.asks(here, 2)

    def may(self, here: Here) -> Array:
        """(V,) what may stand there for itself."""
        kind = self.kind(here)
        if kind not in self.tables:
            self.tables[kind] = self.plan.may(kind[0], here.place)
        return self.tables[kind]

    def alike(self, here: Here) -> list[Array]:
        """Those that are no letters, put together where they are alike to what follows."""
        kind = self.kind(here)
        if kind not in self.members:
            may, level = self.may(here) & self.others, self.plan.level
            parts = (may & level, may & ~level) if kind[2] else (may,)
            self.members[kind] = [np.flatnonzero(part) for part in parts if part.any()]
        return self.members[kind]

    def single(self, here: Here) -> list[int]:
        """The letters that may stand there for themselves."""
        kind = self.kind(here)
        if kind not in self.own:
            may = self.may(here)
            self.own[kind] = [token for token in sorted(self.letters) if may[token]]
        return self.own[kind]

    def asks(self, here: Here, far: int) -> bool:
        """True if the place so far on asks for company of a level character."""
        return self.plan.wants[here.pattern][here.place + far : here.place + far + 1] == RESCUED

    def ends_line(self, here: Here) -> bool:
        """True at a line's last place."""
        return here.place % self.plan.characters == self.plan.characters - 1

    @cached_property
    def groups_of(self) -> list[int]:
        """The groups of every token, as bits."""
        weights = [1 << g for g in range(len(self.plan.groups))]
        found = [0] * len(self.plan.verse)
        for weight, group in zip(weights, self.plan.groups, strict=True):
            for token in np.flatnonzero(group).tolist():
                found[token] |= weight
        return found

    # From place to place

    def follow(self, here: Here, token: int) -> Node | None:
        """Where a token leads among lines not to copy."""
        copied = self.plan.copied
        return copied.step(here.node, token) if copied and here.node else None

    def onward(self, here: Here, token: int) -> Here | None:
        """Behind a token that may stand there for itself; None if the rest forbids it."""
        ends, rhymes = self.ends_line(here), self.want(here) == RHYME
        stepped, node = self.plan.words.step(here.word, token), self.follow(here, token)
        if stepped is None or (rhymes and token in here.used) or (ends and node):
            return None
        word, read = stepped
        own = rhymes and token in self.letters
        return Here(
            here.pattern,
            here.place + 1,
            () if ends else word,
            here.done | read,
            self.lonely(here, token),
            self.root if ends else node,
            here.used | {token} if own else here.used,
            here.taken + (rhymes and not own),
        )

    def lonely(self, here: Here, token: int) -> bool:
        """Whether the place that asks for company gets none behind a token."""
        if self.asks(here, 2):
            return not self.plan.level[token]
        return here.lonely and self.asks(here, 1)

    def take(self, here: Here, groups: int, token: int) -> tuple[Here, int]:
        """Behind a token, and those of some groups that it leaves: none where it can't stand."""
        then = self.onward(here, token) if self.may(here)[token] else None
        if then is None:
            return here, 0
        if self.want(here) == RHYME:
            groups &= self.groups_of[token]
            then = then._replace(used=then.used | {token}, taken=0)
        return then, groups & self.finishes(then)

    def room(self, used: frozenset[int]) -> Room:
        """What is left of every group behind some rhymes."""
        if used not in self.rooms:
            left = self.full - self.plan.groups[:, [*used]].sum(axis=1)
            self.rooms[used] = tuple(self.bits(left > k) for k in range(self.plan.lines))
        return self.rooms[used]

    def finishes(self, here: Here) -> int:
        """The groups, as bits, that a poem can still be finished in."""
        letters = here.used & self.letters
        return self.ends(here._replace(used=letters), self.room(here.used - letters))

    def ends(self, here: Here, room: Room) -> int:
        """The same of a poem whose rhymes that are no letters stand in ``room`` and ``taken``."""
        if here.place == self.plan.size:
            return self.every if here.done == self.plan.words.all else 0
        if (here, room) not in self.known:
            found = 0
            for groups, then in self.ways(here, room):
                found |= groups & self.ends(then, room)
                if found == self.every:
                    break
            self.known[here, room] = found
        return self.known[here, room]

    def ways(self, here: Here, room: Room) -> Iterator[tuple[int, Here]]:
        """All that may follow, with its groups; what is likely to get a poem done comes first."""
        ways = [self.by_letters(here), self.by_others(here, room)]
        for way in ways if here.done != self.plan.words.all else reversed(ways):
            yield from way

    def by_letters(self, here: Here) -> Iterator[tuple[int, Here]]:
        """By each letter."""
        rhymes = self.want(here) == RHYME
        for token in self.single(here):
            if then := self.onward(here, token):
                yield self.groups_of[token] if rhymes else self.every, then

    def by_others(self, here: Here, room: Room) -> Iterator[tuple[int, Here]]:
        """By others, one for many that are alike."""
        if self.want(here) == RHYME:
            then = None if here.place in self.plan.forced else self.onward(here, ANY)
            if then:
                yield room[here.taken], then
            return
        for tokens in self.alike(here):
            for token in self.apart(here, tokens):
                if then := self.onward(here, token):
                    yield self.every, then

    def rhymes(self, here: Here) -> int:
        """The groups of the rhymes that may stand there and are no letters."""
        then = None if here.place in self.plan.forced else self.onward(here, ANY)
        return self.finishes(then) if then else 0

    def copies(self, here: Here) -> frozenset[int]:
        """The tokens by which some line not to copy goes on."""
        copied = self.plan.copied
        return copied.follow(here.node) if copied and here.node else frozenset()

    def apart(self, here: Here, tokens: Array) -> Array:
        """One for many that are alike: by which no line not to copy goes on, if there is one."""
        free = next((i for i, t in enumerate(tokens) if not self.follow(here, t)), None)
        return tokens if free is None else tokens[free : free + 1]

    def pinned(self, here: Here, groups: int) -> frozenset[int]:
        """The tokens by which a line not to copy goes on, where that may come to matter."""
        alone = here._replace(node=None)
        behind = [then for tokens in self.alike(here) if (then := self.onward(alone, tokens[0]))]
        if here.node is None or (
            not self.ends_line(here) and all(self.leaves(then, groups) for then in behind)
        ):
            return frozenset()
        return self.copies(here)

    def leaves(self, here: Here, groups: int) -> bool:
        """True if from any beginning of a line here one can turn to what isn't in the lines."""
        if self.ends_line(here) or not self.plan.copied:
            return False
        widest, alike = self.plan.copied.widest, self.alike(here)
        if min(map(len, alike), default=0) <= widest[here.place % self.plan.characters]:
            return False
        found = 0
        for tokens in alike:
            if then := self.onward(here, tokens[0]):
                found |= self.finishes(then)
        return not groups & self.finishes(here) & ~found

    @staticmethod
    def bits(groups: Iterable[bool]) -> int:
        """Groups as the bits of a number."""
        return sum(1 << g for g, has in enumerate(groups) if has)
