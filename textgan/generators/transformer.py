"""A small Transformer decoder, made of transformers' own GPT-2 classes (Radford et al. 2019)."""

import inspect
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache, PreTrainedModel

from textgan.data.vectors import VectorOptions
from textgan.generators.base import Generator
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig, GeneratorOptions


class TransformerOptions(GeneratorOptions, VectorOptions):
    """A decoder of attention layers."""

    name: Literal["transformer"] = "transformer"
    """Which generator."""
    hidden_size: int = Field(default=128, ge=1)
    """Size of a word vector and of every layer."""
    layers: int = Field(default=4, ge=1)
    """Layers, one above the other."""
    heads: int = Field(default=4, ge=1)
    """Attention heads a layer; they divide hidden_size."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of elements dropped while training: word vectors, attention, layers."""
    tied: bool = True
    """One matrix for word vectors and output."""
    latent_size: int = Field(default=0, ge=0)
    """Numbers of normal noise z that a text is made from: added to every word vector."""
    categories: int = Field(default=0, ge=0)
    """Kinds of text that can be asked for; 0: the texts' labels make no difference."""

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        if self.hidden_size % self.heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of heads {self.heads}"
            )
        return self


class TransformerConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of a Transformer generator."""

    model_type = "textgan_transformer"

    places: int = 0
    """Positions that its weights have, ``<bos>`` included; ``length`` may become smaller."""


class TransformerGenerator(Generator):  # type: ignore[no-untyped-call]
    """A causal language model of transformers.

    The state is, where there is noise or a category, what that adds to every word vector, (B, H);
    the keys and values of every layer, each (B, heads, t, H / heads), none at the beginning; and,
    behind left padding, what was real of those t positions, (B, t).
    """

    Options: ClassVar[type[GeneratorOptions]] = TransformerOptions
    config_class: type[GeneratorConfig] = TransformerConfig

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config)
        if isinstance(config, TransformerConfig):
            config.places = config.places or config.length + 1
        self.decoder: PreTrainedModel = AutoModelForCausalLM.from_config(self.decoder_config())  # type: ignore[no-untyped-call]
        self.takes_positions = "position_ids" in inspect.signature(self.body.forward).parameters
        given = self.latent_size + self.categories
        if given:
            self.condition = nn.Linear(given, int(self.decoder.config.hidden_size))
        self.post_init()  # type: ignore[no-untyped-call]

    def decoder_config(self) -> Any:
        """What transformers needs to know to build the model."""
        o = TransformerOptions.model_validate(self.config.options)
        return AutoConfig.for_model(
            "gpt2",
            vocab_size=self.config.vocab_size,
            n_positions=getattr(self.config, "places", 0),
            n_embd=o.hidden_size,
            n_layer=o.layers,
            n_head=o.heads,
            embd_pdrop=o.dropout,
            attn_pdrop=o.dropout,
            resid_pdrop=o.dropout,
            tie_word_embeddings=o.tied,
            bos_token_id=self.config.bos_token_id,
            eos_token_id=self.config.eos_token_id,
            pad_token_id=self.config.pad_token_id,
        )

    @property
    def latent_size(self) -> int:
        return int((self.config.options or {}).get("latent_size", 0))

    @property
    def categories(self) -> int:
        return int((self.config.options or {}).get("categories", 0))

    @property
    def positions(self) -> int | None:
        places = getattr(self.decoder.config, "max_position_embeddings", None)
        return None if places is None else int(places) - 1  # <bos> takes one

    @property
    def body(self) -> nn.Module:
        """The model below its output layer."""
        return self.decoder.base_model

    def get_input_embeddings(self) -> nn.Module:
        return self.decoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.decoder.get_output_embeddings()  # type: ignore[no-any-return,no-untyped-call]

    def initial_state(self, size: int) -> State:
        return ()

    def state_bytes(self, tokens: int) -> int:
        o = self.decoder.config
        return 2 * 4 * int(o.num_hidden_layers * o.hidden_size) * (tokens + 1)

    def conditioned(self, state: State, noise: Tensor | None, category: Tensor | None) -> State:
        if noise is None and category is None:
            return state
        return self.condition(self.side_by_side(noise, category)), *state

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        return self._attend(embedded, state, None)

    def _masked(self, embedded: Tensor, mask: Tensor, state: State) -> tuple[Tensor, State]:
        return self._attend(embedded, state, mask.bool())

    def _attend(self, embedded: Tensor, state: State, mask: Tensor | None) -> tuple[Tensor, State]:
        """Attention over the state and itself; ``mask``: what is real of both, (B, t + T)."""
        every, state = (state[:1], state[1:]) if self.latent_size + self.categories else ((), state)
        for condition in every:
            embedded = embedded + condition[:, None]
        layers, known = state[: len(state) // 2 * 2], state[len(state) // 2 * 2 :]
        past = layers[0].shape[2] if layers else 0
        if mask is None and known:
            mask = known[0].new_ones(len(embedded), embedded.shape[1])
        if mask is not None and mask.shape[1] < past + embedded.shape[1]:
            before = known[0] if known else mask.new_ones(len(mask), past)
            mask = torch.cat([before, mask], dim=1)
        arguments: dict[str, Any] = {"attention_mask": mask}
        if mask is not None and self.takes_positions:
            places = (mask.long().cumsum(dim=1) - 1).clamp(min=0)
            arguments["position_ids"] = places[:, past:]
        # A cache of this step's own: the caller's state stays as it is.
        cache = DynamicCache(ddp_cache_data=list(zip(layers[::2], layers[1::2], strict=True)))
        found = self.body(
            inputs_embeds=embedded, past_key_values=cache, use_cache=True, **arguments
        )
        both = [part for layer in cache for part in layer[:2] if part is not None]
        return found.last_hidden_state, (*every, *both, *([] if mask is None else [mask]))
