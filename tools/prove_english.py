"""Thousands of poems of each English form before an independent judge: docs/poetry/english.json.

python -m tools.prove_english [--count 10000] [--form quatrain]
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
from tools.english_judge import FORMS, heard, judge, written

RESULT = Path(__file__).resolve().parent.parent / "docs/poetry/english.json"
AT_ONCE = 250


@cache
def sonnets() -> Writer:
    """The shipped model."""
    return Writer.open(runs.open_checkpoint(shipped.place("sonnets")))


def drawn(count: int, seed: int = 0, temperature: float = 1.0, **asked: Any) -> Iterator[str]:
    """Poems in a form by the shipped model `sonnets`."""
    writer = sonnets()
    machine = open_form(FormOptions(**asked), writer.tokenizer)
    tokenizer, model = writer.tokenizer, writer.generator
    skip = [model.config.bos_token_id, model.config.pad_token_id]
    rules = LogitsProcessorList([*writer.processors(temperature), FormProcessor(machine, skip)])
    runtime.seed(seed, "prove")
    for start in range(0, count, AT_ONCE):
        size = min(AT_ONCE, count - start)
        ids = model.sample(size, length=machine.length, logits_processor=rules).ids
        yield from tokenizer.batch_decode(ids, skip_special_tokens=True)


def tally(poems: Iterator[str], form: str) -> dict[str, Any]:
    """What the judge says of poems: how many are clean, disputed between the two, and wrong."""
    texts = [*poems]
    verdicts = [judge(text, form) for text in texts]
    wrong = [t for t, faults in zip(texts, verdicts, strict=True) if not all(f[2] for f in faults)]
    clean = sum(not faults for faults in verdicts)
    faults = [fault for verdict in verdicts for fault in verdict]
    over = Counter(" ".join(fault.words) for fault in faults if fault.disputed)
    return {
        "poems": len(texts),
        "distinct": len(set(texts)),
        "clean": clean,
        "disputed": len(texts) - len(wrong) - clean,
        "wrong": len(wrong),
        "first wrong": wrong[:3],
        "faults": dict(Counter(fault.kind for fault in faults)),
        "disputed words": dict(over.most_common(20)),
    }


def disputes() -> dict[str, int]:
    """Of the model's words that the dictionary has, how many espeak gives other syllables."""
    tokens = [word for word in sonnets().tokenizer.get_vocab() if word.isalpha()]
    words = [word for word in tokens if written(word)[0]]
    off = [w for w in words if not heard(w).low <= written(w)[0] <= heard(w).high]
    return {"words": len(words), "disputed syllables": len(off)}


def main() -> None:
    """Draw, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--form", choices=FORMS, action="append")
    asked = parser.parse_args()
    found: dict[str, Any] = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    found["vocabulary"] = disputes()
    for form in asked.form or FORMS:
        found[form] = tally(drawn(asked.count, form=form), form)
        print(form, found[form], flush=True)
        RESULT.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
