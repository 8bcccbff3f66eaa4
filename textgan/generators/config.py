"""What a recipe's ``generator`` section and a model's config.json say."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from transformers import PreTrainedConfig


class GeneratorOptions(BaseModel):
    """What all generators' options have in common; ``name`` says which generator it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str


class GeneratorConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Vocabulary, length and special ids, and the options of the recipe's ``generator`` section."""

    model_type = "textgan"

    vocab_size: int = 0
    length: int = 0
    """T: the longest text, its end token included."""
    never: list[int] | None = None
    """Ids that are never an outcome."""
    options: dict[str, Any] | None = None
    use_cache: bool = True
    bos_token_id: int = 0
    eos_token_id: int | None = None
    pad_token_id: int | None = None
    labels: list[str] | None = None
    """The categories' names, if it has any."""
    shares: list[float] | None = None
    """By category, its share of the training texts and of what is drawn; None: all alike."""
