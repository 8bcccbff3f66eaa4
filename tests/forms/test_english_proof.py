"""Poems of the shipped model before a judge who has his sounds from espeak-ng."""

import json
from pathlib import Path

import pytest

from tools.english_judge import FORMS, judge
from tools.prove_english import drawn, tally

PAGE = Path(__file__).resolve().parents[2] / "docs/poetry/english.md"
COUPLET = "the moon above the river shows her light,\nand all the stars are walking in the night."


def test_the_judge_knows_right_from_wrong() -> None:
    assert not judge(COUPLET, "couplet")
    for old, new, kind in (
        ("her light", "light", "syllables"),
        ("the night", "the dark", "rhyme"),
        ("the night", "the light", "same word"),
        ("in the night", "delight", "onset"),
        (",\n", ", ", "lines"),
    ):
        faults = judge(COUPLET.replace(old, new), "couplet")
        assert kind in {fault.kind for fault in faults if not fault.disputed}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_ten_thousand_poems_stand_before_the_judge(form: str) -> None:
    found = tally(drawn(10_000, form=form), form)
    assert found["poems"] == 10_000 and not found["wrong"]
    assert found["clean"] > 0.5 * found["poems"]


def test_the_page_shows_the_last_result() -> None:
    found = json.loads((PAGE.with_suffix(".json")).read_text("utf-8"))
    for form in FORMS:
        counts = [found[form][kind] for kind in ("poems", "distinct", "clean", "disputed", "wrong")]
        assert counts[0] == 10_000 and not counts[-1]
        assert "| ".join([f"| {form} ", *(f"{n:,} " for n in counts)]) in PAGE.read_text("utf-8")
