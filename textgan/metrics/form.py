"""Form of verse: the share of poems that pass each rule of the form that the real poems are in.

Read it beside real poems' own share, the table's first row: old poems break their rules too, and a
model of them should as often. Each language has a file, ``form_chinese`` and ``form_english``, with

    rules(poems: Sequence[str], human: Sequence[str]) -> dict[str, list[bool]]

of M poems and of the human ones, which say what form is meant: whether each poem passes each rule,
by the rule's name as a table shows it, the same names for any poems of one form; the last one,
``strict``, is all that the form asks for together. Empty where the human ones are no verse in that
language. Texts come as ``evaluate`` has them: as a tokenizer writes them, blanks and line breaks
where it has any.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from textgan.metrics.base import Evaluation, TooFew
from textgan.metrics.estimate import Estimate

LANGUAGES = ("chinese", "english")


def form(e: Evaluation) -> dict[str, Estimate | None]:
    """The share of each rule by name; nothing of texts that are no verse.

    Raises:
        UserError: no texts, or no references.
    """
    if not e.texts or not e.reference_texts:
        raise TooFew(
            f"form: needs at least 1 text and 1 reference, got {len(e.texts)} and "
            f"{len(e.reference_texts)}"
        )
    found = rules(e.texts, e.reference_texts)
    return {f"form: {rule}": Estimate.from_scores(passed) for rule, passed in found.items()}


def rules(poems: Sequence[str], human: Sequence[str]) -> dict[str, list[bool]]:
    """Whether each poem passes each rule, by the first language that has any for the human ones."""
    for language in LANGUAGES:
        module: Any = import_module(f"textgan.metrics.form_{language}")
        if found := module.rules(poems, human):
            passed: dict[str, list[bool]] = found
            return passed
    return {}


def unknown(human: Sequence[str]) -> str | None:
    """Why there are no rules for texts like the human ones; None if there are some."""
    if rules(human[:1], human):
        return None
    return "the real texts are in no form of verse that it knows"
