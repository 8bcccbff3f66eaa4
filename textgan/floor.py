"""The floor of every table: what counting n-grams of the training text reaches, in seconds."""

from collections.abc import Sequence
from typing import Any

from textgan.data.corpus import Corpus
from textgan.generators.ngram import NGramConfig, NGramGenerator, NGramOptions
from textgan.new_players import special_ids

NAME = "Kneser-Ney 5-gram"
WORDS = 4
"""Ids of words begin here where there is no tokenizer: 0 to 3 are special."""
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "never": [0, 1, 3]}


def of_corpus(corpus: Corpus, **options: Any) -> NGramGenerator:
    """An n-gram model of a corpus's training texts."""
    size = len(corpus.tokenizer)
    special = special_ids(corpus.tokenizer, size)
    return _fit(corpus.ids("train"), size, corpus.length, special, options)


def of_tokens(texts: Sequence[Sequence[str]]) -> tuple[NGramGenerator, list[str]]:
    """An n-gram model of tokens, and the tokens that its ids from ``WORDS`` on stand for."""
    number: dict[str, int] = {}
    ids = [[WORDS + number.setdefault(token, len(number)) for token in text] for text in texts]
    longest = max(map(len, ids)) + 1
    return _fit(ids, WORDS + len(number), longest, SPECIAL, {}), list(number)


def _fit(
    texts: list[list[int]], size: int, length: int, special: dict[str, Any], options: dict[str, Any]
) -> NGramGenerator:
    chosen = NGramOptions.model_validate(options).model_dump()
    config = NGramConfig(vocab_size=size, length=length, options=chosen, **special)
    return NGramGenerator.fit(config, texts)
