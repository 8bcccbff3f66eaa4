"""Chinese forms as they are asked for: of the shipped model, and of any causal model."""

import random
import re
from functools import cache

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LogitsProcessorList, PreTrainedTokenizerFast

from textgan import runs, runtime, shipped
from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.errors import UserError
from textgan.forms import FormOptions, open_form, pingshui
from textgan.forms.chinese import opened
from textgan.forms.chinese_rhyme import Tones
from textgan.forms.chinese_vocabulary import Vocabulary
from textgan.forms.processor import FormProcessor
from textgan.forms.script import simplified
from textgan.metrics.form_chinese import rules
from textgan.sampling import Writer

POEMS = [
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
    "红豆生南国，春来发几枝。愿君多采撷，此物最相思。",
    "松下问童子，言师采药去。只在此山中，云深不知处。",
    "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。",
]
COMMON = 2000


@cache
def shi() -> tuple[Writer, Vocabulary]:
    writer = Writer.open(runs.open_checkpoint(shipped.place("shi")))
    return writer, Vocabulary.of(writer.tokenizer)


def written(count: int, lines: list[str] | None = None, **asked: object) -> list[str]:
    """Poems of the shipped model in a form."""
    writer, vocabulary = shi()
    form = opened(FormOptions(**asked), vocabulary, lines or [])  # type: ignore[arg-type]
    config = writer.generator.config
    rule = FormProcessor(form, [config.bos_token_id, config.pad_token_id])
    processors = LogitsProcessorList([*writer.processors(1.0), rule])
    ids = writer.generator.sample(count, length=form.length, logits_processor=processors).ids
    assert (ids[:, -1] == config.eos_token_id).all()
    return writer.tokenizer.batch_decode(ids, skip_special_tokens=True)


def lines_of(poem: str) -> list[str]:
    return re.split("[，。]", poem)[:-1]


def level_groups(character: str) -> set[str]:
    return {name for level, name in pingshui.readings(character) if level}


@pytest.mark.parametrize(
    ("form", "lines", "wide"),
    [
        ("五绝", 4, 5),
        ("qijue", 4, 7),
        ("wulu", 8, 5),
        ("七律", 8, 7),
        ("七絕", 4, 7),
        ("wulü", 8, 5),
    ],
)
@pytest.mark.parametrize("tones", ["strict", "off"])
def test_every_form_is_kept(form: str, lines: int, wide: int, tones: str) -> None:
    poems = written(4, form=form, tones=tones)
    for poem in poems:
        assert [*map(len, lines_of(poem))] == [wide] * lines
        assert re.findall("[，。]", poem) == ["，", "。"] * (lines // 2)
        ends = [line[-1] for line in lines_of(poem)[1::2]]
        assert len({*ends}) == len(ends) and set.intersection(*map(level_groups, ends))
    if tones == "strict":
        assert all(map(all, rules(poems, poems).values()))


def test_all_that_can_be_asked_for_is_kept_together() -> None:
    read = ["春風吹夜雨，明月照山人。"]
    poems = written(
        8,
        read,
        form="五律",
        tones="strict",
        rhyme="東",
        acrostic=" 春，夏。秋——冬 ",
        use=("明月", "故人"),
        avoid=("風", "白云"),
        new_lines=True,
        fill="_____/_江___/_____/__ _ _ _/_____/_____/_____/____中",
    )
    assert len({*poems}) == 8
    for poem in poems:
        lines = lines_of(poem)
        assert "".join(line[0] for line in lines[:4]) == "春夏秋冬"
        assert lines[1][1] == "江" and lines[7][4] == "中"
        assert "明月" in poem and "故人" in poem and "风" not in poem and "白云" not in poem
        assert all("一東" in level_groups(line[-1]) for line in lines[1::2])
    assert all(map(all, rules(poems, poems).values()))


def test_wished_tones_are_likelier_but_not_forced() -> None:
    def share(tones: str) -> float:
        runtime.seed(0, "test")
        poems = written(64, form="五绝", tones=tones)
        return sum(rules(poems, poems)["strict"]) / 64

    off, soft = share("off"), share("soft")
    assert off < soft < 1


def test_modern_rhymes_are_by_mandarin() -> None:
    from textgan.forms import xinyun

    for poem in written(8, form="五绝", rhyme="麻", rhyme_book="xinyun"):
        assert all((True, "一麻") in xinyun.readings(line[-1]) for line in lines_of(poem)[1::2])


def test_lines_of_the_training_text_are_not_copied() -> None:
    ends = [f"白日依山{c}，黄河入海流。" for c in "尽暮落上远"]
    asked = {"form": "五绝", "fill": "白日依山_"}
    free = {lines_of(p)[0] for p in written(64, ends, **asked)}
    new = {lines_of(p)[0] for p in written(64, ends, **asked, new_lines=True)}
    read = {line[:5] for line in ends}
    assert free & read and not new & read


def test_both_scripts_may_be_mixed_as_the_model_mixes_them() -> None:
    [poem] = written(1, form="五绝", acrostic="岛犹堆濛")
    assert "".join(line[0] for line in lines_of(poem)) == "岛犹堆濛"


def requests(count: int) -> list[dict[str, object]]:
    """Random acrostics of common characters and random level groups, half and half."""
    _, vocabulary = shi()
    chance, common = random.Random(0), [*vocabulary.ids][:COMMON]
    groups = [n for n, group in Tones(pingshui, vocabulary).groups.items() if group.sum() >= 20]
    assert len(groups) > 25
    acrostics = [{"acrostic": "".join(chance.choices(common, k=4))} for _ in range(count // 2)]
    return acrostics + [{"rhyme": chance.choice(groups)} for _ in range(count // 2)]


def served(count: int, tones: str) -> None:
    """At least 95 % of random requests give poems, at least 90 % of them distinct."""
    poems, refused = [], []
    for asked in requests(count):
        try:
            [poem] = written(1, form="五绝", tones=tones, **asked)
        except UserError as error:
            refused.append(str(error))
            continue
        if "acrostic" in asked:
            assert "".join(line[0] for line in lines_of(poem)) == asked["acrostic"]
        else:
            assert all(asked["rhyme"] in level_groups(x[-1]) for x in lines_of(poem)[1::2])
        poems.append(poem)
    assert len(poems) >= 0.95 * count and len({*poems}) >= 0.9 * len(poems)
    assert all(re.match(r"--(acrostic|rhyme): .*; .*", line) for line in refused)


def test_random_requests_are_served() -> None:
    served(40, "strict")


@pytest.mark.slow
@pytest.mark.parametrize("tones", ["strict", "off"])
def test_two_thousand_random_requests_are_served(tones: str) -> None:
    served(2000, tones)


def test_the_ids_of_the_shipped_model_go_from_common_to_rare() -> None:
    _, vocabulary = shi()
    assert [*vocabulary.ids.values()][:COMMON] == sorted(vocabulary.ids.values())[:COMMON]
    assert {*"不人山风日"} <= {*[*vocabulary.ids][:50]}


@cache
def stranger() -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast]:
    """A model of transformers that knows nothing, and traditional characters."""
    from opencc import OpenCC

    texts = [*map(OpenCC("s2t").convert, POEMS)]
    tokenizer = train_tokenizer(texts, TokenizerOptions(name="character", size=500))
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer) + 3,  # rows that mean no token
        n_positions=64,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return GPT2LMHeadModel(config).eval(), tokenizer


@pytest.mark.parametrize(
    "how", [{"do_sample": True, "num_return_sequences": 4}, {"num_beams": 3}, {}]
)
def test_any_causal_model_of_transformers_writes_verse(how: dict[str, object]) -> None:
    model, tokenizer = stranger()
    asked = FormOptions(form="五绝", tones="strict", acrostic="黄花夜来", use=("明月",))
    form = open_form(asked, tokenizer)
    ids = model.generate(
        torch.tensor([[tokenizer.bos_token_id]]),
        logits_processor=LogitsProcessorList([FormProcessor(form, [tokenizer.bos_token_id])]),
        max_new_tokens=form.length,
        **how,  # type: ignore[arg-type]
    )
    poems = tokenizer.batch_decode(ids, skip_special_tokens=True)
    for poem in poems:
        assert [*map(len, lines_of(poem))] == [5] * 4
        assert "".join(line[0] for line in lines_of(poem)) == "黃花夜來" and "明月" in poem
    assert all(map(all, rules(poems, poems).values()))


def test_a_word_may_stand_in_any_of_its_traditional_shapes() -> None:
    _, tokenizer = stranger()
    form = open_form(FormOptions(form="五绝", fill="云____"), tokenizer)
    ids = torch.nonzero(form.factors(form.start()) == 0).flatten().tolist()
    assert {simplified(c) for c in tokenizer.convert_ids_to_tokens(ids)} == {"云"}
    assert "雲" in tokenizer.convert_ids_to_tokens(ids)
