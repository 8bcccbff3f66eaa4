"""What the proofs of Chinese and English forms share: drawing, counting, writing down."""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from textgan.forms import FormOptions
from textgan.poet import Poet
from textgan.taste import Taste
from textgan.wish import Wish

FOLDER = Path(__file__).resolve().parent.parent / "docs/poetry"

poet = cache(Poet.open)


def drawn(
    model: str, count: int, seed: int = 0, temperature: float = 1.0, **asked: Any
) -> Iterator[str]:
    """Poems by a shipped model, drawn as a user draws them."""
    wish = Wish(form=FormOptions(**asked), taste=Taste(temperature))
    return (poem.text for poem in poet(model).poems(wish, count, seed))


def counts(texts: Sequence[str], clean: Sequence[bool], right: Sequence[bool]) -> dict[str, Any]:
    """How many poems are clean, right by one judge alone, and wrong."""
    wrong = [text for text, good in zip(texts, right, strict=True) if not good]
    return {
        "poems": len(texts),
        "distinct": len(set(texts)),
        "clean": sum(clean),
        "disputed": sum(right) - sum(clean),
        "wrong": len(wrong),
        "first wrong": wrong[:3],
        "examples": texts[:3],
    }


def prove(
    language: str,
    forms: Iterable[str],
    vocabulary: Callable[[], dict[str, int]],
    proof: Callable[[str, int], dict[str, Any]],
) -> None:
    """Prove form after form, and write down each as it is done."""
    parser = argparse.ArgumentParser(description=f"Poems of each {language} form before a judge.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--form", choices=[*forms], action="append")
    asked = parser.parse_args()
    result = FOLDER / f"{language}.json"
    found = json.loads(result.read_text("utf-8")) if result.exists() else {}
    found["vocabulary"] = vocabulary()
    for form in asked.form or forms:
        found[form] = proof(form, asked.count)
        print(form, found[form], flush=True)
        result.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", "utf-8")
