"""Components that know their words in both languages."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, TypeVar

import gradio as gr

from textgan.errors import UserError
from textgan.playground.ask import field_of, said
from textgan.playground.mistakes import worded
from textgan.playground.strings import STRINGS, text

C = TypeVar("C")


class Labels:
    """Makes the page's components, and says them again in another language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.made: dict[Any, str] = {}
        self.choices: dict[Any, list[str]] = {}

    def make(self, kind: type[C], key: str, choices: list[str] | None = None, **how: Any) -> C:
        """A component with its words; ``choices`` that the table names are named."""
        words = self._words(kind, key, choices or [], self.language)
        if choices is not None and "choices" not in words:
            words["choices"] = choices
        component = kind(**words, **how)
        self.made[component] = key
        self.choices[component] = choices or []
        return component

    def words(self, component: Any, language: str) -> dict[str, Any]:
        """A component's words in a language, as its arguments."""
        return self._words(type(component), self.made[component], self.choices[component], language)

    def updates(self, language: str) -> Mapping[Any, Any]:
        """All components in a language."""
        return {made: gr.update(**self.words(made, language)) for made in self.made}

    def clean(self, fields: Iterable[Any], language: str) -> Mapping[Any, Any]:
        """No errors beside the fields."""
        return {
            field: gr.update(info=self.words(field, language).get("info", ""), elem_classes=[])
            for field in fields
        }

    @staticmethod
    def _words(kind: Any, key: str, choices: list[str], language: str) -> dict[str, Any]:
        place = "value" if issubclass(kind, gr.Button | gr.Markdown) else "label"
        words: dict[str, Any] = {place: text(key, language)}
        if f"{key}.info" in STRINGS:
            words["info"] = text(f"{key}.info", language)
        if choices and f"{key}.{choices[-1]}" in STRINGS:
            words["choices"] = [(text(f"{key}.{choice}", language), choice) for choice in choices]
        return words


def told(fields: Mapping[str, Any], error: UserError, language: str) -> tuple[dict[Any, Any], str]:
    """Each line of a mistake beside its field, by option; and what is about none of them, as HTML.

    A second line about a field stands with the rest.
    """
    beside: dict[Any, Any] = {}
    rest: list[str] = []
    for line in said(error):
        field, words = fields.get(field_of(line)), worded(line, language)
        if field is None or field in beside:
            rest.append(f'<p class="wrong">{escape(words)}</p>')
        else:
            beside[field] = gr.update(info=words, elem_classes=["wrong"])
    return beside, "".join(rest)
