"""From a checkpoint to texts that its discriminator has a say in (residual EBM)."""

from pathlib import Path

import torch

from textgan import models, runs, runtime, seal, validation
from textgan.errors import UserError
from textgan.estimators.resampling import resample
from textgan.sampling import Writer

AT_ONCE = 256
"""Candidates drawn at a time."""


def resampled(
    run: str | Path,
    count: int = 5,
    candidates: int = 16,
    seed: int = 0,
    *,
    prefix: str = "",
    category: str | None = None,
    temperature: float = 1.0,
) -> tuple[list[str], float]:
    """Texts of p(x) ∝ pi(x) e^{d(x)}, from the two players of a run of ``residual_ebm``.

    Args:
        run: the run or a checkpoint of its game.
        count: how many texts.
        candidates: the generator's texts that each is chosen from.
        seed: of the draws.
        prefix: how each begins: candidates are completions of it.
        category: what kind of text, a label's name or number; default: drawn for each candidate.
        temperature: 1, for which alone the weights are right.

    Returns:
        The texts, and the mean effective sample size of their candidates: near ``candidates`` the
        discriminator changes little, near 1 there are too few candidates.

    Raises:
        UserError: a value out of range, a run of another method, or a damaged checkpoint.
    """
    for option, value in (("count", count), ("candidates", candidates)):
        if value < 1:
            raise UserError(f"--{option}: must be 1 or more, got {value}")
    if temperature != 1.0:
        raise UserError(
            "--candidates: their weights are for temperature 1; leave --temperature out"
        )
    checkpoint = runs.open_checkpoint(Path(run))
    check_method(checkpoint)
    writer = Writer.open(checkpoint)
    device = writer.generator.device
    discriminator = models.load_discriminator(checkpoint.folder / "discriminator")
    discriminator = discriminator.to(device)  # type: ignore[arg-type]
    ids, kind = writer.encode(prefix), writer.category(category)
    runtime.seed(seed, "resample")
    texts: list[list[int]] = []
    sizes = 0.0
    while len(texts) < count:
        size = min(max(1, AT_ONCE // candidates), count - len(texts))
        begin = torch.tensor([ids] * (size * candidates), device=device, dtype=torch.long)
        s, effective = resample(
            writer.generator,
            discriminator,
            size,
            candidates,
            prefix=begin if ids else None,
            category=None if kind is None else begin.new_full((len(begin),), kind),
        )
        texts += validation.plain(s)
        sizes += float(effective.sum())
    return writer.tokenizer.batch_decode(texts, skip_special_tokens=True), sizes / count


def check_method(checkpoint: runs.Checkpoint) -> None:
    """Raises UserError unless the discriminator was trained to complete the generator."""
    method = checkpoint.about["recipe"]["method"]["name"]
    if method != "residual_ebm":
        raise UserError(
            f"--candidates: {checkpoint.run} is a run of {method}, whose discriminator is no "
            "weight of texts; leave it out, or give a run of residual_ebm"
        )
    if checkpoint.stage != "adversarial":
        raise UserError(
            f"--candidates: {checkpoint.run} is a run of `{checkpoint.stage}`, its discriminator "
            "has learnt nothing yet; give a run of `adversarial`"
        )
    seal.check(checkpoint.folder, "discriminator")
