"""First weights that several players share."""

import torch
from torch import nn
from torch.nn import init


@torch.no_grad()
def normal_(module: nn.Module, std: float) -> None:
    """Normal weights and biases of zero, of word vectors, recurrent and linear layers; others stay.

    As the official codes of SeqGAN and LeakGAN have them.
    """
    if isinstance(module, nn.Embedding | nn.RNNBase | nn.Linear):
        for name, parameter in module.named_parameters():
            if name.startswith("bias"):
                init.zeros_(parameter)
            else:
                init.normal_(parameter, std=std)
