"""Judges of texts. One table of names."""

from textgan.discriminators.base import Discriminator, DiscriminatorConfig, DiscriminatorOptions
from textgan.discriminators.cnn import CNNDiscriminator
from textgan.discriminators.language_model import LanguageModelDiscriminator
from textgan.discriminators.multi_representation import MultiRepresentationDiscriminator
from textgan.discriminators.pairs import PairsDiscriminator
from textgan.discriminators.projection import ProjectionDiscriminator
from textgan.discriminators.rnn import RNNDiscriminator
from textgan.discriminators.transformer import TransformerDiscriminator

DISCRIMINATORS: dict[str, type[Discriminator]] = {
    "cnn": CNNDiscriminator,
    "rnn": RNNDiscriminator,
    "language_model": LanguageModelDiscriminator,
    "multi_representation": MultiRepresentationDiscriminator,
    "pairs": PairsDiscriminator,
    "projection": ProjectionDiscriminator,
    "transformer": TransformerDiscriminator,
}

__all__ = ["DISCRIMINATORS", "Discriminator", "DiscriminatorConfig", "DiscriminatorOptions"]
