"""Poems of the shipped model before a judge who has his tones from another book."""

import json
from pathlib import Path

import pytest

from tools.chinese_judge import SHAPES, judge
from tools.prove_chinese import drawn, tally

PAGE = Path(__file__).resolve().parents[2] / "docs/poetry/chinese.md"
POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


def test_the_judge_knows_right_from_wrong() -> None:
    assert judge(POEM, "五绝").clean
    assert judge("朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。", "七绝").clean
    for wrong, fault in (
        ("更上一层山", ("流", "十五刪")),
        ("更上高层楼", ("高", "仄")),
        ("更上一里楼", ("里", "平")),
    ):
        verdict = judge(POEM.replace("更上一层楼", wrong), "五绝")
        assert fault in verdict.faults and not verdict.disputed
    assert judge(POEM.replace("楼", "流"), "五绝").faults == (("流", "no repeat"),)
    for cut in (POEM[:-1], POEM.replace("，", "。"), POEM.replace("白日", "白")):
        assert judge(cut, "五绝").shape


@pytest.mark.parametrize("form", SHAPES)
def test_some_poems_stand_before_the_judge(form: str) -> None:
    found = tally(drawn(form, 40), form)
    assert found["poems"] == 40 and not found["wrong"]


@pytest.mark.slow
@pytest.mark.parametrize("form", SHAPES)
def test_ten_thousand_poems_stand_before_the_judge(form: str) -> None:
    found = tally(drawn(form, 10_000), form)
    assert found["poems"] == 10_000 and not found["wrong"]
    assert found["clean"] > 0.5 * found["poems"]


def test_the_page_shows_the_last_result() -> None:
    found = json.loads((PAGE.with_suffix(".json")).read_text("utf-8"))
    for form in SHAPES:
        counts = [found[form][kind] for kind in ("poems", "distinct", "clean", "disputed", "wrong")]
        assert counts[0] == 10_000 and not counts[-1]
        assert "| ".join([f"| {form} ", *(f"{n:,} " for n in counts)]) in PAGE.read_text("utf-8")
