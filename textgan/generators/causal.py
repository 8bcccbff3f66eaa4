"""What transformers asks of a causal language model, for a model whose state is a tuple of tensors.

The contract (tests/generators/test_contract.py): no DynamicCache, a state that is None when
``use_cache`` is off, and that stands still under padding.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GenerationMixin, PreTrainedModel
from transformers.utils.generic import ModelOutput

from textgan.errors import UserError
from textgan.generators.config import GeneratorConfig

State = tuple[Tensor, ...]


@dataclass
class CausalOutput(ModelOutput):
    """``logits`` (B, T, V), the ``state`` behind the last token, and the loss if labels came."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    state: State | None = None


class CausalModel(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """A language model that ``generate`` and ``pipeline`` can call."""

    config: GeneratorConfig
    config_class: type[GeneratorConfig]
    main_input_name = "input_ids"
    _is_stateful = True

    @property
    def latent_size(self) -> int:
        """Z: numbers of noise that a text is made from; 0: none."""
        return 0

    @property
    def categories(self) -> int:
        """Kinds of text that can be asked for; 0: it makes no difference."""
        return 0

    # What a subclass gives

    def start(
        self, size: int, noise: Tensor | None = None, category: Tensor | None = None
    ) -> State:
        """The first state of ``size`` texts; noise and categories that aren't given are drawn."""
        raise NotImplementedError

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        """Many steps at once: embedded tokens (B, T, E) -> outputs (B, T, H), last state."""
        raise NotImplementedError

    def project(self, hidden: Tensor) -> Tensor:
        """Outputs (..., H) -> logits (..., V)."""
        raise NotImplementedError

    # What transformers calls

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        state: State | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        return_dict: bool | None = None,
        noise: Tensor | None = None,
        category: Tensor | None = None,
        **_: Any,
    ) -> CausalOutput | tuple[Any, ...]:
        """Logits of the token after each of ``input_ids`` (B, T), which begin with ``<bos>``.

        ``noise`` (B, Z) and ``category`` (B,) are drawn, like a text's, if there is no state yet.
        """
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        state = self.start(len(inputs_embeds), noise, category) if state is None else state
        if attention_mask is None:
            hidden, state = self.hidden(inputs_embeds, state)
        else:
            hidden, state = self._masked(inputs_embeds, attention_mask, state)
        logits = self.project(hidden)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        keep = self.config.use_cache if use_cache is None else use_cache
        output = CausalOutput(loss=loss, logits=logits, state=state if keep else None)
        return output if return_dict is not False else output.to_tuple()

    def _masked(self, embedded: Tensor, mask: Tensor, state: State) -> tuple[Tensor, State]:
        """Step by step, the state standing still where the mask is 0 (left padding)."""
        outputs, mask = [], mask[:, -embedded.shape[1] :]
        for t in range(embedded.shape[1]):
            output, moved = self.hidden(embedded[:, t : t + 1], state)
            real = mask[:, t].bool()
            state = tuple(
                torch.where(real.view(-1, *[1] * (new.dim() - 1)), new, old)
                for new, old in zip(moved, state, strict=True)
            )
            outputs.append(output)
        return torch.cat(outputs, dim=1), state

    # Not the library's signature: the names here are what ``generate`` lets a caller pass.
    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        input_ids: Tensor,
        state: State | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        noise: Tensor | None = None,
        category: Tensor | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Only the last token once there is a state."""
        drawn = (self.latent_size and noise is None) or (self.categories and category is None)
        if drawn and use_cache is False:
            raise UserError(
                "generate: without a cache every step would draw noise and category anew; give "
                "noise and category, or use_cache=True"
            )
        inputs: dict[str, Any] = {"attention_mask": attention_mask, "use_cache": use_cache}
        inputs |= {"noise": noise, "category": category}
        if inputs_embeds is not None and state is None:
            return {**inputs, "inputs_embeds": inputs_embeds}
        return {
            **inputs,
            "input_ids": input_ids if state is None else input_ids[:, -1:],
            "state": state,
        }

    @staticmethod
    def _reorder_cache(state: State, beam_idx: Tensor) -> State:
        return tuple(part.index_select(0, beam_idx) for part in state)

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False
