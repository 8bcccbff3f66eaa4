"""The knobs of a poem: a field for each option of ``Ask``, and errors beside them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from textgan.errors import UserError
from textgan.forms.options import CHINESE, ENGLISH
from textgan.playground.ask import LETTERS, Ask, read
from textgan.playground.labels import Labels, told

FORMS = ["", *ENGLISH, *CHINESE]
NARROW, WIDE = 140, 240
"""Pixels: two narrow fields stand side by side on a phone."""


class Fields:
    """Made where it is called, in two folded sections behind the first rows.

    Attributes:
        all: the components by the option they stand for, and ``beside``.
        sections: the folded ones.
    """

    def __init__(self, labels: Labels, models: list[str]) -> None:
        self.labels = labels
        self.all: dict[str, Any] = {}
        self.section: dict[str, Any] = {}
        with gr.Row():
            self._add(gr.Dropdown, "model", models, value=models[0])
            self._add(gr.Dropdown, "beside", models, value=None)
            self._add(gr.Dropdown, "form", FORMS, value="")
        with gr.Row():
            self._add(gr.Textbox, "prefix", max_length=LETTERS)
            self._add(gr.Textbox, "acrostic", max_length=LETTERS)
            self._add(gr.Textbox, "rhyme", max_length=LETTERS)
        with gr.Row():
            self._add(gr.Number, "count", value=3, precision=0)
            self._add(gr.Number, "seed", value=0, precision=0)
        self._folded("section.rules", self._rules)
        self._folded("section.taste", self._taste)

    @property
    def sections(self) -> list[Any]:
        return [*dict.fromkeys(self.section.values())]

    def _folded(self, key: str, fill: Any) -> None:
        before = {*self.all}
        with self.labels.make(gr.Accordion, key, open=False) as section:
            fill()
        self.section |= dict.fromkeys(self.all.keys() - before, section)

    def _rules(self) -> None:
        with gr.Row():
            self._add(gr.Dropdown, "tones", ["off", "soft", "strict"], value="off")
            self._add(gr.Dropdown, "rhyme_book", ["pingshui", "xinyun"], value="pingshui")
            self._add(gr.Number, "lines", value=None, precision=0)
        with gr.Row():
            self._add(gr.Textbox, "syllables", max_length=LETTERS)
            self._add(gr.Slider, "metre", minimum=0, maximum=10, value=0, step=0.5)
        with gr.Row():
            self._add(gr.Textbox, "use", max_length=LETTERS)
            self._add(gr.Textbox, "avoid", max_length=LETTERS)
        self._add(gr.Textbox, "fill", max_length=LETTERS)
        self._add(gr.Checkbox, "new_lines", value=False)

    def _taste(self) -> None:
        with gr.Row():
            self._add(gr.Slider, "temperature", minimum=0.1, maximum=2, value=0.8, step=0.05)
            self._add(gr.Number, "top_k", value=None, precision=0)
            self._add(gr.Number, "top_p", value=None)
            self._add(gr.Number, "typical", value=None)
        with gr.Row():
            self._add(gr.Number, "best_of", value=1, precision=0)
            self._add(gr.Radio, "by", ["likelihood", "discriminator"], value="likelihood")
            self._add(gr.Textbox, "category", max_length=LETTERS)
        self._add(gr.Checkbox, "resample", value=False)

    def _add(self, kind: type, name: str, choices: list[str] | None = None, **how: Any) -> None:
        how["elem_id"] = f"field-{name.replace('_', '-')}"
        # Names of runs are long: a field of their own width.
        width = WIDE if name in ("model", "beside") else NARROW
        self.all[name] = self.labels.make(kind, name, choices, min_width=width, **how)

    def asks(self, values: Sequence[Any]) -> list[Ask]:
        """What the fields, in the order of ``all``, ask of a model and of the one beside it.

        Raises:
            UserError: a line for each field that is wrong.
        """
        given = dict(zip(self.all, values, strict=True))
        for name in ("use", "avoid"):
            given[name] = tuple(re.findall(r"[^\s,，、]+", given[name] or ""))
        beside = given.pop("beside")
        return [read(given | {"model": model}) for model in (given["model"], beside) if model]

    def clean(self, language: str) -> Mapping[Any, Any]:
        """No errors beside the fields."""
        return self.labels.clean(self.all.values(), language)

    def told(self, error: UserError, language: str) -> tuple[Mapping[Any, Any], str]:
        """Mistakes beside their fields, in sections that are open then, and the rest as HTML."""
        beside, rest = told(self.all, error, language)
        opened = [self.section[name] for name in self.section if self.all[name] in beside]
        return beside | dict.fromkeys(opened, gr.update(open=True)), rest
