"""What a poet is told who asks for what can't be: one line, the option first, and the nearest."""

import re

import pytest
from transformers import PreTrainedTokenizerFast

from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.errors import UserError
from textgan.forms import FormOptions, open_form
from textgan.forms.chinese import opened
from textgan.forms.chinese_vocabulary import Vocabulary

POEMS = [
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
    "红豆生南国，春来发几枝。愿君多采撷，此物最相思。",
    "明月松间照，清泉石上流。竹喧归浣女，莲动下渔舟。",
    "山中相送罢，日暮掩柴扉。春草明年绿，王孙归不归。",
    "君自故乡来，应知故乡事。来日绮窗前，寒梅著花未。",
    "独坐幽篁里，弹琴复长啸。深林人不知，明月来相照。",
    "移舟泊烟渚，日暮客愁新。野旷天低树，江清月近人。",
    "锄禾日当午，汗滴禾下土。谁知盘中餐，粒粒皆辛苦。",
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.of(tokenizer("character"))


def tokenizer(name: str, **options: object) -> PreTrainedTokenizerFast:
    asked = TokenizerOptions(name=name, size=1000, **options)  # type: ignore[arg-type]
    return train_tokenizer(POEMS, asked)


STRICT = {"form": "五绝", "tones": "strict"}


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"form": "五绝", "lines": 8}, "--lines: 五绝 has 4 lines, not 8; 五律 has 8"),
        (
            {"form": "五绝", "acrostic": "春花明月夜"},
            "--acrostic: 春花明月夜 has 5 characters, 五绝 has 4 lines; 五律 has 8",
        ),
        (
            {"form": "七绝", "acrostic": "東风明月"},
            "--acrostic: 東风明月 mixes scripts; in simplified script it is 东风明月",
        ),
        (
            {"form": "五绝", "acrostic": "x春"},
            "--acrostic: 'x' is no Chinese character; leave it out",
        ),
        (
            {"form": "五绝", "acrostic": "sea"},
            "--acrostic: sea isn't Chinese, as the poem is to be; give characters, or --model sonn",
        ),
        (
            {"form": "五绝", "use": ("春,花",)},
            "--use: '春,花' is no single word; give each its own --use",
        ),
        ({"form": "五绝", "acrostic": "…—"}, "--acrostic: '…—' has no Chinese character; give one"),
        (
            {"form": "五绝", "acrostic": "椿"},
            "--acrostic: this model doesn't know 椿; it knows 春, which sounds alike",
        ),
        (
            {"form": "七律", "rhyme": "江"},
            "--rhyme: 三江 has 2 known characters, fewer than the 4 lines that rhyme; 七陽 has 11",
        ),
        (
            {"form": "五绝", "rhyme": "月"},
            "--rhyme: in 平水韵 月 is read oblique (六月), and rhymes",
        ),
        (
            {"form": "五绝", "rhyme": "ABAB"},
            "--rhyme: 平水韵 has no group 'ABAB'; give a character",
        ),
        ({"form": "五绝", "rhyme": "龘"}, "--rhyme: in 平水韵 龘 isn't there; take one of 一東"),
        (
            {"form": "五绝", "use": ("明月松间照清",)},
            "--use: 明月松间照清 has 6 characters, a line 5",
        ),
        ({"form": "五绝", "use": ("春",) * 9}, "--use: 9 words; ask for 8 at most"),
        (
            {**STRICT, "use": ("山山山山山",)},
            "--use: 山山山山山 finds no place in strict tones; --tones soft takes it",
        ),
        (
            {
                "form": "五绝",
                "use": ("明月松间照", "清泉石上流", "春眠不觉晓", "日暮客愁新", "夜来"),
            },
            "--use: 明月松间照 finds no place; leave it out",
        ),
        (
            {"form": "五绝", "use": ("春草",), "avoid": ("春",)},
            "--avoid: without 春 the rest can't be done; leave it out",
        ),
        (
            {"form": "五绝", "fill": "春眠不觉/_____"},
            "--fill: line 1, 春眠不觉, has 4 characters and gaps, 五绝 has 5; mend it there",
        ),
        (
            {"form": "五绝", "fill": "_____/____山/_____/____山"},
            "--fill: 山 can't be character 5 of line 2 of 五绝; 间 can",
        ),
        (
            {"form": "五绝", "fill": "_____/____鸟"},
            "--fill: 鸟 can't be character 5 of line 2 of 五绝; 明 can",
        ),
        ({"form": "五绝", "fill": "春眠不觉晓"}, "--fill: has no gap; write _ for each character"),
        (
            {"form": "五绝", "fill": "春*___"},
            "--fill: '*' is neither a Chinese character nor a gap",
        ),
        (
            {"fill": "春____/_____", "acrostic": "夜"},
            "--acrostic: begins line 1 with 夜, --fill with 春; leave a gap there",
        ),
        (
            {**STRICT, "fill": "春眠不觉晓/处处闻啼鸟/夜来风雨_"},
            "--fill: can't be had with the rest; without it there are poems",
        ),
        (
            {"form": "五绝", "new_lines": True},
            "--new-lines: the text that the model was trained on",
        ),
        ({"form": "五绝", "metre": 1.0}, "--metre: is for English verse; --tones is the like"),
        ({"form": "五绝", "syllables": "10"}, "--syllables: is for English verse; --form says"),
    ],
)
def test_what_cannot_be(asked: dict[str, object], line: str, vocabulary: Vocabulary) -> None:
    with pytest.raises(UserError) as caught:
        opened(FormOptions(**asked), vocabulary)  # type: ignore[arg-type]
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


def test_a_line_that_is_there_already(vocabulary: Vocabulary) -> None:
    asked = FormOptions(form="五绝", fill="白日依山尽/____流", new_lines=True)
    with pytest.raises(UserError, match=r"^--new-lines: all lines that are left stand in the"):
        opened(asked, vocabulary, POEMS)


@pytest.mark.parametrize(("name", "mend"), [("又", "又 has"), ("五言", "there are quatrain")])
def test_no_such_form(name: str, mend: str) -> None:
    with pytest.raises(UserError, match=rf"^--form: no '{name}'; there are quatrain, .*五绝"):
        open_form(FormOptions(form=name), tokenizer("character"))


def test_what_is_offered_instead_can_be_had(vocabulary: Vocabulary) -> None:
    with pytest.raises(UserError) as caught:
        opened(FormOptions(form="五绝", fill="_____/____鸟"), vocabulary)
    [offer] = re.findall("; (.) can", str(caught.value))
    opened(FormOptions(form="五绝", fill=f"_____/____{offer}"), vocabulary)
    with pytest.raises(UserError) as caught:
        opened(FormOptions(form="五绝", fill="_____/____山", rhyme="流"), vocabulary)
    assert str(caught.value).startswith("--fill: 山 can't be character 5 of line 2 of 五绝")


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("word", {}, "no token of it is a single Chinese character"),
        ("bpe", {}, "its tokens are words, such as"),
    ],
)
def test_a_tokenizer_that_cannot_carry_verse(name: str, options: dict, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        open_form(FormOptions(form="五绝"), tokenizer(name, **options))
    line = str(caught.value)
    assert line.startswith("--form: this model's tokenizer can't carry Chinese verse: " + reason)
    assert "\n" not in line


def test_without_a_name_the_tokenizer_says_the_language() -> None:
    form = open_form(FormOptions(acrostic="春花"), tokenizer("character"))
    assert form.length == 2 * 6 + 1
