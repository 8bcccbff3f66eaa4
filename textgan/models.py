"""Players and tokenizers from a checkpoint's folders, or from other models' ones."""

import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from textgan.discriminators import DISCRIMINATORS, Discriminator
from textgan.errors import UserError
from textgan.generators import GENERATORS, Generator
from textgan.generators.pretrained import PretrainedConfig, PretrainedGenerator
from textgan.new_players import special_ids

Tokenizer = PreTrainedTokenizerFast
DAMAGED = (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a model's folder.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        found: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(found["model_type"], str):
            raise TypeError("its model_type is no text")
        return found
    except FileNotFoundError:
        raise UserError(f"{folder}: has no config.json; give a run or a checkpoint") from None
    except DAMAGED as error:
        raise _damaged(folder, error) from None


def class_of(folder: Path, table: dict[str, Any]) -> Any | None:
    """The class in the table of a folder's model; None for a model that isn't textgan's.

    Raises:
        UserError: config.json is missing or damaged, or it is another model of textgan's.
    """
    kind = read_config(folder)["model_type"]
    found = next((m for m in table.values() if m.config_class.model_type == kind), None)
    if found is None and kind.startswith("textgan"):
        raise UserError(f"{folder}: is no {' or '.join(table)} of textgan")
    return found


def _damaged(folder: Path, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [""])[0]
    return UserError(f"{folder}: damaged ({reason}); use another checkpoint")


def load_player(folder: Path, model: Any) -> Any:
    """A generator or discriminator of a class from its folder.

    Raises:
        UserError: the folder is damaged.
    """
    try:
        _refuse_pickles(folder)
        player, report = model.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype=torch.float32,  # shipped models are stored at half precision
        )
        if missing := ", ".join(sorted(report["missing_keys"])):
            raise ValueError(f"weights lack {missing}")  # the library would draw them at random
        return player
    except DAMAGED as error:
        raise _damaged(folder, error) from None


def _refuse_pickles(folder: Path) -> None:
    """An index may name any file, and what isn't in safetensors the library would unpickle."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        shards = dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"]).values()
        if wrong := [name for name in shards if not str(name).endswith(".safetensors")]:
            raise ValueError(f"its index names {wrong[0]!r}, which is no safetensors file")


def load_generator(folder: Path) -> Generator:
    """The generator in a folder: one of ours, or any causal language model of transformers.

    Raises:
        UserError: the folder is missing or damaged, or its model is of another kind.
    """
    model = class_of(folder, GENERATORS)
    generator: Generator = adopt(folder) if model is None else load_player(folder, model)
    return generator


@torch.no_grad()
def adopt(folder: Path) -> PretrainedGenerator:
    """A causal language model of transformers, with its weights, as a generator.

    Raises:
        UserError: the folder is damaged, or the model isn't made as ours must be: keys and values
            as its state, and an output layer that is linear.
    """
    try:
        _refuse_pickles(folder)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
    except (*DAMAGED, ImportError, AttributeError) as error:  # quantised ones want more packages
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{folder}: can't be read ({reason}); it must be a causal language model of "
            "transformers, with its weights in safetensors"
        ) from None
    own = model.config.to_dict()
    tokenizer = read_tokenizer(folder)
    generator = PretrainedGenerator(
        PretrainedConfig(
            vocab_size=model.config.vocab_size,
            options={"name": "pretrained"},
            pretrained=own,
            **special_ids(tokenizer, model.config.vocab_size),
        )
    )
    generator.decoder.load_state_dict(model.state_dict())
    same = _same(generator, model)
    if not same:
        raise UserError(
            f"{folder}: a model of type '{model.config.model_type}' can't be trained here: it must "
            "keep keys and values, and end in a linear layer, as GPT-2 and Llama do"
        )
    return generator


def _same(generator: PretrainedGenerator, model: PreTrainedModel) -> bool:
    """True if two steps of the generator give the logits that the model gives in one."""
    model.train(False)
    generator.train(False)
    ids = torch.arange(min(8, generator.config.vocab_size))[None]
    try:
        embedded = generator.get_input_embeddings()(ids)
        first, state = generator.hidden(embedded[:, :3], ())
        second, _ = generator.hidden(embedded[:, 3:], state)
        ours = generator.get_output_embeddings()(torch.cat([first, second], dim=1))
        return torch.allclose(ours, model(ids).logits, rtol=1e-3, atol=1e-4)
    except (TypeError, ValueError, AttributeError, RuntimeError, LookupError):
        return False  # it wants something else of its caller


def load_discriminator(folder: Path) -> Discriminator:
    """The discriminator of a checkpoint's ``discriminator`` folder.

    Raises:
        UserError: the folder is missing or damaged, or holds another model.
    """
    model = class_of(folder, DISCRIMINATORS)
    if model is None:
        raise UserError(f"{folder}: is no {' or '.join(DISCRIMINATORS)} of textgan")
    discriminator: Discriminator = load_player(folder, model)
    return discriminator


def load_tokenizer(folder: Path, generator: Generator) -> Tokenizer:
    """The tokenizer in a generator's folder.

    Raises:
        UserError: it is missing, damaged or of another vocabulary than the generator.
    """
    tokenizer = read_tokenizer(folder, ends=generator.config.eos_token_id is not None)
    vocabulary = generator.config.vocab_size
    ours = not isinstance(generator, PretrainedGenerator)  # others' matrices have spare rows
    if len(tokenizer) > vocabulary or (ours and len(tokenizer) < vocabulary):
        raise UserError(
            f"{folder}: the tokenizer has {len(tokenizer)} kinds of token, the generator "
            f"{vocabulary}; they are of different runs"
        )
    return tokenizer


def read_tokenizer(folder: Path, ends: bool = True) -> Tokenizer:
    """A folder's tokenizer; one without padding or beginning uses the end token for them.

    Args:
        folder: the model's.
        ends: whether its language has an end token; an oracle's has none.

    Raises:
        UserError: it is missing, damaged, slow or has no end token.
    """
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        # The library would make an empty one.
        raise UserError(f"{folder}: has no tokenizer; put its tokenizer.json beside the model")
    try:
        found = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        tokenizer = cast(Tokenizer, found)
    except Exception as error:  # the library raises plain Exception for a damaged tokenizer.json
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder}: tokenizer can't be read ({reason})") from None
    if not tokenizer.is_fast or (ends and tokenizer.eos_token is None):
        raise UserError(f"{folder}: the tokenizer must have a tokenizer.json and an end token")
    # What a folder says of padding and cutting is for its own trainer: here it would spoil texts.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.bos_token is None:
        tokenizer.bos_token = tokenizer.eos_token
    return tokenizer
