"""New players from a recipe's options, and what a corpus asks of those that are there."""

from typing import Any

from pydantic import BaseModel
from torch import nn
from transformers import PreTrainedTokenizerFast

from textgan import runtime
from textgan.data.splits import CorpusOptions
from textgan.data.vectors import VectorOptions, load_vectors
from textgan.discriminators import DISCRIMINATORS, Discriminator, DiscriminatorOptions
from textgan.errors import UserError
from textgan.generators import GENERATORS, Generator, GeneratorOptions
from textgan.tracking import say


def make_generator(
    options: GeneratorOptions, tokenizer: PreTrainedTokenizerFast, length: int, seed: int
) -> Generator:
    """A new generator; its first weights follow from the seed."""
    if options.name == "pretrained":
        raise UserError("generator.name: 'pretrained' is a model from a folder; give --from FOLDER")
    runtime.seed(seed, "generator")
    model = GENERATORS[options.name]
    generator = model(
        model.config_class(
            vocab_size=len(tokenizer),
            options=options.model_dump(mode="json"),
            **special_ids(tokenizer, len(tokenizer)),
            length=length,
        )
    )
    fit(generator, length)
    _read_vectors(options, "generator", generator.get_input_embeddings(), tokenizer)
    return generator


def _read_vectors(
    options: BaseModel, player: str, embedding: nn.Module, tokenizer: PreTrainedTokenizerFast
) -> None:
    path = options.embedding_path if isinstance(options, VectorOptions) else None
    if path:
        assert isinstance(embedding, nn.Embedding)
        found, tokens = load_vectors(embedding, path, tokenizer)
        say(f"{player}: word vectors for {found:,} of {tokens:,} tokens from {path}")


def special_ids(tokenizer: PreTrainedTokenizerFast, vocabulary: int) -> dict[str, Any]:
    """Special ids, and which ids are never an outcome: padding, the beginning, unused ones.

    A language without an end token is an oracle's: its texts hold no unknown words either.
    """
    pad, bos, eos = tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id
    unused = {*range(len(tokenizer), vocabulary)}
    if eos is None:
        unused.add(tokenizer.unk_token_id)
    return {
        "bos_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": pad,
        "never": sorted({pad, bos, *unused} - {eos}),
    }


def fit(generator: Generator, length: int) -> None:
    """Make a generator write texts of up to ``length`` tokens.

    Raises:
        UserError: it has not so many positions.
    """
    if generator.positions is not None and length > generator.positions:
        raise UserError(
            f"corpus.max_length: the longest text has {length} tokens, the generator room for "
            f"{generator.positions}; set corpus.max_length to {generator.positions} or less"
        )
    generator.config.length = length
    generator.generation_config.max_length = length + 1
    generator.generation_config.do_sample = True
    generator.generation_config.top_k = 0


def name_categories(
    generator: Generator, labels: list[str], shares: list[float], corpus: CorpusOptions
) -> None:
    """Tell a generator the names of its categories, the labels of its texts, and how frequent each
    is.

    Raises:
        UserError: the texts have no labels, or others in number.
    """
    count = generator.categories
    if not count:
        return
    if not labels and corpus.oracle and (corpus.oracle.path or corpus.oracle.grammar):
        key = "path" if corpus.oracle.path else "grammar"
        raise UserError(
            f"generator.categories: {count}, but corpus.oracle.{key} is one language without "
            "labels; set it to 0 (another generator), or take configs/data/oracle_labelled.yaml"
        )
    if not labels and corpus.oracle:
        raise UserError(
            f"corpus.oracle.categories: the generator has {count} categories, the oracle's texts "
            f"no labels; set it to {count}, or take configs/data/oracle_labelled.yaml"
        )
    if not labels:
        raise UserError(
            f"corpus.label_column: the generator has {count} categories, the texts no labels; name "
            "the column that has them"
        )
    if count != len(labels):
        named = ", ".join(labels[:12]) + (", …" if len(labels) > 12 else "")
        column = f"corpus.label_column '{corpus.label_column}'"
        raise UserError(
            f"generator.categories: {count}, but "
            f"{'corpus.oracle.categories' if corpus.oracle else column} has {len(labels)} "
            f"labels ({named}); set it to {len(labels)}"
        )
    generator.config.labels, generator.config.shares = labels, shares


def make_discriminator(
    options: DiscriminatorOptions, tokenizer: PreTrainedTokenizerFast, seed: int
) -> Discriminator:
    """A new discriminator; its first weights follow from the seed."""
    runtime.seed(seed, "discriminator")
    model = DISCRIMINATORS[options.name]
    discriminator = model(
        model.config_class(vocab_size=len(tokenizer), options=options.model_dump(mode="json"))
    )
    _read_vectors(options, "discriminator", discriminator.embedding, tokenizer)
    return discriminator
