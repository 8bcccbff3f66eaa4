"""Simplified and traditional script: which of them a text is in, and what a character is in either.

Conversion by OpenCC, a character at a time. One simplified character may stand for several
traditional ones (云 for 雲 and 云, 后 for 後 and 后): ``chinese_vocabulary`` takes them all.
"""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, Literal

from textgan.errors import UserError
from textgan.forms.pingshui_table import table

Script = Literal["simplified", "traditional", "mixed"]

FEW = 0.05
"""Share of the other script's characters that a vocabulary may have and still be of one script."""


def needs(package: str) -> Any:
    """A package of the extra `poetry`.

    Raises:
        UserError: it isn't installed.
    """
    try:
        return import_module(package)
    except ImportError:
        raise UserError(
            f"--form: Chinese verse needs the package {package}; pip install -e '.[poetry]'"
        ) from None


@cache
def _converter(name: str) -> Any:
    return needs("opencc").OpenCC(name)


@cache
def simplified(character: str) -> str:
    """A character in simplified script; itself if there is no other."""
    found: str = _converter("t2s").convert(character)
    return found if len(found) == 1 else character


@cache
def is_traditional(character: str) -> bool:
    """True if only traditional script has it: 東, but not 月, and not 云, which both have."""
    return simplified(character) != character


@cache
def is_simplified(character: str) -> bool:
    """True if only simplified script has it: 东, but not 月, and not 云, which both have."""
    return (
        not is_traditional(character)
        and _converter("s2tw").convert(character) != (character)
        and character not in _both()
    )


@cache
def _both() -> frozenset[str]:
    """Characters that traditional script has too, though more often in another shape."""
    return frozenset(table())


def script(characters: Iterable[str]) -> Script | None:
    """The script of many characters, a few of the other one forgiven; None where none tells."""
    every = set(characters)
    ours, theirs = (sum(map(test, every)) for test in (is_simplified, is_traditional))
    if not ours and not theirs:
        return None
    if theirs <= FEW * ours:
        return "simplified"
    return "traditional" if ours <= FEW * theirs else "mixed"
