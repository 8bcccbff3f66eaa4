"""A poem with gaps: its lines as places of one word each, and what stands behind each word."""

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from textgan.errors import UserError
from textgan.forms.english_vocabulary import WORD, Vocabulary, plain
from textgan.forms.phones import sound

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

GAP = "_"
PIECE = re.compile(rf"{GAP}+|{WORD.pattern}|['’][sdSD]\b|\w|[^\w\s]+")
"""A gap, which may be drawn out, a word, a clitic behind a gap, or marks."""


class Place(NamedTuple):
    """Where one word stands."""

    words: frozenset[int] | None
    """Those that may; None: any."""
    behind: tuple[int, ...] = ()
    """A clitic and marks."""
    more: int = 0
    """Syllables of the clitic."""


def templates(text: str | None) -> list[str]:
    """The lines of a poem with gaps, blank ones left out; nothing of nothing.

    Raises:
        UserError: there is no gap.
    """
    if text is None:
        return []
    if GAP not in text:
        raise UserError(f"--fill: has no gap; write {GAP} for each word that is open")
    lines = re.split(r"[/\n]", unicodedata.normalize("NFC", text))
    return [line.strip() for line in lines if line.strip()]


def places(
    template: str, vocabulary: Vocabulary, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[Place, ...]:
    """The places of a line.

    Raises:
        UserError: it has words that can't be written, or marks where none can stand.
    """
    found: list[Place] = []
    for match in PIECE.finditer(template):
        for token in tokens(match[0], vocabulary, tokenizer):
            if token is None or token in vocabulary.words:
                found.append(Place(None if token is None else frozenset({token})))
            elif found and token in vocabulary.clitics and not found[-1].behind:
                found[-1] = hung(found[-1], token, vocabulary)
            elif found and token in vocabulary.marks:
                found[-1] = found[-1]._replace(behind=(*found[-1].behind, token))
            else:
                raise UserError(f"--fill: {fault(match[0], template)}")
    if vocabulary.clitics.keys() & found[-1].behind:
        raise UserError(f"--fill: {template!r} ends on a clitic; put a word behind it")
    return tuple(found)


def tokens(
    piece: str, vocabulary: Vocabulary, tokenizer: "PreTrainedTokenizerBase"
) -> list[int | None]:
    """A piece's tokens, as the model spells it if it can; None is a gap."""
    if piece.startswith(GAP):
        return [None]
    found: list[int | None] = []
    for text in (piece, piece.lower(), plain(piece)):
        found = [*tokenizer(text, add_special_tokens=False)["input_ids"]]
        if all(token in vocabulary for token in found):
            break
    return found


def hung(place: Place, clitic: int, vocabulary: Vocabulary) -> Place:
    """A place whose word has a clitic behind it: no syllable more, but of a word that is given."""
    words = vocabulary.words if place.words is None else place.words
    short = frozenset(word for word in words if not vocabulary.bars(clitic, word))
    if short:
        return Place(short, (clitic,))
    return Place(place.words, (clitic,), more=1)


def fault(piece: str, template: str) -> str:
    """What is wrong with a piece of a line."""
    if not WORD.fullmatch(piece):
        return f"{piece!r} can't stand there in {template!r}; leave it out"
    if sound(plain(piece)):
        return f"{piece}: this model doesn't know it; write {GAP} there"
    return f"{piece}: the dictionary hasn't got its sound; write {GAP} there"
