"""What some methods ask of their players, and the words for a player that hasn't got it."""

from textgan.discriminators.base import Discriminator
from textgan.errors import UserError
from textgan.generators.base import Generator


def needs_density(name: str, generator: Generator) -> None:
    """A text's probability must be known; noise that it was made from would hide it.

    Raises:
        UserError: the generator has noise.
    """
    if generator.latent_size:
        raise UserError(
            f"generator.latent_size: {name} needs the probability of a text, and noise hides it; "
            "set it to 0"
        )


def needs_one_logit(name: str, discriminator: Discriminator) -> None:
    """A text must be judged as a whole.

    Raises:
        UserError: the discriminator judges tokens.
    """
    if discriminator.per_token:
        raise UserError(
            f"discriminator.per_token: {name} needs a discriminator with one logit a text; set it "
            "to false"
        )
