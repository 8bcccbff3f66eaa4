"""README.md and its Chinese translation show the same code, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from textgan.methods import METHODS
from tools import methods_table

ROOT = Path(__file__).resolve().parent.parent
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def blocks(readme: Path) -> list[str]:
    """The fenced code blocks, fences included, as they stand in the file's bytes."""
    return FENCED.findall(readme.read_bytes().decode("utf-8"))


def relative_links(readme: Path) -> list[str]:
    """The targets without their anchors; links within the page and to other sites left out."""
    prose = FENCED.sub("", readme.read_text("utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [t.partition("#")[0] for t in targets if not re.match(r"#|[a-z]+:", t)]


def test_the_translation_has_every_code_block_in_order() -> None:
    assert blocks(ENGLISH)
    assert blocks(CHINESE) == blocks(ENGLISH)


def test_the_translation_has_the_same_sections_and_links() -> None:
    def levels(readme: Path) -> list[str]:
        return re.findall(r"^#+(?= )", FENCED.sub("", readme.read_text("utf-8")), re.MULTILINE)

    assert levels(CHINESE) == levels(ENGLISH)
    assert relative_links(CHINESE)[1:] == relative_links(ENGLISH)[1:]  # the first is the other


@pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=lambda path: path.name)
def test_relative_links_lead_to_something(readme: Path) -> None:
    links = relative_links(readme)
    assert links[0] == (CHINESE if readme == ENGLISH else ENGLISH).name
    assert [link for link in links if not (readme.parent / link).exists()] == []


def test_the_table_of_methods_is_filled_from_its_sources() -> None:
    assert methods_table.main(["--check"]) == 0
    rows = methods_table.ROW.findall((ROOT / "README.md").read_text("utf-8"))
    shared = {"leakgan_mle", "random_reward", "frozen_discriminator", "mle_continued"}
    assert {name for _, name, _ in rows} == set(METHODS) - shared  # they stand in others' rows


def test_a_stale_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    row = "| gcn | 0.4 0.2 | 0.3 0.1 | 1 | 1 | 1 | 1 | passes |\n"
    (tmp_path / "docs/learning.md").write_text(row, "utf-8")
    for name in methods_table.READMES:
        (tmp_path / name).write_text("| [`gcn`](a.py) | a paper | old |\n", "utf-8")
    assert methods_table.main(["--check"], tmp_path) == 1
    assert methods_table.main([], tmp_path) == 0
    expected = "| [`gcn`](a.py) | a paper |  | 0.300 → 0.200 |  |\n"
    assert (tmp_path / "README.md").read_text("utf-8") == expected
    assert methods_table.main(["--check"], tmp_path) == 0
