"""Judges of texts. One table of names."""

from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.discriminators.cnn import CNNDiscriminator
from textgan.discriminators.rnn import RNNDiscriminator

DISCRIMINATORS: dict[str, type[Discriminator]] = {"cnn": CNNDiscriminator, "rnn": RNNDiscriminator}

__all__ = ["DISCRIMINATORS", "Discriminator", "DiscriminatorConfig", "DiscriminatorOptions"]
