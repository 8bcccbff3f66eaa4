"""From a checkpoint to texts that its discriminator has a say in (residual EBM)."""

from pathlib import Path

from textgan import models, runs, runtime, validation
from textgan.errors import UserError
from textgan.estimators.resampling import resample
from textgan.sampling import Writer


def resampled(
    run: str | Path, count: int = 5, candidates: int = 16, seed: int = 0
) -> tuple[list[str], float]:
    """Texts of p(x) ∝ pi(x) e^{d(x)}, from a run's or checkpoint's two players.

    Args:
        run: a run of ``residual_ebm``, or of any method whose discriminator learnt by
            cross-entropy against the generator as it is now.
        count: how many texts.
        candidates: the generator's texts that each is chosen from.
        seed: of the draws.

    Returns:
        The texts, and the mean effective sample size of their candidates: near ``candidates`` the
        discriminator changes little, near 1 there are too few candidates.

    Raises:
        UserError: a value out of range, or a damaged checkpoint.
    """
    if count < 1 or candidates < 1:
        raise UserError(f"count and candidates must be 1 or more, got {count} and {candidates}")
    checkpoint = runs.open_checkpoint(Path(run))
    writer = Writer.open(checkpoint)
    discriminator = models.load_discriminator(checkpoint.folder / "discriminator")
    discriminator = discriminator.to(writer.generator.device)  # type: ignore[arg-type]
    runtime.seed(seed, "resample")
    texts: list[list[int]] = []
    sizes = 0.0
    size = max(1, 256 // candidates)
    while len(texts) < count:
        s, effective = resample(
            writer.generator, discriminator, min(size, count - len(texts)), candidates
        )
        texts += validation.plain(s)
        sizes += float(effective.sum())
    return writer.tokenizer.batch_decode(texts, skip_special_tokens=True), sizes / count
