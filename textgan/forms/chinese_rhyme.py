"""Which groups a poem may rhyme by, out of a name or a character of them."""

from types import ModuleType

import numpy as np

from textgan.errors import UserError
from textgan.forms import pingshui, xinyun
from textgan.forms.chinese_plan import Array
from textgan.forms.chinese_vocabulary import Vocabulary
from textgan.forms.han import is_han
from textgan.forms.options import FormOptions
from textgan.forms.script import simplified

BOOKS = {"pingshui": pingshui, "xinyun": xinyun}
NAMES = {"pingshui": "平水韵", "xinyun": "中华新韵"}


class Tones:
    """A vocabulary's tones and rhymes by a book.

    Attributes:
        level: (V,) the tokens that can be read level.
        oblique: (V,) those that can be read oblique.
        groups: by name, (V,) the level tokens of each group.
    """

    def __init__(self, book: ModuleType, vocabulary: Vocabulary) -> None:
        self.level, self.oblique = np.zeros((2, vocabulary.size), dtype=bool)
        self.groups = {name: np.zeros(vocabulary.size, dtype=bool) for name in book.groups()}
        for character, token in vocabulary.ids.items():
            for level, name in book.readings(character, vocabulary.script):
                (self.level if level else self.oblique)[token] = True
                if level:
                    self.groups[name][token] = True


def rhyming(options: FormOptions, tones: Tones, verse: Array, lines: int) -> dict[str, Array]:
    """The groups that a poem may rhyme by, of those with a character for each line that must.

    Args:
        verse: (V,) the characters that may stand in it.
        lines: how many must rhyme.

    Raises:
        UserError: the one that is asked for isn't there, or is too small; or all are.
    """
    size = {name: int((verse & group).sum()) for name, group in tones.groups.items()}
    asked = named(options) if options.rhyme else list(size)
    large = [name for name in asked if size[name] >= lines]
    most = max(size, key=lambda name: size[name])
    if not large:
        has = f"{asked[0]} has {size[asked[0]]}" if options.rhyme else "no group has enough"
        mend = f"{most} has {size[most]}"
        raise UserError(
            f"--rhyme: {has} known characters, fewer than the {lines} lines that rhyme; {mend}"
        )
    return {name: tones.groups[name] & verse for name in large}


def named(options: FormOptions) -> list[str]:
    """The level groups meant by the name of one, or by a character.

    Raises:
        UserError: there is none.
    """
    book, title = BOOKS[options.rhyme_book], NAMES[options.rhyme_book]
    asked = (options.rhyme or "").strip()
    plain = "".join(map(simplified, asked)).removesuffix("韵")
    every: tuple[str, ...] = book.groups()
    if own := [g for g in every if plain in ("".join(map(simplified, g)), simplified(g[-1]))]:
        return own
    if not is_han(plain):
        raise UserError(
            f"--rhyme: {title} has no group {asked!r}; give a character that is to be rhymed with, "
            f"or one of {' '.join(every)}"
        )
    found = sorted(book.readings(plain))
    level = [name for flat, name in found if flat]
    if not level:
        known = f"is read oblique ({found[0][1]}), and rhymes are level" if found else "isn't there"
        raise UserError(f"--rhyme: in {title} {asked} {known}; take one of {' '.join(every)}")
    return [name for name in every if name in level]
