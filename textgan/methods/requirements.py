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


def needs_one_logit(who: str, discriminator: Discriminator, per_token: bool = False) -> None:
    """A text, or each of its tokens, must be judged by one number.

    Args:
        who: needs that, as the message begins: ``method.values: 'rollout'``.
        discriminator: which must have it.
        per_token: a token's, not a text's.

    Raises:
        UserError: the discriminator judges the other, or by several numbers.
    """
    options = discriminator.config.options or {"per_token": None}
    several = [key for key in ("classes", "representations") if options.get(key, 1) > 1]
    if discriminator.per_token == per_token and not several:
        return
    if several and not per_token:
        mend = f"discriminator.{several[0]} to 1"
    elif "per_token" in options:
        mend = f"discriminator.per_token to {str(per_token).lower()}"
    else:
        mend = "discriminator.name to rnn" + " and its per_token to true" * per_token
    unit = "token" if per_token else "text"
    raise UserError(f"{who} needs a discriminator with one logit a {unit}; set {mend}")


def needs_every_token(who: str, discriminator: Discriminator, per_token: bool = False) -> None:
    """Every token that could have come must have a score.

    Args:
        who: needs that, as the message begins.
        discriminator: which must give it.
        per_token: a logit of its own, not a part of its text's.

    Raises:
        UserError: the discriminator scores only what came, or texts as a whole.
    """
    if not discriminator.every_token or (per_token and not discriminator.per_token):
        names = "projection" if per_token else "pairs or projection"
        raise UserError(
            f"{who} needs a discriminator that scores every next token; set discriminator.name to "
            f"{names}"
        )
