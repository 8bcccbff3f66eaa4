"""Ten thousand poems of each English form before an independent judge: docs/poetry/english.json.

python -m tools.prove_english [--count 10000] [--form quatrain]
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from tools import proof
from tools.english_judge import FORMS, heard, judge, written

drawn = partial(proof.drawn, "sonnets")


def tally(poems: Iterator[str], form: str) -> dict[str, Any]:
    """What the judge says of poems: how many are clean, disputed between the two, and wrong."""
    texts = [*poems]
    verdicts = [judge(text, form) for text in texts]
    right = [all(fault.disputed for fault in verdict) for verdict in verdicts]
    found = proof.counts(texts, [not verdict for verdict in verdicts], right)
    faults = [fault for verdict in verdicts for fault in verdict]
    over = Counter(" ".join(fault.words) for fault in faults if fault.disputed)
    return {
        **found,
        "faults": dict(Counter(fault.kind for fault in faults)),
        "disputed words": dict(over.most_common(20)),
    }


def disputes() -> dict[str, int]:
    """Of the model's words that the dictionary has, how many espeak gives other syllables."""
    vocabulary = proof.poet("sonnets").writer.tokenizer.get_vocab()
    words = [word for word in vocabulary if word.isalpha() and written(word)[0]]
    off = [w for w in words if not heard(w).low <= written(w)[0] <= heard(w).high]
    return {"words": len(words), "disputed syllables": len(off)}


if __name__ == "__main__":
    proof.prove("english", FORMS, disputes, lambda form, n: tally(drawn(n, form=form), form))
