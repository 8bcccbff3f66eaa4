"""The ceiling of every table: real text in the samples' stead, and what can be scored of it."""

from dataclasses import replace

import numpy as np

from textgan.metrics import ENCODED, Estimate, Evaluation, ceiling, form
from textgan.metrics.base import TooFew
from textgan.metrics.encoder import unknown_language
from textgan.tracking import say


def of_real(name: str, e: Evaluation, metrics: tuple[str, ...]) -> dict[str, Estimate | None]:
    """The figures of real text; those for which there is too little of it are left out, and said
    to be.
    """
    found: dict[str, Estimate | None] = {}
    for metric in metrics:
        try:
            found |= ceiling(e, (metric,))
        except TooFew as error:
            say(f"warning: {name}: {error}; left out")
    return found


def warn_of_language(e: Evaluation, metrics: tuple[str, ...]) -> None:
    """Say it if there can't be figures of embeddings or of verse, and why."""
    asked = [metric for metric in metrics if metric in ENCODED]
    if asked and (reason := unknown_language(e)):
        say(f"warning: {', '.join(asked)}: left out; {reason}")
    if "form" in metrics and (reason := form.unknown(e.reference_texts)):
        say(f"warning: form: left out; {reason}")


def warn_of_lack(metrics: tuple[str, ...], needs: dict[str, str]) -> None:
    """Say which metrics have no figure for want of what they need."""
    for metric in metrics:
        if metric in needs:
            say(f"warning: {metric}: left out; it needs {needs[metric]}")


def real_text(e: Evaluation, place: str) -> tuple[str, Evaluation]:
    """Real text in the samples' stead, and its name: as many training texts as there are samples;
    where none are known one half of the references, held against the other.
    """
    rng, count = np.random.default_rng(e.seed), len(e.texts)
    if e.training:
        rows = rng.permutation(len(e.training))[:count].tolist()
        texts, tokens = [e.training_texts[i] for i in rows], [e.training[i] for i in rows]
        labels = [e.training_labels[i] for i in rows] if e.training_labels else []
        return f"training text ({place})", replace(e, texts=texts, tokens=tokens, labels=labels)
    order = rng.permutation(len(e.references)).tolist()
    a, b = order[: len(order) // 2][:count], order[len(order) // 2 :]
    half = replace(
        e,
        texts=[e.reference_texts[i] for i in a],
        tokens=[e.references[i] for i in a],
        reference_texts=[e.reference_texts[i] for i in b],
        references=[e.references[i] for i in b],
    )
    return f"one half of {place} against the other", half
