"""Laws over the texts of the enumerated language, and the tables that have them. NumPy only.

A law is one number a text, in the order of ``texts_of``.
"""

import functools

import numpy as np

from tests.exact.enumerated import (
    PREFIXES,
    Array,
    T,
    V,
    log_softmax,
    nodes,
    sixteenths,
    texts_of,
)

DATA = sixteenths(7)
"""The table of the real texts; ``sixteenths()`` is the generator's."""
MOVED = sixteenths() + 0.8 * np.random.default_rng(3).normal(size=sixteenths().shape)
"""A generator some updates away from ``sixteenths()``."""


@functools.cache
def places(eos: int | None) -> tuple[Array, Array, Array]:
    """Of every text's tokens the prefix, the token, and whether it is there: (N, T) each."""
    texts = texts_of(eos)
    prefix, token = (np.zeros((len(texts), T), dtype=int) for _ in range(2))
    for row, text in enumerate(texts):
        prefix[row, : len(text)], token[row, : len(text)] = nodes(text), text
    return prefix, token, np.arange(T) < lengths(eos)[:, None]


@functools.cache
def lengths(eos: int | None) -> Array:
    return np.array([len(text) for text in texts_of(eos)])


def token_logs(logits: Array, eos: int | None) -> Array:
    """log pi of every text's tokens, 0 at padding: (N, T)."""
    prefix, token, there = places(eos)
    found: Array = log_softmax(logits)[prefix, token] * there
    return found


def logs(logits: Array, eos: int | None) -> Array:
    """log pi of every text: (N,)."""
    total: Array = token_logs(logits, eos).sum(axis=1)
    return total


def law_of(logits: Array, eos: int | None) -> Array:
    law: Array = np.exp(logs(logits, eos))
    return law


def table_of(law: Array, eos: int | None) -> Array:
    """Logits whose texts have that law; prefixes that it never reaches get zeros."""
    prefix, token, there = places(eos)
    mass = np.zeros((PREFIXES, V))
    np.add.at(mass, (prefix, token), law[:, None] * there)
    reached = mass.sum(axis=1, keepdims=True) > 0
    table: Array = np.log(np.where(reached, np.maximum(mass, 1e-300), 1.0))
    return table


def softplus(x: Array) -> Array:
    result: Array = np.logaddexp(0, x)
    return result


def cosine(a: Array, b: Array) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))
