"""docs/methods: a page for every method, with the source and the results as they are now."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from textgan.config import read_yaml
from textgan.methods import METHODS
from tools import pages

ROOT = Path(__file__).parent.parent
PAGES = {page.stem: page.read_text("utf-8") for page in sorted((ROOT / pages.PAGES).glob("*.md"))}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
each_page = pytest.mark.parametrize("name", PAGES)


def blocks(name: str, language: str) -> str:
    """What a page has in one language, without the blocks of results."""
    text = re.sub(r"<!-- result .*?<!-- end -->", "", PAGES[name], flags=re.DOTALL)
    return "\n".join(code for kind, code in FENCED.findall(text) if kind == language)


def measured(name: str) -> list[str]:
    """The methods whose results a page shows."""
    return [
        word
        for line in re.findall(r"^<!-- result (.+?) -->$", PAGES[name], re.M)
        for word in line.split()
    ]


def commands(name: str) -> list[list[str]]:
    lines = blocks(name, "").replace("\\\n", " ").splitlines()
    return [shlex.split(line)[2:] for line in lines if line.startswith("python cli.py")]


def test_the_pages_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main(["--check"]) == 0, capsys.readouterr()


def test_every_method_has_its_place_on_one_page() -> None:
    places = {method: name for name in PAGES for method in measured(name)}
    assert sum(len(measured(name)) for name in PAGES) == len(METHODS)
    elsewhere = {method: name for method, name in places.items() if method != name}
    assert places.keys() == METHODS.keys()
    controls = ("constant_reward", "random_reward", "frozen_discriminator", "mle_continued")
    assert elsewhere == {**dict.fromkeys(controls, "controls"), "leakgan_mle": "leakgan"}


@each_page
def test_a_page_has_an_equation_and_its_source(name: str) -> None:
    equation, code = re.search(r"^ {4}\S.*$", PAGES[name], re.M), PAGES[name].find("<!-- source ")
    assert equation
    assert 0 < equation.start() < code


@each_page
def test_a_page_cites_what_it_links(name: str) -> None:
    entries = re.findall(r"^@\w+\{\w+,\n(.*?)^\}$", blocks(name, "bibtex"), re.DOTALL | re.M)
    assert entries
    for entry in entries:
        fields = dict(re.findall(r"(\w+) = \{(.*)\},?", entry))
        assert fields.keys() >= {"title", "author", "year"}
        linked = fields.get("eprint", "").partition("}")[0]
        assert linked in PAGES[name].partition("<!-- source")[0]


@each_page
def test_its_commands_name_files_that_are_there(name: str) -> None:
    named = [word for words in commands(name) for word in words if word.endswith(".yaml")]
    assert named
    assert [file for file in named if not (ROOT / file).is_file()] == []
    played = {read_yaml(f)["method"]["name"] for f in named if f.startswith("configs/methods/")}
    assert played <= set(measured(name))


@each_page
def test_its_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", FENCED.sub("", PAGES[name]))
    assert [link for link in links if not (ROOT / pages.PAGES / link).exists()] == []


# ---------------------------------------------------------------- the tool


def test_an_edited_source_makes_its_page_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "shipped_models")
    shutil.copytree(ROOT / "textgan", tmp_path / "textgan", ignore=ignored)
    shutil.copytree(ROOT / pages.PAGES, tmp_path / pages.PAGES)
    assert pages.main([], tmp_path) == 0
    capsys.readouterr()
    file = tmp_path / "textgan/methods/gcn.py"
    file.write_text(file.read_text("utf-8").replace("loss = -(weight", "loss = +(weight"), "utf-8")
    assert pages.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == "docs/methods/gcn.md is stale\n"
    assert pages.main([], tmp_path) == 0
    assert "loss = +(weight" in (tmp_path / pages.PAGES / "gcn.md").read_text("utf-8")
    assert pages.main(["--check"], tmp_path) == 0


SOURCE = '''"""A module."""

TABLE: dict[str, int] = {
    "one": 1,
    "two": max(
        1, 2
    ),
}


class Game:
    """A game."""

    plays = True

    @property
    def loss(self) -> int:
        """Short."""
        return 1

    def long(self) -> int:
        """A first line.

        Others, for those
        who read the file.
        """
        return 2  # as it is
'''
ROW = {"updates": {"generator": 60, "critic": 300}, "seconds": {"generator": 0.1234, "critic": 2}}
ROW |= {"commit": "abc"}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A checkout with one module, two methods and no page yet."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/game.py").write_text(SOURCE, "utf-8")
    (tmp_path / "textgan/methods").mkdir(parents=True)
    table = 'METHODS = {"one": 1, "two": 2, "control": 3}\n'
    (tmp_path / "textgan/methods/__init__.py").write_text(table, "utf-8")
    (tmp_path / pages.PAGES).mkdir(parents=True)
    return tmp_path


def write(root: Path, marker: str, inside: str = "") -> Path:
    page = root / pages.PAGES / "one.md"
    page.write_text(f"# One\n\n<!-- {marker} -->\n{inside}<!-- end -->\n\nEnd.\n", "utf-8")
    return page


def made(root: Path, marker: str) -> str:
    """What the tool writes between the markers."""
    page = write(root, marker, "what stood there\n")
    assert pages.main([], root) == 0
    text = page.read_text("utf-8")
    before, after = f"# One\n\n<!-- {marker} -->\n", "<!-- end -->\n\nEnd.\n"
    assert text.startswith(before)
    assert text.endswith(after)
    return text[len(before) : -len(after)]


def test_source_is_cut_out_whole_but_for_long_docstrings(small: Path) -> None:
    assert made(small, "source a/game.py Game.loss Game.long TABLE.two") == (
        "[`Game.loss`](../../a/game.py), [`Game.long`](../../a/game.py), "
        "[`TABLE.two`](../../a/game.py):\n\n"
        "```python\n"
        "@property\n"
        "def loss(self) -> int:\n"
        '    """Short."""\n'
        "    return 1\n\n"
        "def long(self) -> int:\n"
        "    return 2  # as it is\n\n"
        '"two": max(\n'
        "    1, 2\n"
        "),\n"
        "```\n"
    )


def test_a_symbol_is_one_of_the_last_file_named(small: Path) -> None:
    (small / "a/other.py").write_text("def other() -> None: ...\n", "utf-8")
    text = made(small, "source a/game.py Game.plays a/other.py other")
    assert text.endswith("```python\nplays = True\n\ndef other() -> None: ...\n```\n")
    assert text.startswith("[`Game.plays`](../../a/game.py), [`other`](../../a/other.py):\n")


def results(root: Path, **data: Any) -> None:
    about = {"machine": "an abacus", "budget": dict.fromkeys(data, "ten updates")}
    (root / pages.RESULTS).write_text(json.dumps({**about, "data": data}), "utf-8")


def test_results_stand_in_a_table_beside_start_control_and_real_text(small: Path) -> None:
    start = {"figures": {"JSD": [0.5, 0.01], "KL(p||g)": [1, 0], "BLEU-2": [9, 9]}}
    one = ROW | {"figures": {"JSD": [0.4444, 0.02]}, "text": "a b\nc"}
    rows = {"real": {"figures": {"JSD": [0, 0]}}, "start": start, "one": one, "two": one}
    results(small, oracle=rows | {"mle_continued": {"figures": {"JSD": [0.25, 0.0125]}}})
    assert made(small, "result one") == (
        "an abacus. " + pages.UNITS + "\n\nOn oracle: ten updates.\n\n"
        "| oracle | JSD | KL(p\\|\\|g) |\n"
        "| --- | --- | --- |\n"
        "| start | 0.500 ± 0.010 | 1.000 ± 0.000 |\n"
        "| **one** | 0.444 ± 0.020 |  |\n"
        "| mle_continued | 0.250 ± 0.013 |  |\n"
        "| real | 0.000 ± 0.000 |  |\n\n"
        "`one`: 60 of generator, 0.12 s each; 300 of critic, 2 s each (commit abc). "
        "Text of seed 0:\n\n"
        "```text\na b\nc\n```\n"
    )


def test_a_generator_of_its_own_stands_beside_its_own_start(small: Path) -> None:
    def row(value: float) -> dict[str, Any]:
        return ROW | {"figures": {"BLEU-4": [value, 0]}, "text": ""}

    rows = {"start": row(1), "mle_continued": row(2), "one": row(3), "two": row(4)}
    rows |= {"start:two": row(5), "mle_continued:two": row(6)}
    results(small, news=rows)

    def table(marker: str) -> list[list[str]]:
        lines = re.findall(r"^\| (\S+) \| (\d)", made(small, marker), re.M)
        return [list(line) for line in lines]

    assert table("result two") == [["start", "5"], ["**two**", "4"], ["mle_continued", "6"]]
    both = [["start", "1"], ["**one**", "3"], ["**two**", "4"], ["mle_continued", "2"]]
    assert table("result one two") == both


def test_what_is_not_measured_is_said_and_is_not_stale(small: Path) -> None:
    assert made(small, "result one") == "Not measured yet.\n"
    assert pages.main(["--check"], small) == 0
    results(small, oracle={"start": {"figures": {}}}, news={"one": {"absent": "it has no labels"}})
    assert made(small, "result one").endswith(
        "\n\n`one` on oracle: not measured yet.\n\n`one` on news: it has no labels.\n"
    )
    assert pages.main(["--check"], small) == 0


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("source a/game.py Game.los", "there is no Game.los in a/game.py"),
        ("source a/game.py TABLE.three", "there is no TABLE.three in a/game.py"),
        ("result three", "there is no METHODS.three in textgan/methods/__init__.py"),
        ("result one -->\n\n<!-- result two", "a block has no <!-- end -->, or an end no block"),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["write", "check"])
def test_a_mistake_is_one_line(
    small: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    marker: str,
    message: str,
) -> None:
    page = write(small, marker)
    before = page.read_bytes()
    assert pages.main(arguments, small) == 2
    assert capsys.readouterr() == ("", f"error: docs/methods/one.md: {message}\n")
    assert page.read_bytes() == before


def test_a_file_that_is_not_there_is_one_line(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(small, "source a/no.py f")
    assert pages.main([], small) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.match(r"error: docs/methods/one\.md: .*No such file.*a/no\.py'$", line)
