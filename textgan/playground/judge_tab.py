"""The page's third tab: people judge."""

import secrets
from collections.abc import Mapping
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from textgan import shipped
from textgan.errors import UserError
from textgan.playground.answers import Answers
from textgan.playground.exhibits import REAL
from textgan.playground.judging import TASKS, Judging, Question, begin
from textgan.playground.labels import Labels, told
from textgan.playground.poets import Poets
from textgan.playground.strings import text
from textgan.playground.verdict import Verdict, verdicts
from textgan.playground.write_tab import ONE_AT_A_TIME


class JudgeTab:
    """Made where it is called."""

    def __init__(self, labels: Labels, poets: Poets, language: Any) -> None:
        self.labels, self.poets, self.answers = labels, poets, Answers()
        names = [*poets.places()]
        first = names[len(shipped.NAMES) :] or names  # a run has texts to be held against
        with gr.Row():
            self.task = labels.make(gr.Radio, "task", [*TASKS], value="real", elem_id="field-task")
            self.model = labels.make(
                gr.Dropdown, "judged", names, value=first[0], elem_id="field-judged"
            )
            self.against = labels.make(
                gr.Dropdown,
                "against",
                [REAL, *names],
                value=REAL,
                visible=False,
                elem_id="field-against",
            )
        self.fields = {"model": self.model, "judged": self.model, "against": self.against}
        self.start = labels.make(gr.Button, "begin", variant="primary", elem_id="begin")
        self.error = gr.HTML(elem_id="judge-error")
        self.question = gr.HTML(elem_id="question")
        self.judging = gr.State(None, time_to_live=3600)
        with gr.Row():
            self.buttons = {
                answer: labels.make(
                    gr.Button, f"answer.{answer}", visible=False, elem_id=f"answer-{answer}"
                )
                for answers in TASKS.values()
                for answer in answers
            }
        self.ask_report = labels.make(gr.Button, "report", elem_id="ask-report")
        self.report = gr.HTML(elem_id="report")
        self._listen(language)

    def _listen(self, language: Any) -> None:
        quiet: Any = {"api_visibility": "private", "show_progress": "hidden"}
        outputs = [self.error, self.question, self.judging, self.model, self.against]
        outputs += self.buttons.values()
        inputs = [language, self.task, self.model, self.against]
        self.task.change(self.choose, self.task, self.against, queue=False, **quiet)
        self.start.click(self.begin, inputs, outputs, **quiet, **ONE_AT_A_TIME)
        for answer, button in self.buttons.items():
            answered = partial(self.answer, answer)
            button.click(answered, [language, self.judging], outputs, **quiet)
        self.ask_report.click(self.reported, language, self.report, **quiet)

    def choose(self, task: Any) -> Any:
        """Only of two texts one may be another model's."""
        return gr.update(visible=task == "better")

    def begin(self, language: str, task: Any, model: str, against: str) -> Mapping[Any, Any]:
        """Draw the texts and ask the first question."""
        try:
            with self.poets.busy:
                judging = begin(self.poets, task, model, against, secrets.randbelow(2**31))
        except UserError as error:
            return self._nothing(error, language)
        return self._asked(judging, judging.question, language)

    def answer(self, answer: str, language: str, judging: Judging | None) -> Mapping[Any, Any]:
        """Keep an answer and ask the next question."""
        try:
            if judging is None or answer not in TASKS[judging.task]:
                raise UserError("judge: this session is over; begin anew")
            self.answers.add(judging.answered(answer))
            return self._asked(judging, judging.next(), language)
        except UserError as error:
            return self._nothing(error, language)

    def _asked(self, judging: Judging, question: Question, language: str) -> Mapping[Any, Any]:
        asked = TASKS[judging.task]
        shown = {
            button: gr.update(visible=answer in asked) for answer, button in self.buttons.items()
        }
        html = exhibited([one.text for one in question.shown], language)
        clean = self.labels.clean([self.model, self.against], language)
        return {**clean, **shown, self.error: "", self.question: html, self.judging: judging}

    def _nothing(self, error: UserError, language: str) -> Mapping[Any, Any]:
        hidden = {button: gr.update(visible=False) for button in self.buttons.values()}
        beside, rest = told(self.fields, error, language)
        return {**beside, **hidden, self.error: rest, self.question: "", self.judging: None}

    def reported(self, language: str) -> str:
        """All answers so far, of everybody."""
        return listed(verdicts(self.answers.read()), language)


def exhibited(texts: list[str], language: str) -> str:
    """One text, or two under their numbers: nothing else goes to the browser."""
    heads = [""] if len(texts) == 1 else [text(f"answer.{n}", language) for n in TASKS["better"]]
    sections = [
        f'<section><h3>{escape(head)}</h3><div class="poem">{escape(one)}</div></section>'
        for head, one in zip(heads, texts, strict=False)
    ]
    return f'<div class="sheets">{"".join(sections)}</div>'


def listed(found: list[Verdict], language: str) -> str:
    """A line a share, with its 95 % interval."""
    if not found:
        return f"<p>{escape(text('report.none', language))}</p>"
    lines = "".join(f"<li>{escape(_line(one, language))}</li>" for one in found)
    return f"<ul>{lines}</ul><p>{escape(text('report.note', language))}</p>"


def _line(one: Verdict, language: str) -> str:
    share = "–"
    if one.interval:
        share = f"{one.hits / one.of:.2f} [{one.interval[0]:.2f}, {one.interval[1]:.2f}]"
    what = text(f"report.{one.kind}", language).format(who=one.who, whom=one.whom)
    count = text("report.count", language).format(answers=one.of, judges=one.judges)
    ties = text("report.ties", language).format(ties=one.ties) if one.ties else ""
    return f"{what}: {share}; {count}{ties}"
