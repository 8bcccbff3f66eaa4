"""The LSTM generator of SeqGAN (Yu et al. 2017, arXiv 1609.05473) and most text GANs since."""

from typing import Literal

import torch
from torch import Tensor, nn

from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig
from textgan.generators.recurrent import RecurrentGenerator, RecurrentOptions


class LSTMOptions(RecurrentOptions):
    """A recurrent generator with long short-term memory."""

    name: Literal["lstm"] = "lstm"
    """Which generator."""


class LSTMConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of an LSTM generator."""

    model_type = "textgan_lstm"


class LSTMGenerator(RecurrentGenerator):  # type: ignore[no-untyped-call]
    """Long short-term memory (Hochreiter & Schmidhuber 1997); the state is (h, c)."""

    config_class = LSTMConfig
    Options = LSTMOptions
    network = nn.LSTM
    parts = 2

    @staticmethod
    def cell(x: Tensor, state: State, weights: list[Tensor]) -> State:
        return torch.lstm_cell(x, state, *weights)
