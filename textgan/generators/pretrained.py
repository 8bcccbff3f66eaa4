"""Any causal language model of transformers, taken from its folder with its weights."""

from typing import Any, Literal

from transformers import AutoConfig

from textgan.generators.config import GeneratorConfig, GeneratorOptions
from textgan.generators.transformer import TransformerGenerator


class PretrainedOptions(GeneratorOptions):
    """A model that others trained: `--from FOLDER` names it, and nothing of it can be chosen."""

    name: Literal["pretrained"] = "pretrained"
    """Which generator."""


class PretrainedConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of a generator that began as another's model."""

    model_type = "textgan_pretrained"

    pretrained: dict[str, Any] | None = None
    """The model's own config.json."""


class PretrainedGenerator(TransformerGenerator):  # type: ignore[no-untyped-call]
    """A model of transformers that keeps keys and values, such as GPT-2 or Llama."""

    config_class = PretrainedConfig
    Options = PretrainedOptions
    config: PretrainedConfig

    def decoder_config(self) -> Any:
        own = dict(self.config.pretrained or {})
        return AutoConfig.for_model(own.pop("model_type"), **own)
