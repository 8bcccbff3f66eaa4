"""The rules of verse on poems that are known to keep or to break them, and on a human corpus."""

import subprocess
import sys
from pathlib import Path

import pytest

from textgan.metrics import METRICS
from textgan.metrics.base import Evaluation
from textgan.metrics.form import unknown
from textgan.metrics.form_chinese import RULES, rules

DATA = Path(__file__).resolve().parents[3] / "shared/data"
REGULAR = "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。"
SEVEN = "朝辭白帝彩雲間，千里江陵一日還。兩岸猿聲啼不住，輕舟已過萬重山。"
EIGHT = (
    "國破山河在，城春草木深。感時花濺淚，恨別鳥驚心。"
    "烽火連三月，家書抵萬金。白頭搔更短，渾欲不勝簪。"
)
OLD = "牀前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。"


def broken(poem: str, *others: str) -> set[str]:
    """The rules that a poem breaks, but for those that say whether it breaks any."""
    found = rules([poem], [poem, *others])
    assert tuple(found) == RULES
    lost = {rule for rule, kept in found.items() if kept == [False]}
    assert ("strict, tails" in lost) == bool(lost)
    assert ("strict" in lost) == bool(
        lost - {"no three level", "no three oblique", "strict, tails"}
    )
    return lost - {"strict", "strict, tails"}


@pytest.mark.parametrize("poem", [REGULAR, SEVEN, EIGHT])
def test_famous_regulated_poems_keep_every_rule(poem: str) -> None:
    assert broken(poem) == set()


def test_script_and_white_space_change_nothing() -> None:
    assert broken("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。") == set()
    assert broken(" ".join(REGULAR)) == set()
    assert broken(REGULAR.replace("，", "\n").replace("。", "\n")) == set()


@pytest.mark.parametrize(
    ("poem", "rule"),
    [
        ("白日依山盡，黃河入海流。欲窮千里目，更上一層山。", "rhyme"),
        ("白日依山盡，黃河入海流。欲窮千里光，更上一層樓。", "oblique ends"),
        ("白日依山盡，黃河入海流。欲窮千里目，更上一山流。", "distinct rhymes"),
        ("白日依山盡，黃河入海流。欲窮上里目，更上一層樓。", "no three oblique"),
        ("白日依山盡，黃河入海流。欲窮千里目，更上高層樓。", "no three level"),
        ("白日依山盡，一河入海流。欲窮千里目，更上一層樓。", "no lone level"),
        ("白日依目盡，黃河入海流。欲窮千里目，更上一層樓。", "alternation"),
    ],
)
def test_a_single_fault_is_seen(poem: str, rule: str) -> None:
    assert rule in broken(poem)


def test_each_fault_of_the_tables_is_alone() -> None:
    assert broken("白日依山盡，黃河入海流。欲窮上里目，更上一層樓。") == {"no three oblique"}
    assert broken("白日依山盡，黃河入海流。欲窮千里目，更上高層樓。") == {"no three level"}
    assert broken("白日依山盡，黃河入海流。欲窮千里目，更上一層山。") == {"rhyme"}


def test_old_verse_breaks_adhesion_or_alternation() -> None:
    assert {"alternation", "opposition"} & broken(OLD)
    # Couplets the other way round: each is right in itself.
    assert broken("白日依山盡，黃河入海流。更上千層目，窮來千里樓。") == {"adhesion"}


def test_a_poem_of_another_shape_keeps_no_rule() -> None:
    assert broken(SEVEN, REGULAR, OLD) == set(RULES) - {"strict", "strict, tails"}


@pytest.mark.parametrize(
    "human", [["a man is riding a wave"], ["白日依山。"], ["白日依山盡。"], [REGULAR, SEVEN, EIGHT]]
)
def test_there_are_no_rules_without_a_form(human: list[str]) -> None:
    assert rules([REGULAR], human) == {}


def test_prose_is_left_out_with_the_reason() -> None:
    prose = ["a man is riding a wave", "two dogs"]
    e = Evaluation(prose, [t.split() for t in prose], prose, [t.split() for t in prose])
    assert METRICS["form"](e) == {}
    assert unknown(prose) == "the real texts are in no form of verse that it knows"
    assert unknown([REGULAR]) is None


def test_shares_have_their_errors() -> None:
    poems = [REGULAR] * 3 + [OLD]
    e = Evaluation(poems, [[*p] for p in poems], [REGULAR], [[*REGULAR]])
    found = METRICS["form"](e)
    assert list(found) == [f"form: {rule}" for rule in RULES]
    strict = found["form: strict"]
    assert strict is not None
    assert strict.value == 0.75 and strict.n == 4 and strict.stderr == pytest.approx(0.25)


def test_scoring_needs_no_torch() -> None:
    code = "import sys; import textgan.metrics.form_chinese; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not DATA.exists(), reason="no ../shared")
def test_tang_quatrains_are_as_strict_as_is_known() -> None:
    poems = (DATA / "tang_quatrain_5/all.txt").read_text("utf-8").splitlines()
    found = rules(poems, poems)
    share = {rule: sum(kept) / len(poems) for rule, kept in found.items()}
    error = (0.47 * 0.53 / len(poems)) ** 0.5
    assert share["strict"] == pytest.approx(0.470, abs=2 * error)
    assert share["strict, tails"] == pytest.approx(0.403, abs=0.001)
