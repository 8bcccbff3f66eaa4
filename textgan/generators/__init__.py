"""Policies over texts. One table of names; transformers' Auto classes know every entry."""

from transformers import AutoConfig, AutoModelForCausalLM

from textgan.generators.base import Generator
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig, GeneratorOptions
from textgan.generators.gru import GRUGenerator
from textgan.generators.leakgan import LeakGANGenerator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator
from textgan.generators.mixture import MixtureGenerator
from textgan.generators.pretrained import PretrainedGenerator
from textgan.generators.relational_memory import RelationalMemoryGenerator
from textgan.generators.transformer import TransformerGenerator

GENERATORS: dict[str, type[Generator]] = {
    "lstm": LSTMGenerator,
    "gru": GRUGenerator,
    "mixture": MixtureGenerator,
    "transformer": TransformerGenerator,
    "pretrained": PretrainedGenerator,
    "leakgan": LeakGANGenerator,
    "relational_memory": RelationalMemoryGenerator,
}

for _generator in GENERATORS.values():
    AutoConfig.register(_generator.config_class.model_type, _generator.config_class)
    AutoModelForCausalLM.register(_generator.config_class, _generator)

__all__ = ["GENERATORS", "Generator", "GeneratorConfig", "GeneratorOptions", "LSTMConfig", "State"]
