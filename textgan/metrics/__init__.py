"""Measures of generated text: one file per family, every figure an ``Estimate``."""

from dataclasses import replace
from typing import Literal

from textgan.errors import UserError
from textgan.metrics import (
    categories,
    diversity,
    embedding,
    form,
    language_model,
    mauve,
    memorisation,
    overlap,
)
from textgan.metrics.base import Evaluation, Metric
from textgan.metrics.encoder import open_encoder
from textgan.metrics.estimate import Estimate

__all__ = [
    "DEFAULT",
    "METRICS",
    "Estimate",
    "Evaluation",
    "Metric",
    "better",
    "ceiling",
    "chosen",
    "figures",
    "signature",
]

METRICS: dict[str, Metric] = {
    "bleu": overlap.forward,
    "self_bleu": overlap.own,
    "backward_bleu": overlap.backward,
    "sacrebleu": overlap.sacre,
    "lm": language_model.forward,
    "reverse_lm": language_model.backward,
    "neural_lm": language_model.neural,
    "diversity": diversity.diversity,
    "memorisation": memorisation.memorisation,
    "fed": embedding.fed,
    "mauve": mauve.mauve_score,
    "prdc": embedding.prdc,
    "vendi": embedding.vendi_score,
    "categories": categories.categories,
    "augmentation": categories.augmentation,
    "form": form.form,
}
"""The one table of names; each gives one or several figures."""
ENCODED = {"fed", "mauve", "prdc", "vendi"}
"""Metrics of sentence embeddings, which the extra `embeddings` brings."""
LONG = {"neural_lm"}
"""Metrics that take an hour for large corpora: ``all`` leaves them out, they want to be named."""
OF_TRAINING = {"categories"}
"""Metrics that learn from the training texts: of real text they score held-out ones."""
DEFAULT = "bleu", "self_bleu", "backward_bleu", "lm", "reverse_lm", "memorisation"
"""What is scored where nothing is said: in seconds, and with nothing more to install."""
LOWER = "reverse LM score", "neural reverse LM score", "NLL_test", "NLL_oracle", "KL(", "JSD", "FED"
"""How names of figures begin. Not the LM score: a sentence that is repeated for ever is cheap."""
HIGHER = (
    *("BLEU", "backward BLEU", "harmonic BLEU", "sacreBLEU", "MAUVE", "precision", "recall"),
    *("coverage", "category accuracy", "accuracy", "macro-F1"),
)


def chosen(names: str | None) -> tuple[str, ...]:
    """Names of metrics from ``"bleu,self_bleu"``; ``"all"`` stands for all but those of ``LONG``.

    Raises:
        UserError: there is no such metric.
    """
    if names is None:
        return DEFAULT
    every = [name for name in METRICS if name not in LONG]
    given = [name.strip() for name in names.split(",") if name.strip()]
    found = dict.fromkeys(n for name in given for n in (every if name == "all" else [name]))
    unknown = [name for name in found if name not in METRICS]
    if unknown or not found:
        raise UserError(
            f"--metrics: no '{', '.join(unknown)}'; there are {', '.join(METRICS)}, and all (all "
            f"but {', '.join(LONG)})"
        )
    return tuple(found)


def figures(evaluation: Evaluation, names: tuple[str, ...]) -> dict[str, Estimate | None]:
    """The figures of some metrics, in this order."""
    found: dict[str, Estimate | None] = {}
    for name in names:
        found |= METRICS[name](evaluation)
    return found


def ceiling(real: Evaluation, names: tuple[str, ...]) -> dict[str, Estimate | None]:
    """The figures of real text: of training texts, or of the references themselves where a metric
    learns from the training texts.
    """
    held_out = replace(
        real, texts=real.reference_texts, tokens=real.references, labels=real.reference_labels
    )
    found: dict[str, Estimate | None] = {}
    for name in names:
        found |= METRICS[name](held_out if name in OF_TRAINING else real)
    return found


def better(figure: str) -> Literal["higher", "lower"] | None:
    """Which way a figure is better; None where real text's own value is what to reach."""
    if figure.startswith(LOWER):
        return "lower"
    return "higher" if figure.startswith(HIGHER) else None


def signature(evaluation: Evaluation, names: tuple[str, ...]) -> str:
    """What some metrics add to a table's protocol: ``|key:value`` each."""
    found = ""
    if "sacrebleu" in names:
        found += f"|sacrebleu:{overlap.signature(len(evaluation.references)).replace('|', ',')}"
    if {"lm", "reverse_lm"} & {*names}:
        found += f"|lm:kneser-ney-{language_model.ORDER}"
    if "neural_lm" in names:
        from textgan import neural_lm

        found += f"|neural_lm:{neural_lm.MODELS}*lstm-{neural_lm.OPTIONS.hidden_size}"
    if ENCODED & {*names}:
        encoder = open_encoder(evaluation.embeddings)
        found += f"|encoder:{encoder.name}@{encoder.digest}"
    return found
