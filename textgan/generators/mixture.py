"""k generators as one: an expert for each category, as SentiGAN has them (IJCAI 2018).

A text's category rides in the state and says which expert writes it. Word vectors are those of all
experts one behind the other; an output is a block of H + 1 units an expert (the last is 1, for the
bias), zero but in its own expert's. So one projection serves all experts at once, and sampling,
likelihood and rollouts stay what they are.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from textgan.generators.base import Generator, Projection, Step
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig, GeneratorOptions
from textgan.generators.lstm import LSTMGenerator, LSTMOptions


class MixtureOptions(GeneratorOptions):
    """LSTMs that share nothing, one a category; sizes are those of each."""

    name: Literal["mixture"] = "mixture"
    """Which generator."""
    categories: int = Field(default=2, ge=2)
    """k: experts, one for each label of the texts."""
    embedding_size: int = Field(default=32, ge=1)
    """Size of a word vector."""
    hidden_size: int = Field(default=32, ge=1)
    """Units a layer."""
    layers: int = Field(default=1, ge=1)
    """Recurrent layers, one above the other."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of word vectors' and outputs' elements that are dropped while training."""
    init_std: float = Field(default=0.1, gt=0)
    """Standard deviation of the first weights; they are normal, as in SeqGAN's official code."""
    latent_size: int = Field(default=0, ge=0)
    """Numbers of normal noise z that a text is made from: in the first state and in every input."""

    def of_an_expert(self) -> dict[str, Any]:
        """One expert's own options."""
        shared = self.model_dump(mode="json", exclude={"name", "categories"})
        return LSTMOptions(**shared).model_dump(mode="json")


class MixtureConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of a mixture."""

    model_type = "textgan_mixture"


class SideBySide(nn.Module):
    """Every expert's word vector of a token, one behind the other."""

    def __init__(self, tables: list[nn.Embedding]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(tables)

    @property
    def weight(self) -> Tensor:
        """(V, k E)."""
        return torch.cat([table.get_parameter("weight") for table in self.tables], dim=1)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (...,) -> (..., k E)."""
        return torch.cat([table(ids) for table in self.tables], dim=-1)


class MixtureGenerator(Generator):  # type: ignore[no-untyped-call]
    """All experts go along and a text's own is kept: no wait for the device, k times one's step.

    The state is the own expert's, and behind it the category (B,).
    """

    config_class = MixtureConfig
    Options = MixtureOptions

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config)
        self.options = MixtureOptions.model_validate(config.options)
        config.tie_word_embeddings = False
        settings = {
            name: getattr(config, name)
            for name in ("vocab_size", "length", "bos_token_id", "eos_token_id", "pad_token_id")
        }
        options, kind = self.options.of_an_expert(), LSTMGenerator.config_class
        self.experts = nn.ModuleList(
            LSTMGenerator(kind(options=options, **settings)) for _ in range(self.categories)
        )
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def latent_size(self) -> int:
        return self.options.latent_size

    @property
    def categories(self) -> int:
        return self.options.categories

    @property
    def lstms(self) -> list[LSTMGenerator]:
        """The experts."""
        return [expert for expert in self.experts if isinstance(expert, LSTMGenerator)]

    def get_input_embeddings(self) -> nn.Module:
        return SideBySide([expert.embedding for expert in self.lstms])

    def get_output_embeddings(self) -> None:
        """None: every expert has its own, see ``output_layer``."""

    def output_layer(self) -> tuple[Tensor, Tensor]:
        blocks = [
            torch.cat([expert.output.weight, expert.output.bias[:, None]], dim=1)
            for expert in self.lstms
        ]
        weight = torch.cat(blocks, dim=1)  # (V, k (H + 1))
        return weight, self.without_never(weight.new_zeros(len(weight)))

    def bounded(self) -> bool:
        return all(expert.bounded() for expert in self.lstms)

    def initial_state(self, size: int) -> State:
        return self.lstms[0].initial_state(size)

    def conditioned(self, state: State, noise: Tensor | None, category: Tensor | None) -> State:
        assert category is not None, "a mixture's texts have a category"
        states = [expert.conditioned(state, noise, None) for expert in self.lstms]
        return *self._own(states, category), category

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        *before, category = state
        parts = embedded.chunk(self.categories, dim=2)
        found = [
            expert.hidden(part, tuple(before))
            for expert, part in zip(self.lstms, parts, strict=True)
        ]
        return self._join(found, category)

    def stepper(self) -> tuple[Step, Projection]:
        steps = [expert.stepper()[0] for expert in self.lstms]

        def step(token: Tensor, state: State) -> tuple[Tensor, State]:
            *before, category = state
            return self._join([step(token, tuple(before)) for step in steps], category)

        return step, super().stepper()[1]

    def _join(self, found: list[tuple[Tensor, State]], category: Tensor) -> tuple[Tensor, State]:
        """All experts' outputs, (B, ..., H) each, and states -> (B, ..., k (H + 1)), own state."""
        blocks = []
        for expert, (output, _) in enumerate(found):
            own = (category == expert).view(-1, *[1] * (output.dim() - 1))
            blocks.append(F.pad(output, (0, 1), value=1.0) * own)
        states = self._own([state for _, state in found], category)
        return torch.cat(blocks, dim=-1), (*states, category)

    @staticmethod
    def _own(states: list[State], category: Tensor) -> State:
        """Row b of the state of expert ``category[b]``."""
        rows = torch.arange(len(category), device=category.device)
        return tuple(torch.stack(part)[category, rows] for part in zip(*states, strict=True))
