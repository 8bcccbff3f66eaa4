"""Ten thousand poems of each Chinese form before an independent judge: docs/poetry/chinese.json.

python -m tools.prove_chinese [--count 10000]
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from transformers import LogitsProcessorList

from textgan import runs, runtime, shipped
from textgan.forms import FormOptions, open_form
from textgan.forms.processor import FormProcessor
from textgan.sampling import Writer
from tools.chinese_judge import SHAPES, is_disputed, judge

RESULT = Path(__file__).resolve().parent.parent / "docs/poetry/chinese.json"
AT_ONCE = 250


@cache
def shi() -> Writer:
    """The shipped model."""
    return Writer.open(runs.open_checkpoint(shipped.place("shi")))


def drawn(form: str, count: int, seed: int = 0) -> Iterator[str]:
    """Poems of a form, strict tones, by the shipped model `shi`."""
    writer = shi()
    machine = open_form(FormOptions(form=form, tones="strict"), writer.tokenizer)
    tokenizer, model = writer.tokenizer, writer.generator
    skip = [model.config.bos_token_id, model.config.pad_token_id]
    rules = LogitsProcessorList([*writer.processors(1.0), FormProcessor(machine, skip)])
    runtime.seed(seed, "prove")
    for start in range(0, count, AT_ONCE):
        size = min(AT_ONCE, count - start)
        ids = model.sample(size, length=machine.length, logits_processor=rules).ids
        yield from tokenizer.batch_decode(ids, skip_special_tokens=True)


def tally(poems: Iterator[str], form: str) -> dict[str, Any]:
    """What the judge says of poems: how many are clean, disputed between the books, and wrong."""
    texts = [*poems]
    verdicts = [judge(text, form) for text in texts]
    wrong = [t for t, verdict in zip(texts, verdicts, strict=True) if not verdict.disputed]
    clean = [verdict.clean for verdict in verdicts]
    over = Counter(c for v in verdicts if v.disputed for c, _ in v.faults)
    return {
        "poems": len(texts),
        "distinct": len(set(texts)),
        "clean": sum(clean),
        "disputed": len(texts) - len(wrong) - sum(clean),
        "wrong": len(wrong),
        "first wrong": wrong[:3],
        "disputed characters": dict(over.most_common(20)),
        "examples": texts[:3],
    }


def disputes() -> dict[str, int]:
    """Of the model's characters, how many the books differ on."""
    characters = [c for c in shi().tokenizer.get_vocab() if len(c) == 1 and c not in "，。"]
    return {"characters": len(characters), "disputed": sum(map(is_disputed, characters))}


def main() -> None:
    """Draw, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    found: dict[str, Any] = {"vocabulary": disputes()}
    for form in SHAPES:
        found[form] = tally(drawn(form, count), form)
        print(form, found[form], flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
