"""Rules of English verse: real quatrains, and what each fault costs."""

from textgan.metrics.form import unknown
from textgan.metrics.form_english import rules, syllables

PLAIN = (
    "the moon above the river shows her light ,\nand all the stars are walking on the sea ;\n"
    "i hear the wind that wanders in the night ,\nand every wave is calling unto thee ."
)
ABBA = "\n".join(PLAIN.split("\n")[i] for i in (0, 1, 3, 2))
HUMAN = [PLAIN, ABBA, PLAIN]


def one(poem: str) -> dict[str, bool]:
    return {rule: passed for rule, [passed] in rules([poem], HUMAN).items()}


def test_human_poems_keep_their_own_rules() -> None:
    assert all(map(all, rules(HUMAN, HUMAN).values()))
    assert all(one(ABBA).values())


def test_each_fault_breaks_its_rule() -> None:
    for poem, rule in (
        (PLAIN.replace("\n", " , ", 1), "lines"),
        (PLAIN.replace("her light", "light"), "syllables"),
        (PLAIN.replace("the night", "the dark"), "rhyme"),
        (PLAIN.replace("the night", "the light"), "no self-rhyme"),
        (PLAIN.replace("above the", "river above"), "iambic"),
    ):
        found = one(poem)
        assert not found[rule] and not found["strict"], rule
        if rule not in ("lines", "iambic"):
            assert sum(not passed for passed in found.values()) == 2, (rule, found)


def test_haiku_have_no_rhyme_to_keep() -> None:
    haiku = ["the old still pond here\na green frog leaps into it\nthe sound of water"] * 3
    assert set(rules(haiku, haiku)) >= {"lines", "syllables", "strict"}
    assert "rhyme" not in rules(haiku, haiku)


def test_unknown_words_count_their_vowels() -> None:
    assert [*map(syllables, ("lov'd", "beauteous", "summer's", "drear"))] == [1, 2, 2, 1]


def test_prose_and_single_lines_are_no_verse() -> None:
    assert rules([PLAIN], ["a man is riding a wave", "two dogs"]) == {}
    assert unknown(["two dogs", "a man"]) and unknown(HUMAN) is None
