"""Which ends a line may have so that all lines behind it can still be rhymed.

Lines of one letter have one rhyme and different onsets; different letters have different rhymes.
Both are questions whether each of some sets can give one member of its own (Hall's theorem).
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

from textgan.forms.english_plan import Ends, Plan

Taken = tuple[tuple[int, Ends], ...]
"""By letter of the scheme: its rhyme, -1 before it has one, and the ends that are used up."""
NONE = -1


class Rhymes:
    """The rhymes of a plan's lines."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scheme = [line.rhyme for line in plan.lines]
        self.letters = len({letter for letter in self.scheme if letter is not None})
        self.openings: dict[tuple[Ends, ...], Ends] = {}
        self.able: dict[tuple[Ends, ...], frozenset[int]] = {}

    @property
    def start(self) -> Taken:
        """Nothing is taken."""
        return ((NONE, 0),) * self.letters

    @cached_property
    def last(self) -> list[int]:
        """The last line of each letter."""
        return [max(i for i, s in enumerate(self.scheme) if s == n) for n in range(self.letters)]

    def take(self, taken: Taken, line: int, end: int) -> Taken:
        """Behind a line with an end; what can't matter any more is forgotten."""
        letter, now = self.scheme[line], [*taken]
        if letter is not None:
            now[letter] = (self.plan.rhymes[end], now[letter][1] | 1 << end)
        opening = any(rhyme == NONE for rhyme, _ in now)
        for n, (rhyme, used) in enumerate(now):
            if rhyme != NONE and self.last[n] <= line:
                now[n] = (rhyme if opening else 0, 0)
            elif rhyme != NONE:
                now[n] = (rhyme, used)
        return tuple(now)

    def masks(self, letter: int, line: int, ends: Sequence[Ends]) -> tuple[Ends, ...]:
        """The ends that a letter's lines can have; ``ends`` are those of the lines from one on."""
        return tuple(e for n, e in enumerate(ends, line) if self.scheme[n] == letter)

    def possible(self, line: int, ends: Sequence[Ends], taken: Taken) -> bool:
        """True if the lines from one on, of which each can have some ends, can be rhymed."""
        if not all(ends):
            return False
        theirs = {rhyme for rhyme, _ in taken}
        opened = []
        for letter, (rhyme, used) in enumerate(taken):
            masks = self.masks(letter, line, ends)
            if rhyme == NONE:
                opened.append(self.rhymes(masks) - theirs)
            elif not distinct([m & self.plan.ends_of[rhyme] & ~used for m in masks]):
                return False
        return apart(opened)

    def good(self, line: int, behind: Sequence[Ends], taken: Taken) -> Ends:
        """The ends that a line may have if those behind it can have some each."""
        letter = self.scheme[line]
        if letter is None:
            return self.plan.any if self.possible(line + 1, behind, taken) else 0
        others = [*taken]
        others[letter] = (taken[letter][0] if taken[letter][0] != NONE else -2, 0)
        masks = self.masks(letter, line + 1, behind)
        if taken[letter][0] != NONE:
            rhyme, used = taken[letter]
            if not self.rest(line + 1, behind, taken, letter):
                return 0
            return firsts(self.plan.ends_of[rhyme] & ~used, masks)
        found = self.opening(masks)
        for rhyme in {rhyme for rhyme, _ in taken if rhyme >= 0}:
            found &= ~self.plan.ends_of[rhyme]
        return self.room(found, line + 1, behind, taken, letter)

    def rest(self, line: int, ends: Sequence[Ends], taken: Taken, letter: int) -> bool:
        """True if the lines of all other letters can be rhymed."""
        own = (e if self.scheme[n] != letter else self.plan.any for n, e in enumerate(ends, line))
        free = [*own]
        if not all(free):
            return False
        theirs = {rhyme for rhyme, _ in taken}
        opened = []
        for n, (rhyme, used) in enumerate(taken):
            masks = self.masks(n, line, free)
            if n == letter:
                continue
            if rhyme == NONE:
                opened.append(self.rhymes(masks) - theirs)
            elif not distinct([m & self.plan.ends_of[rhyme] & ~used for m in masks]):
                return False
        return apart(opened)

    def room(
        self, found: Ends, line: int, behind: Sequence[Ends], taken: Taken, letter: int
    ) -> Ends:
        """Of ends whose rhyme a letter takes, those that leave a rhyme to all other letters."""
        if not self.rest(line, behind, taken, letter):
            return 0
        theirs = {rhyme for rhyme, _ in taken}
        opened = [
            self.rhymes(self.masks(n, line, behind)) - theirs
            for n, (rhyme, _) in enumerate(taken)
            if rhyme == NONE and n != letter
        ]
        if all(len(rhymes) > len(opened) for rhymes in opened):
            return found
        for rhyme in set().union(*opened):
            if not apart([rhymes - {rhyme} for rhymes in opened]):
                found &= ~self.plan.ends_of[rhyme]
        return found

    def opening(self, masks: tuple[Ends, ...]) -> Ends:
        """The ends by which a letter may begin whose other lines can have some each."""
        if masks not in self.openings:
            self.openings[masks] = sum(
                firsts(of, [m & of for m in masks]) for of in self.plan.ends_of
            )
        return self.openings[masks]

    def rhymes(self, masks: tuple[Ends, ...]) -> frozenset[int]:
        """The rhymes that lines can have together."""
        if masks not in self.able:
            found = enumerate(self.plan.ends_of)
            self.able[masks] = frozenset(r for r, of in found if distinct([m & of for m in masks]))
        return self.able[masks]


def firsts(ends: Ends, masks: Sequence[Ends]) -> Ends:
    """Those of some ends that leave every mask an end of its own among them."""
    rest = [m & ends for m in masks]
    if all(m.bit_count() > len(rest) for m in rest):
        return ends
    return sum(1 << e for e in members(ends) if distinct([m & ~(1 << e) for m in rest]))


def distinct(masks: Sequence[Ends]) -> bool:
    """True if each mask can have an end of its own."""
    if all(m.bit_count() >= len(masks) for m in masks):
        return True
    return all(masks) and apart([frozenset(members(m)) for m in masks])


def members(mask: int) -> Iterable[int]:
    """The numbers of a mask's bits."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


def apart(sets: Sequence[frozenset[int]]) -> bool:
    """True if each set can give a member of its own: a matching, by augmenting paths."""
    scarce = [s for s in sets if len(s) < len(sets)]
    owner: dict[int, int] = {}

    def give(n: int, seen: set[int]) -> bool:
        for member in scarce[n] - seen:
            seen.add(member)
            if member not in owner or give(owner[member], seen):
                owner[member] = n
                return True
        return False

    return all(give(n, set()) for n in range(len(scarce)))
