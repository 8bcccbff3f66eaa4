"""Players from options or from a checkpoint's folders."""

import json
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from textgan import runtime
from textgan.discriminators import DISCRIMINATORS, Discriminator, DiscriminatorOptions
from textgan.errors import UserError
from textgan.generators import GENERATORS, Generator, GeneratorOptions

Tokenizer = PreTrainedTokenizerFast


def make_generator(
    options: GeneratorOptions, tokenizer: Tokenizer, length: int, seed: int
) -> Generator:
    """A new generator; its first weights follow from the seed."""
    runtime.seed(seed, "generator")
    model = GENERATORS[options.name]
    config = model.config_class(
        vocab_size=len(tokenizer),
        length=length,
        never=[tokenizer.pad_token_id, tokenizer.bos_token_id],
        options=options.model_dump(mode="json"),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    generator = model(config)
    generator.generation_config.max_length = length + 1
    generator.generation_config.do_sample = True
    generator.generation_config.top_k = 0
    return generator


def make_discriminator(
    options: DiscriminatorOptions, tokenizer: Tokenizer, seed: int
) -> Discriminator:
    """A new discriminator; its first weights follow from the seed."""
    runtime.seed(seed, "discriminator")
    model = DISCRIMINATORS[options.name]
    return model(
        model.config_class(vocab_size=len(tokenizer), options=options.model_dump(mode="json"))
    )


def load_player(folder: Path, table: dict[str, Any]) -> Any:
    """A generator or discriminator from its folder.

    Raises:
        UserError: the folder is missing or damaged.
    """
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
        model = next(m for m in table.values() if m.config_class.model_type == kind)
        player, report = model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        if missing := ", ".join(sorted(report["missing_keys"])):
            raise ValueError(f"weights lack {missing}")  # the library would draw them at random
        return player
    except StopIteration:
        raise UserError(f"{folder}: is no {' or '.join(table)} of textgan") from None
    except FileNotFoundError:
        raise UserError(f"{folder}: has no config.json; give a run or a checkpoint") from None
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder}: damaged ({reason}); use another checkpoint") from None


def load_generator(folder: Path) -> Generator:
    """The generator of a checkpoint's ``generator`` folder."""
    generator: Generator = load_player(folder, GENERATORS)
    return generator


def load_discriminator(folder: Path) -> Discriminator:
    """The discriminator of a checkpoint's ``discriminator`` folder."""
    discriminator: Discriminator = load_player(folder, DISCRIMINATORS)
    return discriminator


def load_tokenizer(folder: Path, vocabulary: int) -> Tokenizer:
    """The tokenizer in a generator's folder.

    Raises:
        UserError: it is missing, damaged or of another vocabulary than the generator.
    """
    try:
        tokenizer = cast(Tokenizer, AutoTokenizer.from_pretrained(folder, local_files_only=True))
    except Exception as error:  # the library raises plain Exception for a damaged tokenizer.json
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder}: tokenizer can't be read ({reason})") from None
    if len(tokenizer) != vocabulary:
        raise UserError(
            f"{folder}: the tokenizer has {len(tokenizer)} kinds of token, the generator "
            f"{vocabulary}; they are of different runs"
        )
    return tokenizer
