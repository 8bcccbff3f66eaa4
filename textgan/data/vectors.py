"""Word vectors from a file, such as GloVe's or fastText's, for a player's embedding."""

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn
from transformers import PreTrainedTokenizerFast

from textgan.config import find
from textgan.errors import UserError


class VectorOptions(BaseModel):
    """A player whose word vectors may be read from a file."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    embedding_path: str | None = None
    """Text file of word vectors to start from: a word and its numbers a line (GloVe, fastText)."""


@torch.no_grad()
def load_vectors(
    embedding: nn.Embedding, path: str, tokenizer: PreTrainedTokenizerFast
) -> tuple[int, int]:
    """Put a file's vectors into the rows of an embedding; words it lacks keep theirs.

    Args:
        embedding: (V, E).
        path: a line a word, E numbers behind it; a first line of two numbers (fastText) is a head.
        tokenizer: whose tokens the V rows are.

    Returns:
        How many of the V tokens were found, and V.

    Raises:
        UserError: the file is missing, isn't UTF-8, has vectors of another size or none that fits.
    """
    rows, size, found = tokenizer.get_vocab(), embedding.embedding_dim, set()
    try:
        with find(path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                word, *numbers = line.rstrip().rsplit(" ", size)
                if number == 1 and len(line.split()) == 2:
                    continue
                if word in rows:
                    embedding.weight[rows[word]] = _vector(
                        numbers, size, f"'{path}', line {number}"
                    )
                    found.add(word)
    except OSError as error:
        raise UserError(f"embedding_path: '{path}' can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"embedding_path: '{path}' is not UTF-8; save the file as UTF-8") from None
    if not found:
        raise UserError(
            f"embedding_path: '{path}' has a vector of {size} numbers for none of the vocabulary's "
            "tokens; set embedding_size to the vectors' size, or give another file"
        )
    return len(found), len(rows)


def _vector(numbers: list[str], size: int, where: str) -> torch.Tensor:
    try:
        vector = torch.tensor([float(number) for number in numbers])
    except ValueError:
        vector = torch.empty(0)
    if len(vector) != size or not vector.isfinite().all():
        raise UserError(
            f"embedding_path: {where}: not a word and {size} numbers; set embedding_size to the "
            "vectors' size, or mend the file"
        )
    return vector
