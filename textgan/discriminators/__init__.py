"""Judges of texts. One table of names."""

from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.discriminators.cnn import CNNDiscriminator

DISCRIMINATORS: dict[str, type[Discriminator]] = {"cnn": CNNDiscriminator}

__all__ = ["DISCRIMINATORS", "Discriminator", "DiscriminatorConfig", "DiscriminatorOptions"]
