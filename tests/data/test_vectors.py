"""Word vectors from a file."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.conftest import Command
from textgan import models, runs
from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.data.vectors import load_vectors
from textgan.errors import UserError

TOKENIZER = train_tokenizer(["the moon is low"], TokenizerOptions())


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize("head", ["", "3 2\n"], ids=["glove", "fasttext"])
def test_a_files_vectors_stand_in_the_rows_of_their_words(tmp_path: Path, head: str) -> None:
    path = write(tmp_path / "v.txt", head + "moon 1 -2.5\nsun 3 4\nthe 5e-1 6 \n. . 9 9\n")
    embedding = nn.Embedding(len(TOKENIZER), 2)
    before = embedding.weight.clone()
    assert load_vectors(embedding, path, TOKENIZER) == (2, len(TOKENIZER))
    expected = before.clone()
    expected[TOKENIZER.convert_tokens_to_ids("moon")] = torch.tensor([1.0, -2.5])
    expected[TOKENIZER.convert_tokens_to_ids("the")] = torch.tensor([0.5, 6.0])
    assert torch.equal(embedding.weight, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sun 1 2\n",
            "has a vector of 2 numbers for none of the vocabulary's tokens; set embedding",
        ),
        ("moon 1\n", "for none of the vocabulary's tokens"),
        ("the 1 2\nmoon 1 x\n", "line 2: not a word and 2 numbers; set embedding_size to the"),
        ("moon 1 nan\n", "line 1: not a word and 2 numbers"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "v.txt", text)
    with pytest.raises(UserError) as error:
        load_vectors(nn.Embedding(len(TOKENIZER), 2), path, TOKENIZER)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_both_players_begin_with_them_and_keep_what_they_learnt(
    textgan: Command, small: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "v.txt", "moon 9 9 9 9\nriver 8 8 8 8\n")
    words = ("--generator.embedding_path", path, "--discriminator.embedding_path", path)
    done = textgan("pretrain", small, *words, "--run", "vectors")
    assert done.code == 0, done.err
    for player in ("generator", "discriminator"):
        assert f"{player}: word vectors for 2 of" in done.err
    found = runs.open_checkpoint(Path("vectors"), "last")
    generator = models.load_generator(found.generator)
    row = models.load_tokenizer(found.generator, generator).convert_tokens_to_ids("moon")
    vector = generator.get_input_embeddings().weight[row]
    moved = float((vector.detach() - 9).abs().max())
    assert 0 < moved < 0.5, "read once, then trained, not read again"
    (tmp_path / "v.txt").unlink()
    assert textgan("sample", "vectors").code == 0
    missing = textgan("pretrain", small, "--generator.embedding_path", "no.txt")
    assert missing.code == 2
    assert missing.err.splitlines()[-1] == (
        "error: embedding_path: 'no.txt' can't be read (No such file or directory)"
    )
