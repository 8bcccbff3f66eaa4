"""RelGAN's generator (Nie et al., ICLR 2019): a relational memory (Santoro et al., 1806.01822).

The memory M is N slots, H heads of D numbers each. A step lets the slots attend to themselves and
to the new word x = W_x e, and gates what they learnt:

    A_h = softmax(Q_h [K_h]^T / sqrt(D)) V_h      Q of the slots; K, V of the slots and of x
    M~  = LN(M + A), M~ = LN(M~ + MLP(M~))
    i, f = sigma(W_i x + U_i tanh M), sigma(W_f x + U_f tanh M + 1)
    M'  = i * tanh(M~) + f * M                    the output is M', all slots in a row
"""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.nn import init

from textgan.data.vectors import VectorOptions
from textgan.generators.base import Generator
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig, GeneratorOptions


class RelationalMemoryOptions(GeneratorOptions, VectorOptions):
    """Sizes of a relational memory; the defaults are RelGAN's official ones."""

    name: Literal["relational_memory"] = "relational_memory"
    """Which generator."""
    embedding_size: int = Field(default=32, ge=1)
    """Size of a word vector."""
    slots: int = Field(default=1, ge=1)
    """Rows of the memory."""
    heads: int = Field(default=2, ge=1)
    """Attention heads."""
    head_size: int = Field(default=256, ge=1)
    """Numbers a head; a slot has heads * head_size."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of word vectors' and outputs' elements that are dropped while training."""
    latent_size: int = Field(default=0, ge=0)
    """Numbers of normal noise z that a text is made from: in every input."""
    categories: int = Field(default=0, ge=0)
    """Kinds of text that can be asked for; 0: the texts' labels make no difference."""


class RelationalMemoryConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of a relational memory."""

    model_type = "textgan_relational_memory"


class RelationalMemoryGenerator(Generator):  # type: ignore[no-untyped-call]
    """Embedding, memory, projection.

    The state is the memory, (B, N, HD), and behind it, where there is noise or a category, what
    that adds to every word vector, (B, E).
    """

    config_class = RelationalMemoryConfig
    Options = RelationalMemoryOptions
    _input_embed_layer = "embedding"

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config)
        o = self.options = self.Options.model_validate(config.options)
        size = o.heads * o.head_size
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.dropout = nn.Dropout(o.dropout)
        self.input = nn.Linear(o.embedding_size, size)
        self.attention = nn.Linear(size, 3 * size, bias=False)
        """Queries, keys and values."""
        self.attention_norm = nn.LayerNorm(3 * size)
        self.attended_norm = nn.LayerNorm(size)
        self.mlp = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size))
        self.mlp_norm = nn.LayerNorm(size)
        self.input_gates = nn.Linear(size, 2 * size, bias=False)
        self.memory_gates = nn.Linear(size, 2 * size, bias=False)
        self.output = nn.Linear(o.slots * size, config.vocab_size)
        if o.latent_size or o.categories:
            self.condition = nn.Linear(o.latent_size + o.categories, o.embedding_size)
        self.post_init()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Truncated normal, 1 / sqrt(inputs), as in RelGAN's official code."""
        if isinstance(module, nn.Embedding | nn.Linear):
            embeds = isinstance(module, nn.Embedding)
            std = module.weight.shape[0 if embeds else 1] ** -0.5
            init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            init.zeros_(module.bias)

    def get_output_embeddings(self) -> nn.Linear:
        return self.output

    @property
    def latent_size(self) -> int:
        return self.options.latent_size

    @property
    def categories(self) -> int:
        return self.options.categories

    def initial_state(self, size: int) -> State:
        """Slots that differ: rows of the unit matrix."""
        o, like = self.options, self.output.weight
        slots = torch.eye(o.slots, o.heads * o.head_size, dtype=like.dtype, device=like.device)
        return (slots.expand(size, -1, -1),)

    def conditioned(self, state: State, noise: Tensor | None, category: Tensor | None) -> State:
        if noise is None and category is None:
            return state
        return (*state, self.condition(self.side_by_side(noise, category)))

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        memory, *every = state
        for condition in every:
            embedded = embedded + condition[:, None]
        # What doesn't look at the memory is worked out for all words at once.
        x = self.input(self.dropout(embedded))  # (B, T, HD)
        read, gates, outputs = self.attended(x), self.input_gates(x), []
        for t in range(x.shape[1]):
            memory = self.turn(memory, read[:, t : t + 1], gates[:, t : t + 1])
            outputs.append(memory.flatten(1))
        return self.dropout(torch.stack(outputs, dim=1)), (memory, *every)

    def attended(self, rows: Tensor) -> Tensor:
        """Queries, keys and values of rows: (B, R, HD) -> (B, R, 3HD)."""
        qkv: Tensor = self.attention_norm(self.attention(rows))
        return qkv

    def turn(self, memory: Tensor, read: Tensor, gates: Tensor) -> Tensor:
        """One step: memory (B, N, HD), the word's attention (B, 1, 3HD) and gates (B, 1, 2HD)."""
        rows = torch.cat([self.attended(memory), read], dim=1)
        heads = rows.view(*rows.shape[:2], 3, self.options.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = heads  # (B, H, N + 1, D)
        # The word's own row would be dropped in the end: it asks nothing.
        found = F.scaled_dot_product_attention(query[:, :, :-1], key, value)
        learnt = self.attended_norm(memory + found.transpose(1, 2).flatten(2))
        learnt = self.mlp_norm(learnt + self.mlp(learnt))
        taken, kept = (gates + self.memory_gates(memory.tanh())).chunk(2, dim=2)
        behind: Tensor = taken.sigmoid() * learnt.tanh() + (kept + 1).sigmoid() * memory
        return behind
