"""What may stand at a place of a Chinese poem, and which characters are alike to what follows.

They are but for three things. Those of words to use and to avoid and those prescribed at rhymes,
*letters* here, are looked at one by one; so are those of very small groups where lines mustn't be
copied. Of such lines it matters whether some line goes on so. Of all others only tones and rhymes
count, and how many of a rhyme are left where none may come twice.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from textgan.forms.chinese_patterns import FREE
from textgan.forms.chinese_plan import LEVEL, RESCUED, RHYME, Array, Plan, among
from textgan.forms.chinese_words import Node, Word

Kind = tuple[str, int, bool]
"""What a place wants, its number if something is prescribed there, and if ``?`` looks at it."""


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


class Places:
    """The places of a plan, each by where a poem is."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        rhymes = {p for wants in plan.wants for p, want in enumerate(wants) if want == RHYME}
        fixed = {token for place in rhymes & {*plan.forced} for token in plan.forced[place]}
        self.others = plan.verse & ~among(len(plan.verse), plan.words.letters | fixed)
        self.others &= ~self.scarce()
        self.letters = frozenset(np.flatnonzero(plan.verse & ~self.others).tolist())
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
