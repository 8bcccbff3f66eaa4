"""The files of `evaluate`: figures for programs, a table for LaTeX, a page with texts."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Command
from textgan import evaluation, evaluation_report, floor
from textgan.metrics import Evaluation
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
        (("--json", "no/out.json"), "--json: no/out.json can't be written (No such file or"),
        (("--latex", "no/t.tex"), "--latex: no/t.tex can't be written (No such file or directory)"),
        (("--html", "report.htm"), "report.htm: a report's name ends in .html"),
        (("--html", "file/report.html"), "file/report-plots: can't be written (Not a directory)"),
    ],
)
def test_what_can_t_be_written_is_one_line(
    words: tuple[str, ...], error: str, evaluate: Command
) -> None:
    Path("file").write_text("", encoding="utf-8")
    result = evaluate(*words)
    assert result.code == 2
    [line] = result.err.splitlines()
    assert line.startswith(f"error: {error}")
