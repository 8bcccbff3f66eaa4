"""The bundled corpora: their format, that no template filled them in, that they are new.

What these tests take for a word, a skeleton and a repeat stands in the functions below; the
checkers themselves are tried on texts that must fail.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORPORA = ROOT / "corpora"
DATA = ROOT.parent / "shared" / "data"

# On lower-cased text: letters, inner apostrophes and hyphens belong to the word; a number with its
# points and commas is one word; punctuation is no word, so it can't tell two skeletons apart.
WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*|\d+(?:[.,:]\d+)*")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
ZH_LINE = re.compile(r"[\u4e00-\u9fff]{5}[，。？！、；]")
LABELS = {
    "business",
    "culture",
    "health",
    "local",
    "politics",
    "science",
    "sports",
    "weather",
}


def read(name: str) -> str:
    return (CORPORA / name).read_bytes().decode("utf-8")


def poems(name: str) -> list[list[str]]:
    """Poems stand with exactly one blank line between them: a further one makes an empty line."""
    return [poem.split("\n") for poem in read(name).removesuffix("\n").split("\n\n")]


def lines_of(name: str) -> list[str]:
    return [line for poem in poems(name) for line in poem]


def news() -> list[dict[str, str]]:
    return [json.loads(row) for row in read("news_en.jsonl").splitlines()]


def sentences() -> list[str]:
    return [row["text"] for row in news()]


def han_lines(text: str) -> list[str]:
    """Runs of Chinese characters, with the blanks between split characters taken out."""
    return HAN.findall(text.replace(" ", ""))


def fold(text: str) -> str:
    """Case, punctuation and spacing gone: `The moon!` and `the  Moon` are one line."""
    return "".join(char for char in text.casefold() if char.isalnum())


def repeats(lines: Iterable[str]) -> list[str]:
    counts = Counter(fold(line) for line in lines)
    return [line for line, count in counts.items() if count > 1]


def skeletons(lines: Iterable[str], kept: int = 50) -> list[str]:
    """Each line with all words but the `kept` commonest of `lines` (ties: by spelling) as `_`."""
    words = [WORD.findall(line.lower()) for line in lines]
    counts = Counter(word for line in words for word in line)
    common = set(sorted(counts, key=lambda word: (-counts[word], word))[:kept])
    return [" ".join(word if word in common else "_" for word in line) for line in words]


def skeleton_shares(lines: Sequence[str]) -> tuple[float, float]:
    """Share of lines whose skeleton no other line has; share of lines with the commonest one."""
    counts = Counter(skeletons(lines))
    own = sum(1 for count in counts.values() if count == 1)
    return own / len(lines), max(counts.values()) / len(lines)


def repeated_grams(lines: Iterable[str], n: int = 4) -> float:
    """Share of the n-grams (of characters, inside lines) that occur more than once."""
    counts = Counter(line[i : i + n] for line in lines for i in range(len(line) - n + 1))
    return sum(count for count in counts.values() if count > 1) / counts.total()


# The checkers


def test_templated_lines_fail_the_skeleton_check() -> None:
    nouns = [a + b for a in "bcdfglmnprstvw" for b in ("ale", "eed", "ill", "oar", "ush")]
    templated = [f"The {noun} is on the {other}." for noun in nouns for other in nouns[:5]]
    assert repeats(templated) == []
    own, commonest = skeleton_shares(templated)
    assert own < 0.95
    assert commonest > 0.01


def test_one_template_among_real_lines_fails_the_skeleton_check() -> None:
    real = lines_of("poems_en.txt")[:1000]
    rare = sorted({word for line in real for word in WORD.findall(line.lower()) if len(word) > 7})
    assert skeleton_shares(real)[0] >= 0.95
    own, commonest = skeleton_shares(
        [*real, *(f"Beyond the {word}, a {word}." for word in rare[:60])]
    )
    assert own < 0.95
    assert commonest > 0.01


def test_punctuation_and_case_make_no_skeleton() -> None:
    assert (
        len(set(skeletons(["The moon, the sea!", "the moon the sea", "THE MOON: the -- sea?"])))
        == 1
    )
    assert skeletons(["the old dog", "the cat", "the 3,000 hens"], kept=1) == [
        "the _ _",
        "the _",
        "the _ _",
    ]


def test_skeletons_break_ties_by_spelling() -> None:
    assert skeletons(["zinc ant", "ant zinc"], kept=1) == ["_ ant", "ant _"]


def test_repeats_are_found_through_case_and_punctuation() -> None:
    assert repeats(["The moon is up.", "the moon, is up", "The moon is out."]) == ["themoonisup"]
    assert repeats(["床前有月", "床前有月。"]) == ["床前有月"]


def test_templated_chinese_fails_the_gram_check() -> None:
    assert repeated_grams([f"{char}来山水间" for char in "春夏秋冬"]) == 0.5
    assert repeated_grams(["春来山水间", "夏夜听蛙声"]) == 0.0


# The files


@pytest.mark.parametrize("name", ["poems_en.txt", "poems_zh.txt", "news_en.jsonl"])
def test_files_are_clean(name: str) -> None:
    text = read(name)
    assert text == unicodedata.normalize("NFC", text)
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert "\r" not in text and "\t" not in text and "\ufeff" not in text
    bad = [line for line in text.splitlines() if line != line.strip() or "  " in line]
    assert bad == []
    assert name == "poems_zh.txt" or text.isascii()


def test_english_poems_are_quatrains() -> None:
    found = poems("poems_en.txt")
    assert len(found) >= 800
    assert [p for p in found if len(p) != 4 or not all(p)] == []


def test_chinese_poems_are_five_character_quatrains() -> None:
    found = poems("poems_zh.txt")
    assert len(found) >= 600
    assert [p for p in found if len(p) != 4] == []
    assert [line for line in lines_of("poems_zh.txt") if not ZH_LINE.fullmatch(line)] == []


def test_news_rows_have_a_text_and_a_label() -> None:
    rows = news()
    assert len(rows) >= 1500
    assert [row for row in rows if list(row) != ["text", "label"]] == []
    assert {row["label"] for row in rows} == LABELS
    assert [row for row in rows if not re.search(r"[.?!]\"?$", row["text"])] == []


def test_every_tenth_of_the_news_has_every_label() -> None:
    labels = [row["label"] for row in news()]
    tenth = len(labels) // 10
    parts = [labels[i : i + tenth] for i in range(0, 10 * tenth, tenth)]
    assert [part for part in parts if set(part) != LABELS] == []


@pytest.mark.parametrize("texts", [lambda: lines_of("poems_en.txt"), sentences])
def test_english_lines_have_skeletons_of_their_own(texts: Callable[[], list[str]]) -> None:
    own, commonest = skeleton_shares(texts())
    assert own >= 0.95
    assert commonest <= 0.01


@pytest.mark.parametrize(
    "texts", [lambda: lines_of("poems_en.txt"), lambda: lines_of("poems_zh.txt"), sentences]
)
def test_no_line_stands_twice(texts: Callable[[], list[str]]) -> None:
    assert repeats(texts()) == []


def test_chinese_lines_share_few_four_grams() -> None:
    assert repeated_grams(han_lines(read("poems_zh.txt"))) <= 0.02


# Older texts, where they are at hand


def older(*parts: str) -> str:
    path = DATA.joinpath(*parts)
    if not path.is_file():
        pytest.skip(f"the older texts to compare with are not here: {'/'.join(parts)}")
    return path.read_text(encoding="utf-8")


def test_no_english_line_stands_in_older_sonnets() -> None:
    known = {fold(line) for line in older("sonnets", "sonnets.txt").splitlines()}
    assert len(known) > 10_000
    assert [line for line in lines_of("poems_en.txt") if fold(line) in known] == []


# The second file is in traditional script: unconverted, it gives away only those lines whose
# characters are the same in both.
@pytest.mark.parametrize("folder", ["shi", "tang_quatrain_5"])
def test_no_chinese_line_stands_in_older_poems(folder: str) -> None:
    known = set(han_lines(older(folder, "all.txt")))
    assert len(known) > 10_000
    assert [line for line in han_lines(read("poems_zh.txt")) if line in known] == []


@pytest.mark.parametrize("part", ["train.txt", "test.txt"])
def test_no_sentence_stands_in_older_news(part: str) -> None:
    known = {fold(line) for line in older("emnlp_news", part).splitlines()}
    assert len(known) > 5_000
    assert [text for text in sentences() if fold(text) in known] == []
