"""Poems a second with and without constraints, and the ratio to none, in one run.

    python benchmarks/poems.py [--count 256] [--rounds 3] [--json FILE]

The shipped models; processor time of one thread, median of the rounds, every wish once a round. The
first poem of a form waits for its tables: that is told apart.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

from textgan.forms import FormOptions
from textgan.poet import Poet, Taste, Wish

WISHES: dict[str, dict[str, Wish]] = {
    "shi": {
        "no form": Wish(),
        "top-p .9": Wish(taste=Taste(top_p=0.9)),
        "五绝": Wish(form=FormOptions(form="五绝")),
        "五绝, strict": Wish(form=FormOptions(form="五绝", tones="strict")),
        "五绝, strict, acrostic": Wish(
            form=FormOptions(form="五绝", tones="strict", acrostic="春夏秋冬")
        ),
        "五绝, strict, resampled": Wish(
            form=FormOptions(form="五绝", tones="strict"), resample=True
        ),
        "七律, strict": Wish(form=FormOptions(form="七律", tones="strict")),
    },
    "sonnets": {
        "no form": Wish(),
        "quatrain, ABAB": Wish(form=FormOptions(form="quatrain", rhyme="ABAB")),
        "quatrain, 10 syllables, metre": Wish(
            form=FormOptions(form="quatrain", rhyme="ABAB", syllables="10", metre=1.0)
        ),
        "haiku": Wish(form=FormOptions(form="haiku")),
        "sonnet": Wish(form=FormOptions(form="sonnet")),
    },
}
BASE = "no form"


def seconds(poet: Poet, wish: Wish, count: int) -> tuple[float, float]:
    """Processor seconds until the first poem, and of a poem behind it."""
    began = time.process_time()
    poems = poet.poems(wish, 64 + count)
    for _ in range(64):  # a block is drawn at once
        next(poems)
    first = time.process_time()
    for _ in poems:
        pass
    return first - began, (time.process_time() - first) / count


def measured(model: str, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """By wish: poems a second, their ratio to no form at all, and the wait for the first block."""
    poet, found = Poet.open(model), {}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in WISHES[model]}
    for _ in range(rounds):
        for name, wish in WISHES[model].items():
            times[name].append(seconds(poet, wish, count))
    for name, each in times.items():
        wait, one = (statistics.median(part) for part in zip(*each, strict=True))
        found[name] = {"poems_a_second": 1 / one, "first_block_seconds": wait}
    for row in found.values():
        row["ratio"] = row["poems_a_second"] / found[BASE]["poems_a_second"]
    return found


def main() -> None:
    """Print a table, and write it as JSON if that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {model: measured(model, given.count, given.rounds) for model in WISHES}
    print(f"{'':42}poems/s  of no form  first 64")
    for model, rows in found.items():
        for name, row in rows.items():
            print(
                f"{model + ': ' + name:42}{row['poems_a_second']:7.0f}{row['ratio']:10.2f}"
                f"{row['first_block_seconds']:10.2f} s"
            )
    if given.json:
        given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
