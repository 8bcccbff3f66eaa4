"""Which tokens are English words whose sound is known, and which are the marks around them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from textgan.errors import UserError
from textgan.forms.phones import HISSING, STOPPED, Rhyme, Sound, sound

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Array = np.ndarray
MARKS = frozenset([",", ";", ".", ":", "!", "?", "--", "—", "–", "...", "…"])
"""What may stand behind a word; quotes and brackets would want their match."""
CLITICS = {"'s": HISSING, "’s": HISSING, "'d": STOPPED, "’d": STOPPED}
"""What may be hung on a word, and the phones behind which it would be a syllable of its own."""
WORD = re.compile(r"[^\W\d_]+(['’-][^\W\d_]+)*")
LETTERS = frozenset("aio")
"""The words of one letter; others are pieces of words, though the dictionary reads them."""
LEANING = """
a an the my thy his its our your their whose some every what which who that of to in with for from
at into like and but or nor if as than when though till doth did hath has shall would should
"""
"""Words that lean on the next, so that no line should end on them: in 3,056 sonnets fewer than one
in a hundred of each does."""
FEWEST = 20
"""Words that a vocabulary must have."""
PIECES = 0.5
"""Share of the alphabetic tokens that must be words of the dictionary."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A tokenizer's words.

    Attributes:
        size: V.
        words: the tokens that are words with a known sound, in lower case.
        marks: tokens that may stand behind a word and sound of nothing.
        clitics: tokens hung on a word without a syllable more, with the phones that bar it.
        between: the token of a line break.
        eos: the token that ends a text.
    """

    size: int
    words: dict[int, str]
    marks: frozenset[int]
    clitics: dict[int, frozenset[str]]
    between: int
    eos: int

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase") -> "Vocabulary":
        """The words that a tokenizer writes as one token and reads back as the same.

        Raises:
            UserError: verse can't be written with it, and why.
        """
        texts = _spelt(tokenizer)
        alphabetic = {i: s for i, s in texts.items() if WORD.fullmatch(s)}
        spoken = {i: s.lower() for i, s in alphabetic.items() if sound(s.lower())}
        words = {i: s for i, s in spoken.items() if len(s) > 1 or s in LETTERS}
        refuse = "--form: this model's tokenizer can't carry English verse: "
        train = "train a model with --tokenizer.name word on English text, or take --model sonnets"
        if alphabetic and max(map(len, alphabetic.values())) == 1:
            raise UserError(f"{refuse}its tokens are characters; {train}")
        if not _one_word_a_token(tokenizer, words.values()):
            raise UserError(f"{refuse}a token of it may be a piece of a word; {train}")
        if len(words) < max(FEWEST, PIECES * len(alphabetic)):
            raise UserError(
                f"{refuse}{len(words)} of its {len(alphabetic)} tokens are words whose sound is "
                f"known; {train}"
            )
        breaks = [i for i in range(len(tokenizer)) if tokenizer.decode([i]) == "\n"]
        eos = tokenizer.eos_token_id
        eos = tokenizer.sep_token_id if eos is None else eos
        if not breaks:
            raise UserError(
                f"{refuse}it has no line break; train a model with --corpus.unit stanza"
            )
        if eos is None:
            raise UserError(f"{refuse}it has no token that ends a text")
        marks = frozenset(i for i, s in texts.items() if s in MARKS)
        clitics = {i: CLITICS[s.lower()] for i, s in texts.items() if s.lower() in CLITICS}
        return cls(len(tokenizer), words, marks, clitics, breaks[0], int(eos))

    def __contains__(self, token: object) -> bool:
        """True if something can be written with a token in a line."""
        return token in self.words or token in self.clitics or token in self.marks

    @cached_property
    def sounds(self) -> dict[int, Sound]:
        """How each word sounds."""
        found = ((token, sound(word)) for token, word in self.words.items())
        return {token: known for token, known in found if known}

    @cached_property
    def syllables(self) -> Array:
        """(V,) syllables of each word, 0 for what is none."""
        found = np.zeros(self.size, dtype=np.int64)
        for token, known in self.sounds.items():
            found[token] = known.syllables
        return found

    @cached_property
    def leaning(self) -> Array:
        """(V,) the words that lean on the next."""
        leaning = {*LEANING.split()}
        found = np.zeros(self.size, dtype=bool)
        found[[token for token, word in self.words.items() if word in leaning]] = True
        return found

    @cached_property
    def ends(self) -> list[Rhyme]:
        """The different ends of a line: all rhymes, by every onset."""
        return sorted({known.rhyme for known in self.sounds.values() if known.rhyme})

    @cached_property
    def end_of(self) -> Array:
        """(V,) the number of each word's end; that of no end, ``len(ends)``, for what has none."""
        number = {end: i for i, end in enumerate(self.ends)}
        found = np.full(self.size, len(number), dtype=np.int64)
        for token, known in self.sounds.items():
            if known.rhyme:
                found[token] = number[known.rhyme]
        return found

    @cached_property
    def out_of_place(self) -> Array:
        """(2, V) syllables out of iambic place in a word that begins at an even or odd place."""
        found = np.zeros((2, self.size), dtype=np.float32)
        for token, known in self.sounds.items():
            for start in (0, 1):
                wants = (1 if (start + i) % 2 else -1 for i in range(known.syllables))
                pairs = zip(known.stresses, wants, strict=True)
                found[start, token] = sum(stress == -want for stress, want in pairs)
        return found

    @cached_property
    def tokens(self) -> dict[str, list[int]]:
        """The tokens of each word, by its small letters."""
        found: dict[str, list[int]] = {}
        for token, word in self.words.items():
            found.setdefault(word, []).append(token)
        return found

    @cached_property
    def initials(self) -> dict[str, list[int]]:
        """The words by what they begin with."""
        found: dict[str, list[int]] = {}
        for token, word in self.words.items():
            found.setdefault(word[0], []).append(token)
        return found

    def bars(self, clitic: int, word: int) -> bool:
        """True if a clitic would make a syllable behind a word."""
        return bool(self.clitics[clitic] & self.sounds[word].last)

    def runs(
        self, tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str]
    ) -> Iterator[tuple[int, ...]]:
        """The lines of some texts as words and clitics, those with other words left out."""
        lines = [line for text in texts for line in text.splitlines() if line.strip()]
        for ids in tokenizer(lines, add_special_tokens=False)["input_ids"] if lines else []:
            known = tuple(i for i in ids if i in self.words or i in self.clitics)
            spoken = [i for i in ids if re.search(r"\w", str(tokenizer.convert_ids_to_tokens(i)))]
            if known and len(spoken) == len(known):
                yield known


def plain(word: str) -> str:
    """A word as the dictionary writes it."""
    return word.strip().lower().replace("’", "'")


def _spelt(tokenizer: "PreTrainedTokenizerBase") -> dict[int, str]:
    """Every token's text, but for special ones."""
    special = {*tokenizer.all_special_ids}
    ids = [i for i in range(len(tokenizer)) if i not in special]
    return dict(zip(ids, map(str.strip, tokenizer.batch_decode([[i] for i in ids])), strict=True))


def _one_word_a_token(tokenizer: "PreTrainedTokenizerBase", words: Iterable[str]) -> bool:
    """True if two tokens side by side are read back as two words."""
    pair = [i for word in list(words)[:2] for i in tokenizer.encode(word, add_special_tokens=False)]
    return len(pair) == 2 and len(str(tokenizer.decode(pair)).split()) == 2
