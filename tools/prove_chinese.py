"""Ten thousand poems of each Chinese form before an independent judge: docs/poetry/chinese.json.

python -m tools.prove_chinese [--count 10000] [--form 五绝]
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tools import proof
from tools.chinese_judge import SHAPES, is_disputed, judge


def drawn(form: str, count: int, seed: int = 0) -> Iterator[str]:
    """Poems of a form, strict tones, by the shipped model `shi`."""
    return proof.drawn("shi", count, seed, form=form, tones="strict")


def tally(poems: Iterator[str], form: str) -> dict[str, Any]:
    """What the judge says of poems: how many are clean, disputed between the books, and wrong."""
    texts = [*poems]
    verdicts = [judge(text, form) for text in texts]
    right = [verdict.disputed for verdict in verdicts]
    found = proof.counts(texts, [verdict.clean for verdict in verdicts], right)
    over = Counter(c for v in verdicts if v.disputed for c, _ in v.faults)
    return {**found, "disputed characters": dict(over.most_common(20))}


def disputes() -> dict[str, int]:
    """Of the model's characters, how many the books differ on."""
    vocabulary = proof.poet("shi").writer.tokenizer.get_vocab()
    characters = [c for c in vocabulary if len(c) == 1 and c not in "，。"]
    return {"characters": len(characters), "disputed": sum(map(is_disputed, characters))}


if __name__ == "__main__":
    proof.prove("chinese", SHAPES, disputes, lambda form, n: tally(drawn(form, n), form))
