"""Policies over texts. One table of names; transformers' Auto classes know every entry."""

from transformers import AutoConfig, AutoModelForCausalLM

from textgan.generators.base import Generator, GeneratorConfig, GeneratorOptions, State
from textgan.generators.lstm import LSTMConfig, LSTMGenerator

GENERATORS: dict[str, type[Generator]] = {"lstm": LSTMGenerator}

for _generator in GENERATORS.values():
    AutoConfig.register(_generator.config_class.model_type, _generator.config_class)
    AutoModelForCausalLM.register(_generator.config_class, _generator)

__all__ = ["GENERATORS", "Generator", "GeneratorConfig", "GeneratorOptions", "LSTMConfig", "State"]
