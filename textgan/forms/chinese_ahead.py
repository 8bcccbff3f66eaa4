"""Can a poem still be finished? Answered exactly, backwards over its places, and remembered."""

from collections.abc import Iterable, Iterator
from typing import Any

from textgan.forms.chinese_places import Here, Places
from textgan.forms.chinese_plan import RHYME, Array, Plan
from textgan.forms.chinese_words import Node

ANY = -1
"""A token that is like no other: no letter, and in no line."""
Room = tuple[int, ...]
"""Groups, as bits, with more than 0, 1, … characters left that are no letters."""
KEPT = 2**18
"""Answers that are remembered, at most."""


class Ahead(Places):
    """Looks ahead in a plan."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.every = (1 << max(1, len(plan.groups))) - 1
        self.full = (plan.groups & self.others).sum(axis=1)
        self.root = plan.copied.root if plan.copied else None
        self.known: dict[tuple[Here, Room], int] = {}
        self.rooms: dict[frozenset[int], Room] = {}

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
            kept(self.rooms)[used] = tuple(self.bits(left > k) for k in range(self.plan.lines))
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
            kept(self.known)[here, room] = found
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
        if here.node is None:
            return frozenset()
        alone = here._replace(node=None)
        behind = [then for tokens in self.alike(here) if (then := self.onward(alone, tokens[0]))]
        if not self.ends_line(here) and all(self.leaves(then, groups) for then in behind):
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


def kept(answers: dict[Any, Any]) -> dict[Any, Any]:
    """What is remembered, or nothing if it is too much."""
    if len(answers) > KEPT:
        answers.clear()
    return answers
