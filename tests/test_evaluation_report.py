"""The files of `evaluate`: figures for programs, a table for LaTeX, a page with texts."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import Command
from textgan import evaluation, evaluation_report, floor
from textgan.metrics import Estimate, Evaluation
from textgan.metrics.memorisation import nearest

pytest.importorskip("jinja2", reason="no textgan[report]")
pytest.importorskip("matplotlib", reason="no textgan[report]")

TRAINING = ["the moon is red .", "a sea was old and gray .", "the sun is low ."]
REFERENCES = ["the moon is far .", "the sun was red .", "a sea is low .", "a sun is gray ."]
THEIRS = ["a sea was old .", "the sun is <b>low</b> .", "the moon is red ."]
FILES = ("--samples", "theirs.txt", "--reference", "test.txt", "--training", "train.txt")
METRICS = ("--metrics", "bleu,diversity", "--tokenizer", "whitespace")


@pytest.fixture
def evaluate(textgan: Command) -> Command:
    """`evaluate` of three files, with further options."""
    texts = {"theirs.txt": THEIRS, "test.txt": REFERENCES, "train.txt": TRAINING}
    for name, lines in texts.items():
        Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lambda *more: textgan("evaluate", *FILES, *METRICS, *more)


def test_figures_for_programs_are_those_of_the_table(evaluate: Command) -> None:
    result = evaluate("--json", "out.json")
    assert result.code == 0
    rows = json.loads(Path("out.json").read_text("utf-8"))
    assert [row["name"] for row in rows] == ["training text (train.txt)", floor.NAME, "theirs.txt"]
    assert all(row["protocol"] == result.lines[-1] for row in rows)
    names = list(rows[0]["figures"])
    assert names[:5] == ["BLEU-2", "BLEU-3", "BLEU-4", "BLEU-5", "distinct-1"]
    for name, line in zip(names, result.lines[1:], strict=False):
        figures = [row["figures"][name] for row in rows]
        assert line.split("  ")[0] == name
        assert [cell.strip() for cell in line.split("  ")[1:] if cell] == [
            f"{figure['value']:.3f} ±{figure['stderr']:.3f}" for figure in figures
        ]
        assert figures[2]["n"] in (3, 4)


def test_the_page_shows_each_text_with_its_nearest_training_text(evaluate: Command) -> None:
    assert evaluate("--html", "report.html").code == 0
    page = Path("report.html").read_text("utf-8")
    theirs = page[page.rindex('id="samples"') :].rpartition("theirs.txt")[2]
    pairs = re.findall(r"sample \d+</span>(.*?)</p>\s*<p>.*?</span>(.*?)</p>", theirs)
    assert pairs == [
        ("a sea was old .", "a sea was old and gray ."),
        ("the sun is &lt;b&gt;low&lt;/b&gt; .", "the sun is low ."),
        ("the moon is red .", "the moon is red ."),
    ]
    assert {path.name for path in Path().glob("report*")} == {
        *(f"report.{kind}" for kind in ("html", "tex", "csv", "json")),
        "report-plots",
    }
    assert list(Path("report-plots").glob("*.png"))
    assert "smoothing:method1(0.1)" in page


def test_no_row_has_the_name_of_another() -> None:
    rows = [evaluation.Row(name, {name: None}, "") for name in ("a", floor.NAME, "b", floor.NAME)]
    evaluation.alike(rows)
    assert [row.name for row in rows] == ["a", floor.NAME, "b", f"{floor.NAME} (2)"]
    assert {tuple(row.figures) for row in rows} == {("a", floor.NAME, "b")}


def test_axes_are_those_of_the_rows_that_have_such_a_figure() -> None:
    figure = Estimate(1.0, 0.1, 9)
    text, language = (evaluation.Row(n, {n: figure}, "") for n in ("LM score", "NLL_oracle"))
    assert evaluation_report.axes_of([text]) == evaluation_report.OF_TEXT
    assert evaluation_report.axes_of([language]) == evaluation_report.OF_LANGUAGE
    both = evaluation.alike([text, language])
    assert evaluation_report.axes_of(both) == evaluation_report.OF_BOTH
    assert evaluation_report.axes_of(both[:1]) == evaluation_report.OF_TEXT


def test_nearest_texts_are_found_one_by_one() -> None:
    tokens, training = ([text.split() for text in texts] for texts in (THEIRS, TRAINING))
    e = Evaluation(THEIRS, tokens, REFERENCES, [], TRAINING, training)
    shown = evaluation_report.samples(evaluation.Row("theirs", {}, "", e))
    places = [nearest([text], training)[0].place for text in tokens]
    assert places == [1, 2, 0]
    assert [(each.text, each.nearest) for each in shown] == [
        (text, TRAINING[place]) for text, place in zip(THEIRS, places, strict=True)
    ]


def test_without_training_texts_nothing_is_near() -> None:
    e = Evaluation(THEIRS * 4, [text.split() for text in THEIRS * 4], REFERENCES, [])
    shown = evaluation_report.samples(evaluation.Row("theirs", {}, "", e))
    assert [each.text for each in shown] == (THEIRS * 4)[:8]
    assert {each.nearest for each in shown} == {""}


def test_the_table_for_latex_has_errors_and_the_protocol_in_its_caption(evaluate: Command) -> None:
    result = evaluate("--latex", "table.tex", "--json", "out.json")
    assert result.code == 0
    table = Path("table.tex").read_text("utf-8")
    assert r"\toprule" in table and r"\bottomrule" in table
    caption = next(line for line in table.splitlines() if line.startswith(r"\caption"))
    assert result.lines[-1] == re.sub(
        r"\\textbar\{\}", "|", caption.partition(r"\texttt{")[2].replace(r"\allowbreak{}", "")
    ).replace("\\_", "_").rstrip("}")
    figure = json.loads(Path("out.json").read_text("utf-8"))[2]["figures"]["BLEU-2"]
    assert f"{figure['value']:.2f}" in table


def test_a_single_text_s_figures_are_json_that_any_program_reads(evaluate: Command) -> None:
    Path("theirs.txt").write_text("the moon\n", encoding="utf-8")
    assert evaluate("--json", "out.json").code == 0

    def refused(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    rows = json.loads(Path("out.json").read_text("utf-8"), parse_constant=refused)
    assert rows[2]["figures"]["BLEU-2"]["stderr"] is None


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ("--json", "no/out.json"),
            "--json: no/out.json can't be written (No such file or directory)",
        ),
        (("--json", "file/out.json"), "--json: file/out.json can't be written (Not a directory)"),
        (("--json", "folder"), "--json: folder is a folder; give a file's name"),
        (("--latex", "no/t.tex"), "--latex: no/t.tex can't be written (No such file or directory)"),
        (("--html", "report.htm"), "--html: report.htm: a report's name ends in .html"),
        (
            ("--html", "file/new/report.html"),
            "--html: file/new/report.html can't be written (file is no folder)",
        ),
    ],
)
def test_what_can_t_be_written_is_one_line_before_anything_is_scored(
    words: tuple[str, ...], error: str, evaluate: Command
) -> None:
    Path("file").write_text("", encoding="utf-8")
    Path("folder").mkdir()
    result = evaluate(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines() == [f"error: {error}"]


def test_what_turns_out_unwritable_leaves_the_table_on_the_screen(evaluate: Command) -> None:
    Path("report-plots").write_text("", encoding="utf-8")  # where the plots go
    result = evaluate("--html", "report.html")
    assert result.code == 2
    assert result.lines[1].startswith("BLEU-2")
    assert result.err == "error: report-plots: can't be written (File exists)\n"


def test_a_reader_that_has_enough_leaves_the_files_to_be_written(
    evaluate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", closefd=False) as pipe, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        result = evaluate("--json", "out.json")
    os.close(writer)
    assert (result.code, result.err) == (0, "")
    assert len(json.loads(Path("out.json").read_text("utf-8"))) == 3


def test_a_corpus_with_too_few_test_texts_is_named(textgan: Command, pretrained: Path) -> None:
    result = textgan("evaluate", pretrained, "--metrics", "mauve")
    assert result.code == 2
    assert result.err.splitlines()[-1] == (
        f"error: {pretrained.parents[1] / 'poems.txt'}: too few test texts, 6: MAUVE: needs at "
        "least 20 texts and 20 references, got 6 and 6"
    )
