"""Which tokens are Chinese characters, and which are the marks between lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from textgan.errors import UserError
from textgan.forms.han import HAN, is_han
from textgan.forms.script import Script, script, simplified

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MARKS = (("，", ","), ("。", "."))
"""Behind odd and behind even lines; the first that the vocabulary has."""
WORDS = 0.1
"""Words of several characters, by single characters, that a vocabulary of characters may have."""


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer's single characters.

    Attributes:
        size: V.
        ids: the token of each Chinese character.
        marks: the tokens behind odd and even lines; None without one.
        between: True if the mark stands between lines only, as a line break does.
        eos: the token that ends a text.
    """

    size: int
    ids: dict[str, int]
    marks: tuple[int | None, int | None]
    between: bool
    eos: int

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase") -> "Vocabulary":
        """The characters that a tokenizer writes as one token and reads back as the same.

        Raises:
            UserError: verse can't be written with it, and why.
        """
        spelt = _spelt(tokenizer)
        ids = _single(tokenizer, [s for s in spelt.values() if is_han(s)])
        words = [s for s in spelt.values() if len(s) > 1 and all(map(is_han, s))]
        refuse = "--form: this model's tokenizer can't carry Chinese verse: "
        if not ids:
            raise UserError(
                f"{refuse}no token of it is a single Chinese character; --model shi has them"
            )
        if len(words) > WORDS * len(ids):
            raise UserError(
                f"{refuse}its tokens are words, such as {words[0]}; train a model with "
                "--tokenizer.name character"
            )
        eos = tokenizer.eos_token_id
        eos = tokenizer.sep_token_id if eos is None else eos
        if eos is None:
            raise UserError(f"{refuse}it has no token that ends a text")
        marks = [next(iter(_single(tokenizer, kinds).values()), None) for kinds in MARKS]
        breaks = _single(tokenizer, ["\n"]).get("\n") if None in marks else None
        both = (marks[0], marks[1]) if breaks is None and None not in marks else (breaks, breaks)
        return cls(len(tokenizer), ids, both, breaks is not None, int(eos))

    @cached_property
    def script(self) -> Script | None:
        """The script that its characters are of."""
        return script(self.ids)

    @cached_property
    def families(self) -> dict[str, list[str]]:
        """Its characters by what they are in simplified script."""
        found: dict[str, list[str]] = {}
        for character in self.ids:
            found.setdefault(simplified(character), []).append(character)
        return found

    def spellings(self, character: str, of: Script | None) -> list[int]:
        """The tokens that may stand for a character of a request in some script.

        The character itself where that can be meant; else what it is in the vocabulary's script: of
        a simplified one all the traditional ones that it stands for.
        """
        if character in self.ids and not (of == "simplified" and self.script == "traditional"):
            return [self.ids[character]]
        return [self.ids[c] for c in self.families.get(simplified(character), [])]

    def runs(self, lines: Iterable[str], characters: int) -> Iterable[tuple[int, ...]]:
        """Lines of verse of so many known characters, as tokens: what stands between marks."""
        for text in lines:
            together = "".join(text.split(" "))
            for line in "".join(c if HAN.match(c) else " " for c in together).split():
                if len(line) == characters and all(c in self.ids for c in line):
                    yield tuple(self.ids[c] for c in line)


def _spelt(tokenizer: "PreTrainedTokenizerBase") -> dict[int, str]:
    """Every token's text, but for special ones."""
    special = {*tokenizer.all_special_ids}
    ids = [i for i in range(len(tokenizer)) if i not in special]
    return dict(zip(ids, map(str.strip, tokenizer.batch_decode([[i] for i in ids])), strict=True))


def _single(tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str]) -> dict[str, int]:
    """Those of some texts that are one token, which isn't the unknown one."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return {}
    read = tokenizer(distinct, add_special_tokens=False)["input_ids"]
    unknown = tokenizer.unk_token_id
    return {s: i[0] for s, i in zip(distinct, read, strict=True) if len(i) == 1 and i[0] != unknown}
