"""The report: what is bold, and that any text comes out of page, table and data as it went in."""

import csv
import io
import json
import math
import re
import sys
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.metrics.estimate import Estimate
from textgan.report import Line, Report, Sample, latex, tables, write

NASTY = "<b>关关雎鸠</b> & 50 % of $x_1$ #2 {\\} ~^ |\"'"
PROTOCOL = "hypotheses:10|smoothing:method1(0.1)|seed:0"


@dataclass
class Row:
    name: str
    figures: dict[str, Estimate | None]
    protocol: str = PROTOCOL


ROWS = [
    Row("real text", {"BLEU-2": Estimate(0.9, 0.001, 10), "KL(p||g)": None}),
    Row("_mle", {"BLEU-2": Estimate(0.6124, 0.0043, 10), "KL(p||g)": Estimate(0.3, 0.1, 10)}),
    Row(NASTY, {"BLEU-2": Estimate(0.7, 0.01, 10), "KL(p||g)": Estimate(math.inf, math.nan, 10)}),
]
REPORT = Report(
    f"A report of {NASTY}",
    ROWS,
    ceilings=frozenset(["real text"]),
    better={"BLEU-2": "higher", "KL(p||g)": "lower"},
    verdicts=[f"no difference shown: {NASTY}"],
    lines=[
        Line("_mle", 0, ["temperature 1", "temperature 2"], np.array([[1.0, 2.0], [2.0, 1.5]])),
        Line(NASTY, 1, ["top-k 5"], np.array([[1.5, np.inf]])),
    ],
    axes=("NLL_oracle", "NLL_test"),
    samples={NASTY: [Sample(f"one\n{NASTY}", "<script>alert(1)</script>"), Sample("", "two")]},
    configurations={"_mle": f"corpus:\n  path: {NASTY}\n"},
)


def bold(report: Report, figure: str) -> list[bool]:
    return [cell is not None and cell.best for cell in tables.cells(report, figure)]


def two(a: tuple[float, float], b: tuple[float, float], **more: object) -> Report:
    rows = [Row(name, {"x": Estimate(*each, 9)}) for name, each in zip("ab", (a, b), strict=True)]
    return replace(Report("", rows, better={"x": "lower"}), **more)


def test_only_what_is_better_by_more_than_chance_is_bold() -> None:
    assert bold(two((0.5, 0.03), (0.6, 0.04)), "x") == [True, False]  # 0.1 > 1.96 × 0.05
    assert bold(two((0.5, 0.03), (0.597, 0.04)), "x") == [False, False]
    assert bold(two((0.5, 0.03), (0.6, 0.04), better={"x": "higher"}), "x") == [False, True]
    assert bold(two((0.5, 0.03), (0.6, 0.04), better={}), "x") == [False, False]
    assert bold(two((0.5, 0.03), (0.6, math.nan)), "x") == [False, False]
    assert bold(two((0.5, math.nan), (math.inf, math.nan)), "x") == [True, False]
    assert bold(two((math.inf, math.nan), (math.inf, math.nan)), "x") == [False, False]
    assert bold(two((0.5, 0.03), (0.6, 0.04), ceilings=frozenset("a")), "x") == [False, False]


def test_the_best_of_three_must_be_clear_of_both_others() -> None:
    report = two((0.1, 0.01), (0.9, 0.01))
    third = Row("c", {"x": Estimate(0.12, 0.01, 9)})
    assert bold(replace(report, rows=[*report.rows, third]), "x") == [False] * 3
    third.figures["x"] = Estimate(0.2, 0.01, 9)
    assert bold(replace(report, rows=[*report.rows, third]), "x") == [True, False, False]
    assert bold(REPORT, "BLEU-2") == [False, False, True]  # real text doesn't compete
    assert bold(REPORT, "KL(p||g)") == [False, True, False]


def test_the_best_is_the_best_of_its_own_test_texts() -> None:
    values = {
        "a": ("test:1", 0.1),
        "b": ("test:1", 0.5),
        "c": ("test:2", 0.3),
        "d": ("test:2", 0.9),
    }
    rows = [Row(name, {"x": Estimate(v, 0.01, 9)}, t) for name, (t, v) in values.items()]
    report = Report("", rows, better={"x": "lower"})
    assert bold(report, "x") == [True, False, True, False]
    assert bold(replace(report, rows=rows[:3]), "x") == [True, False, False]  # c is alone


def test_the_fingerprint_says_once_what_all_share() -> None:
    assert tables.fingerprint(ROWS) == (PROTOCOL, [])
    rows = [Row("a", {}, "n:10|tokenizer:words|seed:0"), Row("b", {}, "n:10|tokenizer:x|seed:0")]
    assert tables.fingerprint(rows) == (
        "n:10|seed:0",
        [("a", "tokenizer:words"), ("b", "tokenizer:x")],
    )


def test_csv_comes_back() -> None:
    head, *lines = csv.reader(io.StringIO(tables.figures_csv(REPORT)))
    assert head == ["model", "figure", "value", "stderr", "n", "protocol"]
    assert lines[0] == ["real text", "BLEU-2", "0.9", "0.001", "10", PROTOCOL]
    assert lines[1] == ["real text", "KL(p||g)", "", "", "", PROTOCOL]
    assert lines[5] == [NASTY, "KL(p||g)", "inf", "nan", "10", PROTOCOL]
    head, *lines = csv.reader(io.StringIO(tables.curves_csv(REPORT)))
    assert head == ["model", "seed", "setting", "NLL_oracle", "NLL_test"]
    assert lines[1:] == [
        ["_mle", "0", "temperature 2", "2.0", "1.5"],
        [NASTY, "1", "top-k 5", "1.5", "inf"],
    ]


def test_json_comes_back_and_is_json() -> None:
    found = json.loads(json.dumps(tables.as_json(REPORT), allow_nan=False))
    assert found["title"] == f"A report of {NASTY}"
    assert [row["name"] for row in found["rows"]] == ["real text", "_mle", NASTY]
    assert found["rows"][0]["figures"]["KL(p||g)"] is None
    assert found["rows"][2]["figures"]["KL(p||g)"] == {"value": "inf", "stderr": None, "n": 10}
    assert found["rows"][1]["figures"]["BLEU-2"] == {"value": 0.6124, "stderr": 0.0043, "n": 10}
    assert found["curves"][1]["points"] == [[1.5, "inf"]]
    assert found["samples"][NASTY][0] == {
        "text": f"one\n{NASTY}",
        "nearest": "<script>alert(1)</script>",
    }


class Page(HTMLParser):
    """Text, elements and attributes of a page; complains of what isn't closed."""

    EMPTY = frozenset(["meta"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, *each) for each in attrs] or [(tag, "", None)]
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, *each) for each in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("report")
    paths = write(REPORT, folder / "new" / "report.html")
    assert paths[0] == folder / "new" / "report.html"
    return {str(path.relative_to(paths[0].parent)): path for path in paths}


@pytest.fixture(scope="module")
def page(written: dict[str, Path]) -> Page:
    return Page(written["report.html"].read_text("utf-8"))


def test_what_is_written(written: dict[str, Path]) -> None:
    data = {"report.html", "report.tex", "report.csv", "report.json", "report-curves.csv"}
    plots = {"quality_and_diversity.png", "BLEU_2.png", "KL_p_g.png"}
    assert set(written) == data | {f"report-plots/{name}" for name in plots}
    for name in plots:
        assert written[f"report-plots/{name}"].read_bytes().startswith(b"\x89PNG\r\n")
    assert json.loads(written["report.json"].read_text("utf-8")) == tables.as_json(REPORT)
    assert written["report.tex"].read_text("utf-8") == latex.table(REPORT)


def test_the_page_shows_every_text_as_it_is(page: Page) -> None:
    for text in [
        f"A report of {NASTY}",
        f"no difference shown: {NASTY}",
        NASTY,
        f"one\n{NASTY}",
        "<script>alert(1)</script>",
        f"corpus:\n  path: {NASTY}\n",
        PROTOCOL,
    ]:
        assert text in page.texts
    assert page.texts.count(" " + NASTY) == 0  # shortened in plots, and escaped there too
    short = f" {NASTY[:12]}…{NASTY[-11:]}"
    assert sum(text.strip() == short.strip() for text in page.texts) == 3
    assert sum(text.strip() == "_mle" for text in page.texts) >= 3  # legend, two plots


def test_the_page_s_table(page: Page) -> None:
    assert page.cells == [
        "", "real text", "_mle", NASTY,
        "BLEU-2", "0.9000 ± 0.0010", "0.6124 ± 0.0043", "0.700 ± 0.010",
        "KL(p||g)", "–", "0.30 ± 0.10", "∞",
    ]  # fmt: skip
    strong = [tag for tag, _, _ in page.attributes].count("strong")
    assert strong == 2


def test_the_page_needs_no_network_and_runs_nothing(page: Page) -> None:
    tags = {tag for tag, _, _ in page.attributes}
    assert not tags & {"script", "link", "img", "iframe", "object", "b"}
    for _, name, value in page.attributes:
        assert not name.startswith("on"), name
        if name in ("src", "href", "xlink:href"):
            assert value is not None
            assert value.startswith("#"), value
    policy = ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'")
    assert policy in page.attributes


def test_the_page_s_links_and_ids(page: Page) -> None:
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {v[1:] for _, name, v in page.attributes if name.endswith("href") and v}
    assert targets <= set(ids)
    assert {"verdict", "figures", "curves", "plots", "samples", "configuration"} <= targets


def test_the_page_reads_on_a_phone_and_in_the_dark(written: dict[str, Path]) -> None:
    text = written["report.html"].read_text("utf-8")
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert "@media (prefers-color-scheme: dark)" in text
    assert "#111111" not in text  # the plots' ink is the text's colour
    assert text.count("currentColor") > 10


def test_the_same_report_is_the_same_page(written: dict[str, Path], tmp_path: Path) -> None:
    again = write(REPORT, tmp_path / "report.html")
    assert again[0].read_bytes() == written["report.html"].read_bytes()


def test_a_report_of_figures_alone(tmp_path: Path) -> None:
    paths = write(Report("Plain", ROWS[:1]), tmp_path / "plain.html")
    assert {path.suffix for path in paths} == {".html", ".tex", ".csv", ".json", ".png"}
    found = Page(paths[0].read_text("utf-8"))
    ids = {value for _, name, value in found.attributes if name == "id"}
    assert {"figures", "plots", "fingerprint"} <= ids
    assert not ids & {"verdict", "curves", "samples", "configuration"}


UNESCAPED = {sign: name for name, sign in latex.SPECIAL.items()}


def unescape(text: str) -> str:
    """LaTeX text back to plain text; an assertion where LaTeX would read a sign as its own."""
    parts = re.findall(r"\\text\w+\{\}|\$\\(?:pm|infty)\$|\\[^\w\s]|\\_|[^\\]", text)
    assert "".join(parts) == text
    assert not [part for part in parts if len(part) == 1 and part in r"\{}$&#%_~^<>|"]
    return "".join(UNESCAPED.get(part, part) for part in parts)


def test_latex_text_comes_back() -> None:
    assert unescape(latex.escape(NASTY)) == NASTY
    assert unescape(latex.escape("a ± ∞")) == "a ± ∞"
    assert latex.escape("two\n\nlines\x00") == "two lines"
    with pytest.raises(AssertionError):
        unescape(NASTY)


def test_the_latex_table() -> None:
    text = latex.table(REPORT)
    comment, rest = text.split("\n", 1)
    assert comment.startswith("% ")
    assert not re.search(r"(?<!\\)%", rest)
    bare = re.sub(r"\\[{}\\]", "", rest)
    depth = np.cumsum([{"{": 1, "}": -1}.get(sign, 0) for sign in bare])
    assert depth.min() >= 0
    assert depth[-1] == 0
    assert re.findall(r"\\(begin|end)\{(\w+)\}", rest) == [
        ("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table"),
    ]  # fmt: skip
    lines = [line for line in rest.split("\n") if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", line)) for line in lines] == [3, 3, 3]
    assert lines[1:] == [
        r"BLEU-2 & $0.9000 \pm 0.0010$ & $0.6124 \pm 0.0043$ & $\mathbf{0.700} \pm 0.010$ \\",
        r"KL(p\textbar{}\textbar{}g) & -- & $\mathbf{0.30} \pm 0.10$ & $\infty$ \\",
    ]
    assert r"\begin{tabular}{lrrr}" in rest


def test_the_caption_has_title_and_fingerprint() -> None:
    caption = next(line for line in latex.table(REPORT).split("\n") if r"\caption" in line)
    plain = unescape_caption(caption)
    assert plain.startswith(f"A report of {NASTY}. ± is one standard error. Bold: better than")
    assert plain.endswith(PROTOCOL)


def unescape_caption(line: str) -> str:
    inner = re.fullmatch(r"\\caption\{(.*)\{\\footnotesize \\texttt\{(.*)\}\}\}", line)
    assert inner is not None
    return unescape("".join(inner.groups()).replace(r"\allowbreak{}", ""))


def test_a_report_without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "textgan.report.plots", raising=False)
    monkeypatch.delattr("textgan.report.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = "a report needs matplotlib, which isn't installed; pip install 'textgan[report]'"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        write(REPORT, tmp_path / "report.html")


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message = f"{tmp_path / 'file' / 'report-plots'}: can't be written (Not a directory)"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        write(REPORT, tmp_path / "file" / "report.html")


def test_a_report_is_a_page(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"report\.csv: a report's name ends in \.html$"):
        write(REPORT, tmp_path / "report.csv")
    assert not any(tmp_path.iterdir())
