"""Judges of texts. One table of names."""

from textgan.discriminators.base import Discriminator, DiscriminatorConfig
from textgan.discriminators.cnn import CNNDiscriminator, CNNOptions

DISCRIMINATORS: dict[str, type[Discriminator]] = {"cnn": CNNDiscriminator}
DiscriminatorOptions = CNNOptions

__all__ = ["DISCRIMINATORS", "Discriminator", "DiscriminatorConfig", "DiscriminatorOptions"]
