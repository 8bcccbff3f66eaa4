"""An oracle: a language whose density is known, an LSTM whose weights stay as they are, or a
grammar.

Yu et al. 2017 (arXiv 1609.05473, section 5.1) drew theirs from N(0, 1), and stored them: a language
drawn anew on every machine is another language, and figures on it don't compare.
"""

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing

from textgan.data.tokenizers import BOS, PAD, UNK

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Weights = dict[str, np.ndarray]
NAMES = (
    *("embedding", "Wi", "Ui", "bi", "Wf", "Uf", "bf"),
    *("Wog", "Uog", "bog", "Wc", "Uc", "bc", "Wo", "bo"),
)
"""The weights in the order of the old file. Gate k is x @ Wk + h @ Uk + bk: input i, forget f,
output og and candidate c; logits are h @ Wo + bo; before the first token stands word 0."""
SPECIALS = (BOS, PAD, UNK)
"""Their ids come behind the words', whose ids are thus what they spell."""


class OracleOptions(BaseModel):
    """A language whose density is known, and how many of its texts there are."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    path: str | None = None
    """Weights: SeqGAN's (.npz, or the old .pkl), or a run that has learnt an oracle. vocabulary,
    sizes and init_std are then the file's, and the seed is that of the texts alone. Unless one of
    these keys is given, there is no oracle, and corpus.path is read."""
    grammar: str | None = None
    """A file of a probabilistic grammar as NLTK writes it (corpora/grammar_en.pcfg), of texts that
    people can read. Words, lengths and chances are then the grammar's; seed and texts count."""
    vocabulary: int = Field(default=5000, ge=2)
    """Words, spelt 0, 1, 2 ..."""
    length: int = Field(default=20, ge=2)
    """Tokens of every text; there is no end token. Another length is another language."""
    embedding_size: int = Field(default=32, ge=1)
    """Size of the oracle's word vectors."""
    hidden_size: int = Field(default=32, ge=1)
    """Units of the oracle's LSTM."""
    init_std: float = Field(default=1.0, gt=0)
    """Standard deviation of all weights, biases included; they are normal."""
    seed: int = Field(default=0, ge=0, lt=1 << 32)
    """The language and its texts follow from it."""
    texts: int = Field(default=10_000, ge=1)
    """Texts that train; as many validate and test, at most 10,000."""
    categories: int = Field(default=0, ge=0)
    """Labels of the texts; 0: none. Each is an LSTM of its own, all are equally likely, and the
    language is their mixture."""

    @model_validator(mode="after")
    def _one_language(self) -> "OracleOptions":
        if self.path is not None and self.grammar is not None:
            raise ValueError("path and grammar are two languages; give one of them")
        if self.categories == 1:
            raise ValueError("categories: one class is none; set it to 2 or more, or to 0")
        if self.categories and (self.path or self.grammar):
            other = "path" if self.path else "grammar"
            raise ValueError(f"{other} is one language without labels; set categories to 0")
        return self

    @property
    def place(self) -> str:
        """Which language, in a few words."""
        kind = "labelled oracle" if self.categories else "oracle"
        return self.path or self.grammar or f"{kind} of seed {self.seed}"


def word_tokenizer(vocabulary: int) -> "PreTrainedTokenizerFast":
    """Words spelt as their ids, and behind them what an engine needs that is never an outcome."""
    from transformers import PreTrainedTokenizerFast  # a second to import: not for options alone

    vocab = {str(i): i for i in range(vocabulary)}
    vocab |= {token: vocabulary + i for i, token in enumerate(SPECIALS)}
    backend = Tokenizer(WordLevel(vocab, unk_token=UNK))
    backend.normalizer = Replace("<", "< ")  # who spells out a special token doesn't get it
    backend.pre_tokenizer = Split(Regex(r"\S+"), behavior="removed", invert=True)
    backend.add_special_tokens([AddedToken(w, special=True, normalized=False) for w in SPECIALS])
    backend.post_processor = TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, vocab[BOS])]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=BOS,
        unk_token=UNK,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
        model_input_names=["input_ids", "attention_mask"],
    )


def shapes(vocabulary: int, embedding: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """The shape of each of the weights."""
    first = {"W": (embedding, hidden), "U": (hidden, hidden), "b": (hidden,)}
    own = {"embedding": (vocabulary, embedding), "Wo": (hidden, vocabulary), "bo": (vocabulary,)}
    return {name: own.get(name) or first[name[0]] for name in NAMES}


def draw_weights(options: OracleOptions, label: int = 0) -> Weights:
    """An oracle of any size; numpy promises that RandomState gives the same numbers for ever.

    Label 0's are those of an oracle without labels.
    """
    chance = np.random.RandomState([options.seed, 0, label] if label else [options.seed, 0])
    sizes = shapes(options.vocabulary, options.embedding_size, options.hidden_size)
    return {
        name: (options.init_std * chance.standard_normal(shape)).astype(np.float32)
        for name, shape in sizes.items()
    }


def draw_uniform(seed: int, stream: int, texts: int, length: int) -> np.ndarray:
    """(texts, length) numbers in [0, 1), alike in every process, whatever its rows of a batch."""
    return np.random.RandomState([seed, 1 + stream]).random_sample((texts, length))


def draw_chances(
    options: OracleOptions, stream: int, texts: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """(texts, length) such numbers for the words of texts, and (texts,) their labels, which are
    equally likely, or None.
    """
    if not options.categories:
        return draw_uniform(options.seed, stream, texts, options.length), None
    numbers = draw_uniform(options.seed, stream, texts, 1 + options.length)
    return numbers[:, 1:], (numbers[:, 0] * options.categories).astype(np.int64)
