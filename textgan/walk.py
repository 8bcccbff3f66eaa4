"""A walk from one poem to another through the noise that a generator makes texts from."""

from dataclasses import replace

import torch
from torch import Tensor

from textgan import runtime, validation
from textgan.errors import UserError
from textgan.metrics.estimate import Estimate
from textgan.sampling import Writer

TEXTS = 512
"""Texts by which the ends are told apart."""
UNUSED = 0.05
"""Nats a text: ends that are nearer make the same texts."""


class Walk:
    """The way between two draws of noise.

    Args:
        writer: a generator with noise, and its tokenizer.
        steps: texts on the way, both ends included.
        seed: of the ends, and of the draws, which are the same at every step: only z differs.

    Raises:
        UserError: the generator has no noise, or there are fewer than two steps.
    """

    def __init__(self, writer: Writer, steps: int, seed: int = 0) -> None:
        self.writer, self.steps, self.seed = writer, steps, seed
        if steps < 2:
            raise UserError(f"--walk: must be 2 or more, got {steps}")
        if not writer.generator.latent_size:
            raise UserError(
                "--walk: this model makes its texts of no noise; give a run whose "
                "generator.latent_size isn't 0, as those of textgan and wgan_gp"
            )
        runtime.seed(seed, "walk")
        generator = writer.generator
        self.ends = runtime.normal(2, generator.latent_size, generator.device)

    def texts(self) -> list[str]:
        """A text a step."""
        found: list[str] = []
        for noise in path(self.ends[0], self.ends[1], self.steps):
            runtime.seed(self.seed, "walk", "draws")
            s = self.writer.generator.sample(1, noise=noise[None])
            plain = validation.plain(s)
            found += self.writer.tokenizer.batch_decode(plain, skip_special_tokens=True)
        return found

    @torch.no_grad()
    def distance(self) -> Estimate:
        """KL(pi(. | z of the one end) || pi(. | z of the other)), nats a text."""
        generator, (near, far) = self.writer.generator, self.ends.expand(TEXTS, 2, -1).unbind(1)
        runtime.seed(self.seed, "walk", "distance")
        s = generator.sample(TEXTS, noise=near)
        with runtime.evaluating(generator):
            ratio = generator.log_prob(s) - generator.log_prob(replace(s, noise=far))
        return Estimate.from_scores(ratio.sum(dim=1).tolist())

    def said(self) -> str:
        """The distance, in a line."""
        nats, error, _ = self.distance()
        line = f"{nats:.2f} ± {error:.2f} nats a text between the two ends' conditionals"
        return line if nats >= UNUSED else f"{line}: z is unused, the texts differ by chance alone"


def path(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Points between two vectors (Z,), along the arc (White 2016, arXiv 1609.04468): (N, Z).

    Normal noise lies near a sphere, straight lines lead through its empty inside.
    """
    share = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)[:, None]
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle.sin().abs() < 1e-4:  # in one line: there is no arc
        return (1 - share) * start + share * end
    return (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / angle.sin()
