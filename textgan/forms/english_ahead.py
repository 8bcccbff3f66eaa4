"""Can a poem still be finished? Answered over words that are alike, and remembered.

Inside a line only syllables count, words to use and lines not to copy; behind it only its end's
rhyme. So a line is looked at alone, and the lines together by their ends (``english_rhyme``).
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from textgan.forms.english_lines import Node
from textgan.forms.english_plan import Ends, Group, Plan, Want
from textgan.forms.english_rhyme import Rhymes, Taken

Reach = tuple[tuple[int, Ends], ...]
"""How a line may end: the words to use that are left then, and the ends that it can have."""
KEPT = 2**18
"""Answers that are remembered, at most."""


class Here(NamedTuple):
    """Where a line is, as far as what may follow in it depends on that."""

    line: int
    spoken: int = 0
    """Syllables so far."""
    place: int = 0
    """Words so far; of more than one only in a line with gaps."""
    paused: bool = False
    """True behind a mark, from where one word alone can't end the line."""
    left: int = 0
    """Words still to use, as bits."""
    node: Node | None = None
    """Where it is among lines not to copy; None if none goes on so."""


class Ahead:
    """Looks ahead in a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.rhymes = plan, Rhymes(plan)
        self.root: Node | None = 0 if plan.copied else None
        self.reached: dict[Here, Reach] = {}
        self.goods: dict[tuple[int, int, Taken], Ends] = {}
        self.ways: dict[tuple[int, int], list[tuple[Ends, ...]]] = {}

    def begin(self, line: int, left: int) -> Here:
        """Before a line."""
        return Here(line, left=left, node=self.root)

    def want(self, here: Here) -> Want:
        """What is asked of the next word."""
        line = self.plan.lines[here.line]
        initial = None if here.place else line.initial
        if not line.places:
            return Want(initial)
        if here.place == len(line.places):
            return Want(words=frozenset())
        return Want(initial, line.places[here.place].words)

    def behind_any(self, here: Here, syllables: int) -> Here:
        """Behind a word of so many syllables, none to use and in no line not to copy."""
        places = self.plan.lines[here.line].places
        more = places[here.place].more if places else 0
        place = here.place + 1 if places else 1
        spoken = here.spoken + syllables + more
        return here._replace(spoken=spoken, place=place, paused=False, node=None)

    def onward(self, here: Here, token: int) -> Here:
        """Behind a word, and the clitic that a gap may have."""
        plan = self.plan
        then = self.behind_any(here, int(plan.vocabulary.syllables[token]))
        places = plan.lines[here.line].places
        node = self.follow(here.node, token)
        for hung in places[here.place].behind if places else ():
            node = self.follow(node, hung) if hung in plan.vocabulary.clitics else node
        return then._replace(left=here.left & ~plan.bits.get(token, 0), node=node)

    def follow(self, node: Node | None, token: int) -> Node | None:
        """Where a token leads among lines not to copy."""
        return self.plan.copied.step(node, token) if self.plan.copied else None

    def full(self, here: Here) -> bool:
        """True if a line has the words and syllables that it must have, and isn't copied."""
        line, copied = self.plan.lines[here.line], self.plan.copied
        whole = copied is not None and here.node in copied.whole
        filled = not line.places or here.place == len(line.places)
        return filled and line.low <= here.spoken <= line.high and not whole

    def singles(self, here: Here) -> list[int]:
        """Words looked at one by one: those to use, and those by which lines not to copy go on."""
        copied, want = self.plan.copied, self.want(here)
        alone = {*self.plan.bits}
        if copied and here.node is not None:
            alone |= copied.children[here.node].keys() & self.plan.vocabulary.words.keys()
        return [token for token in sorted(alone) if self.plan.fits(token, want)]

    def groups(self, here: Here) -> Iterator[tuple[int, Group]]:
        """All other words, by their syllables."""
        plan, want = self.plan, self.want(here)
        every = plan.groups(want)
        if here.node is None:
            yield from every.items()
            return
        gone: dict[int, list[int]] = {n: [] for n in every}
        for token in self.singles(here):
            if token not in plan.bits:
                gone[int(plan.vocabulary.syllables[token])].append(token)
        for n, group in every.items():
            if group.size > len(gone[n]):
                closing = (t for t in gone[n] if plan.closes(t, want))
                fewer = Counter(int(plan.vocabulary.end_of[t]) for t in closing)
                left = Counter(group.counts) - fewer
                yield n, Group(group.size - len(gone[n]), plan.bits_of(left), left)

    def reach(self, here: Here) -> Reach:
        """How a line may end behind at least one word more."""
        if here not in self.reached:
            if len(self.reached) > KEPT:
                self.reached.clear()
            self.reached[here] = self._reach(here)
        return self.reached[here]

    def _reach(self, here: Here) -> Reach:
        found: dict[int, Ends] = {}
        bound = self.reach(here._replace(node=None)) if here.node is not None else None
        for then, ends in self.words(here):
            ended = [(then.left, ends)] if self.full(then) and not here.paused else []
            for left, mask in (*ended, *self.reach(then)):
                found[left] = found.get(left, 0) | mask
            if bound is not None and tuple(sorted(found.items())) == bound:
                break  # nothing more is to be had
        return tuple(sorted(found.items()))

    def words(self, here: Here) -> Iterator[tuple[Here, Ends]]:
        """Behind each next word, and its ends; one for many that are alike."""
        high = self.plan.lines[here.line].high
        for syllables, group in self.groups(here):
            then = self.behind_any(here, syllables)
            if then.spoken <= high:
                yield then, group.ends
        for token in self.singles(here):
            then = self.onward(here, token)
            if then.spoken <= high:
                yield then, self.plan.ends(token, self.want(here))

    def good(self, line: int, left: int, taken: Taken) -> Ends:
        """The ends of a line with which, some words still to use, the rest can be finished."""
        key = line, left, taken
        if key not in self.goods:
            if len(self.goods) > KEPT:
                self.goods.clear()
            found = 0
            for behind in self.behind(line + 1, left):
                found |= self.rhymes.good(line, behind, taken)
            self.goods[key] = found
        return self.goods[key]

    def behind(self, line: int, left: int) -> list[tuple[Ends, ...]]:
        """The ends that the lines from one on can have, for each way to share out words to use."""
        if line == len(self.plan.lines):
            return [()] if not left else []
        if (line, left) not in self.ways:
            found = [
                (mask, *rest)
                for after, mask in self.reach(self.begin(line, left))
                for rest in self.behind(line + 1, after)
            ]
            self.ways[line, left] = [*dict.fromkeys(found)]
        return self.ways[line, left]

    def goes_on(self, here: Here, taken: Taken) -> bool:
        """True if the poem can be finished with at least one word more in this line."""
        return any(mask & self.good(here.line, left, taken) for left, mask in self.reach(here))
