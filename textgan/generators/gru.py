"""The GRU generator, as in TaylorGAN (arXiv 2011.13527): fewer weights than an LSTM."""

from typing import Literal

import torch
from torch import Tensor, nn

from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig
from textgan.generators.recurrent import RecurrentGenerator, RecurrentOptions


class GRUOptions(RecurrentOptions):
    """A recurrent generator with gated units."""

    name: Literal["gru"] = "gru"
    """Which generator."""


class GRUConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of a GRU generator."""

    model_type = "textgan_gru"


class GRUGenerator(RecurrentGenerator):  # type: ignore[no-untyped-call]
    """Gated recurrent units (Cho et al. 2014); the state is (h,)."""

    config_class = GRUConfig
    Options = GRUOptions
    network = nn.GRU
    parts = 1

    @staticmethod
    def cell(x: Tensor, state: State, weights: list[Tensor]) -> State:
        return (torch.gru_cell(x, state[0], *weights),)
