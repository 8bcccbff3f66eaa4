"""Turn a run's best checkpoint into a model that the package carries, at half precision.

    python tools/ship.py RUN NAME [--characters]

With --characters a tokenizer of single characters reads texts without blanks as well as those whose
characters are split by blanks, as the SeqGAN poems are. The model card,
textgan/shipped_models/NAME/README.md, is written by hand.
"""

import argparse
from pathlib import Path

import torch
import yaml
from tokenizers import Regex
from tokenizers.decoders import Fuse
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Split

from textgan import models, runs, shipped

LARGEST = 5_000_000
"""Bytes a shipped model may have."""


def read_characters(tokenizer: models.Tokenizer) -> None:
    """Every character is a token, blanks and line breaks are none; ids stay."""
    backend = tokenizer.backend_tokenizer
    backend.normalizer = Replace(Regex(r"\s+"), "")
    backend.pre_tokenizer = Split(Regex(r"[\s\S]"), behavior="isolated")
    backend.decoder = Fuse()


def main() -> None:
    """Copy generator, tokenizer and run.yaml."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name", choices=shipped.NAMES)
    parser.add_argument("--characters", action="store_true")
    arguments = parser.parse_args()
    checkpoint = runs.open_checkpoint(arguments.run, "best")
    place = shipped.place(arguments.name)
    generator = models.load_generator(checkpoint.generator)
    tokenizer = models.load_tokenizer(checkpoint.generator, generator)
    if arguments.characters:
        read_characters(tokenizer)
    generator.to(torch.float16).save_pretrained(place / "generator")  # type: ignore[arg-type]
    tokenizer.save_pretrained(place / "generator")
    # Where the text lay on the machine that trained it is nobody's business.
    about = checkpoint.about
    about["recipe"]["corpus"]["path"] = Path(about["recipe"]["corpus"]["path"]).name
    (place / "run.yaml").write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    print(f"{place}: {size:,} bytes")
    if size > LARGEST:
        raise SystemExit(f"error: more than {LARGEST:,} bytes")


if __name__ == "__main__":
    main()
