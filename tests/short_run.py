"""A recipe that plays every kind of turn in under a second, and what a run of it ends with.

Dropout in both players, an epoch whose last batch is smaller, a pool that is gone over twice,
phases inside a repeated phase, early stopping, both players in a step.
"""

from itertools import product
from pathlib import Path
from typing import Any

from textgan import config

OF_CHECKPOINT = (
    "generator/model.safetensors",
    "generator/config.json",
    "generator/tokenizer.json",
    "discriminator/model.safetensors",
    "state.json",
    "state.safetensors",
    "run.yaml",
)


def write_corpus(place: Path) -> Path:
    """44 lines of three to five words, by rule."""
    words = product(("the", "a"), ("moon", "sun"), ("is", "was", "stays"), ("red", "far", "old"))
    lines = [" ".join(line) for line in words]
    lines += [f"now {line}" for line in lines[::5]]
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def given(folder: Path, **over: Any) -> config.Tree:
    """The recipe as a tree over configs/tiny.yaml; ``over`` is laid on it."""
    corpus = folder / "corpus.txt"
    if not corpus.exists():
        write_corpus(corpus)
    pool = {"discriminator": {"pool": 16, "epochs": 2}}
    tree = config.read_yaml("configs/tiny.yaml") | {
        "name": "short",
        "corpus": {"path": str(corpus), "unit": "line", "max_length": 8, "validation_share": 0.1},
        "tokenizer": {"name": "whitespace"},
        "pretrain": [
            {"method": "mle", "epochs": 2},
            {"repeat": 2, "phases": [{"players": pool}, {"method": "mle", "steps": 2}]},
            {
                "method": "mle",
                "epochs": 9,
                "patience": 1,
                "optimizers": {"generator": {"lr": 1.0}},
            },
            {"steps": 2, "players": {"discriminator": {"updates": 2}, "generator": {}}},
        ],
        "adversarial": [{"steps": 3, "players": {"generator": {}, **pool}}],
    }
    config.merge(
        tree,
        {
            "generator": {"dropout": 0.3},
            "discriminator": {"dropout": 0.3},
            "trainer": {"batch_size": 8, "validation_samples": 4, "device": "cpu"},
        },
    )
    return config.merge(tree, over)


def end_state(run: Path) -> dict[str, bytes]:
    """What must be equal, bit for bit, however the run came to its end."""
    found = {name: (run / "last" / name).read_bytes() for name in OF_CHECKPOINT}
    found["metrics"] = (run / "metrics.jsonl").read_bytes()
    for link in ("last", "best"):
        found[link] = str((run / link).readlink()).encode()
    samples = sorted((run / "samples").glob("*.txt"))
    return found | {f"samples/{file.name}": file.read_bytes() for file in samples}


def differences(a: dict[str, bytes], b: dict[str, bytes]) -> list[str]:
    """The names under which two end states differ."""
    return [name for name in a | b if a.get(name) != b.get(name)]
