"""Probabilistic context-free grammars: chances of texts and of their beginnings, and draws.

The inside algorithm (Lari and Young 1990) adds up a text's parses; with what may stand to the right
of a beginning summed out in advance it gives the chance of each next word (Jelinek and Lafferty
1991, "Computation of the probability of initial substring generation"). Unit rules need no
conversion: a matrix adds up their chains.

A grammar here is finite: no symbol comes back to itself, so texts have a greatest length and
nothing has to be cut off.

Shapes: B texts, T words, N symbols once longer rules are made of pairs, R rules of pairs.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from textgan.errors import UserError

Array = np.ndarray
ROWS = 128
"""Texts whose charts are filled at once."""
Rule = tuple[str, tuple[tuple[bool, str], ...], float]
"""What is replaced, what by (is it a word?), and how probably."""


def read_rules(text: str, name: str) -> list[Rule]:
    """The rules of a grammar as NLTK writes them, ``NP -> Det N [0.6] | 'rain' [0.4]``; first the
    start symbol's.

    Raises:
        UserError: it is no such grammar, or not a finite one.
    """
    from nltk.grammar import PCFG, is_nonterminal  # a second to import

    try:
        grammar = PCFG.fromstring(text)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"corpus.oracle.grammar: '{name}' is no grammar ({reason})") from None
    known = {str(rule.lhs()) for rule in grammar.productions()}
    rules: list[Rule] = []
    for rule in sorted(grammar.productions(), key=lambda rule: rule.lhs() != grammar.start()):
        parts = tuple((not is_nonterminal(part), str(part)) for part in rule.rhs())
        for is_word, part in parts:
            if not is_word and part not in known:
                raise UserError(f"corpus.oracle.grammar: '{name}' has no rule for {part}")
            if is_word and (not part or part.split() != [part]):
                raise UserError(f"corpus.oracle.grammar: '{name}': {part!r} is not one word")
        if not parts:
            raise UserError(f"corpus.oracle.grammar: '{name}': {rule.lhs()} may be empty")
        rules.append((str(rule.lhs()), parts, float(rule.prob())))
    return rules


def spell(rules: Sequence[Rule]) -> str:
    """The rules as ``read_rules`` reads them, a line each, without comments."""

    def part(is_word: bool, spelt: str) -> str:
        quote = '"' if "'" in spelt else "'"
        return f"{quote}{spelt}{quote}" if is_word else spelt

    return "\n".join(
        f"{left} -> {' '.join(part(*p) for p in parts)} [{np.format_float_positional(chance)}]"
        for left, parts, chance in rules
    )


class ContextFree:
    """A grammar's rules as arrays; words and symbols are numbers."""

    def __init__(self, rules: Sequence[Rule], name: str = "the grammar") -> None:
        self.symbols = list(dict.fromkeys(left for left, _, _ in rules))
        self.words = sorted({part for _, parts, _ in rules for word, part in parts if word})
        symbol = {s: i for i, s in enumerate(self.symbols)}
        word = {w: len(self.symbols) + i for i, w in enumerate(self.words)}
        rules = sorted(rules, key=lambda rule: symbol[rule[0]])
        self.left = np.array([symbol[left] for left, _, _ in rules])
        self.parts = [
            [(word if is_word else symbol)[part] for is_word, part in parts]
            for _, parts, _ in rules
        ]
        p = np.array([p for _, _, p in rules])
        self.p = p / np.bincount(self.left, p)[self.left]  # NLTK lets them miss 1 by a hundredth
        self._check_finite(name)

    def _check_finite(self, name: str) -> None:
        """Find each symbol's longest text and largest tree, or the symbol that comes back."""
        n = len(self.symbols)
        longest, largest = [0] * n + [1] * len(self.words), [0] * n + [1] * len(self.words)
        for _ in range(n + 1):
            before = list(longest)
            for left, parts in zip(self.left.tolist(), self.parts, strict=True):
                longest[left] = max(longest[left], sum(longest[part] for part in parts))
                largest[left] = max(largest[left], 1 + sum(largest[part] for part in parts))
            if longest == before and max(largest) <= 10**6:
                self.length, self.nodes = longest[0], largest[0]
                return
        raise UserError(
            f"corpus.oracle.grammar: '{name}' is endless: a symbol comes back to itself; write the "
            "rules out to the depth that you want"
        )

    @cached_property
    def expected(self) -> Array:
        """(symbols, symbols + words) how often each stands in one expansion, on average."""
        found = np.zeros((len(self.symbols), len(self.symbols) + len(self.words)))
        for left, parts, p in zip(self.left, self.parts, self.p, strict=True):
            np.add.at(found[left], parts, p)
        return found

    def mean(self, of_rule: Array, of_word: float = 0.0) -> float:
        """The mean, over texts, of a sum over a tree's rules (rules,) and words."""
        own = np.bincount(self.left, self.p * of_rule)
        n = len(self.symbols)
        own = own + self.expected[:, n:].sum(axis=1) * of_word
        return float(np.linalg.solve(np.eye(n) - self.expected[:, :n], own)[0])

    def tree_entropy(self) -> float:
        """Nats a tree; those of texts too, where no text has two trees."""
        return self.mean(-np.log(self.p))

    def mean_length(self) -> float:
        """Words a text."""
        return self.mean(np.zeros(len(self.p)), 1.0)

    # Draws

    def draw(self, uniform: Array) -> list[Array]:
        """Texts as numbers of words, by (B, ``nodes``) uniform numbers in [0, 1).

        From left to right: each step takes every text's topmost symbol and puts a rule's parts in
        its place.
        """
        n, widest = len(self.symbols), max(map(len, self.parts))
        pushed = np.full((len(self.parts), widest), -1)
        for rule, parts in enumerate(self.parts):
            pushed[rule, : len(parts)] = parts[::-1]
        above = np.concatenate([[0], self.p.cumsum()])
        first = np.searchsorted(self.left, np.arange(n + 1))
        rows = np.arange(len(uniform))
        stack = np.zeros((len(rows), self.nodes + widest), dtype=np.int64)
        height = np.ones(len(rows), dtype=np.int64)
        words = np.full((len(rows), self.length), -1)
        lengths = np.zeros(len(rows), dtype=np.int64)
        for t in range(self.nodes):
            rows = rows[height[rows] > 0]
            height[rows] -= 1
            top = stack[rows, height[rows]]
            done = rows[top >= n]
            words[done, lengths[done]] = top[top >= n] - n
            lengths[done] += 1
            going, symbol = rows[top < n], top[top < n]
            begin, end = above[first[symbol]], above[first[symbol + 1]]
            target = begin + uniform[going, t] * (end - begin)
            target = np.minimum(target, np.nextafter(end, 0))
            rule = np.searchsorted(above, target, side="right") - 1
            for place in range(widest):
                part = pushed[rule, place]
                some = going[part >= 0]
                stack[some, height[some]] = part[part >= 0]
                height[some] += 1
        return [text[:length] for text, length in zip(words, lengths, strict=True)]

    # Chances

    @cached_property
    def pairs(self) -> tuple[Array, Array, Array, Array, Array]:
        """Parent, left and right part and chance of the R pair rules, and (N, words) chances of
        single words; unit rules are in ``closed``.
        """
        n = len(self.symbols)
        number: dict[tuple[int, ...], int] = {(i,): i for i in range(n)}
        pairs: list[tuple[int, int, int, float]] = []
        lexical: list[tuple[int, int, float]] = []

        def of(parts: tuple[int, ...]) -> int:
            """The symbol that stands for some parts; it becomes them for certain."""
            if parts not in number:
                number[parts] = own = len(number)
                expand(own, parts, 1.0)
            return number[parts]

        def expand(left: int, parts: tuple[int, ...], p: float) -> None:
            if len(parts) > 1:
                pairs.append((left, of(parts[:1]), of(parts[1:]), p))
            elif parts[0] >= n:
                lexical.append((left, parts[0] - n, p))
            else:
                self._units.append((left, parts[0], p))

        self._units: list[tuple[int, int, float]] = []
        for left, parts, p in zip(self.left.tolist(), self.parts, self.p.tolist(), strict=True):
            expand(left, tuple(parts), p)
        single = np.zeros((len(number), len(self.words)))
        for left, word, p in lexical:
            single[left, word] += p
        parent, first, second = np.array([pair[:3] for pair in pairs]).reshape(-1, 3).T
        return parent, first, second, np.array([pair[3] for pair in pairs]), single

    @cached_property
    def closed(self) -> tuple[Array, Array]:
        """(N, N) each: chains of unit rules added up, and with them left corners whose right
        sides are whatever they are.
        """
        parent, first, _, p, single = self.pairs
        units, corner = np.zeros((2, len(single), len(single)))
        for left, part, chance in self._units:
            units[left, part] += chance
        np.add.at(corner, (parent, first), p)
        chains = np.linalg.inv(np.eye(len(single)) - units)
        return chains, np.linalg.inv(np.eye(len(single)) - chains @ corner) @ chains

    def chances(self, words: Array, lengths: Array) -> tuple[Array, Array]:
        """Of texts (B, T), numbers of words and -1 where there is none or it isn't known:
        the chance of each beginning of 1 to T words (B, T), and of the whole text (B,).
        """
        order = np.argsort(lengths, kind="stable")
        begins, wholes = np.zeros(words.shape), np.zeros(len(words))
        for start in range(0, len(words), ROWS):
            rows = order[start : start + ROWS]
            longest = max(1, int(lengths[rows].max()))
            inside, prefix = self._charts(words[rows, :longest])
            begins[rows, :longest] = prefix.T
            some = lengths[rows] > 0
            wholes[rows[some]] = inside[lengths[rows[some]] - 1, np.flatnonzero(some)]
        return begins, wholes

    def _charts(self, words: Array) -> tuple[Array, Array]:
        """(B, T) -> the start symbol's chances of spans from the first word, and of beginnings:
        (T, B) each.
        """
        parent, first, second, p, single = self.pairs
        chains, corners = self.closed
        size, length = words.shape
        onto = np.zeros((len(p), len(single)))
        onto[np.arange(len(p)), parent] = p
        lexical = np.where(words[:, :, None] >= 0, single.T[words], 0)  # (B, T, N)
        # A span's cell by its rules: as left part, as right part, as a beginning that goes on.
        as_left, as_right, goes_on = np.zeros((3, length, length, size, len(p)))
        inside, prefix = np.zeros((2, length, size))
        for i in reversed(range(length)):
            for j in range(i, length):
                here, begun = np.zeros((2, size, len(single)))
                if i == j:
                    here = begun = lexical[:, i]
                else:
                    lefts = as_left[i, i:j]
                    here = np.einsum("mbr,mbr->br", lefts, as_right[i + 1 : j + 1, j]) @ onto
                    begun = np.einsum("mbr,mbr->br", lefts, goes_on[i + 1 : j + 1, j]) @ onto
                here, begun = here @ chains.T, begun @ corners.T
                as_left[i, j], as_right[i, j] = here[:, first], here[:, second]
                goes_on[i, j] = begun[:, second]
                if i == 0:
                    inside[j], prefix[j] = here[:, 0], begun[:, 0]
        return inside, prefix
