"""How N cores of one kind read N batches all in one.

All in one, a weight is a leaf (N, ...), copied together anew at each step, so that every model keeps its own, and its
optimiser, clipping and checkpoints know nothing of the others.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from seqmodels.cores.attention import Attention
from seqmodels.cores.base import Core, State
from seqmodels.cores.indrnn import IndRNN
from seqmodels.cores.mamba import Mamba
from seqmodels.cores.pd_ssm import PDSSM
from seqmodels.cores.recurrent import GRU, LSTM, RNN
from seqmodels.cores.s4d import S4D
from seqmodels.cores.token_embedding import TokenEmbedding, look_up
from seqmodels.stacking.cells import GRULayer, LSTMLayer, RNNLayer, project, reordered

UNMAPPED = (Attention, IndRNN, Mamba, PDSSM, S4D)
"""Cores, or layers, that torch.func.vmap reads wrongly, slowly or not at all: kernels that are written out, and weights
that reading changes."""

Leaves = dict[str, Tensor]
"""(N, ...) weights by their names in one core."""


class Reader(Protocol):
    """Reads with N cores at once."""

    def __call__(self, leaves: Leaves, x: Tensor, state: State, reset: Tensor) -> tuple[Tensor, State]:
        """
        Args:
            leaves: the weights.
            x: (N, B, T, D).
            state: each tensor (N, B, ...).
            reset: (N, B), rows whose stream starts anew before the first step.

        Returns:
            y (N, B, T, H), and the state after the last step.
        """


def reader_of(core: Core) -> Reader | None:
    """What reads with cores like this one; None where nothing does, as with dropout, where each draws for itself."""
    if isinstance(core, TokenEmbedding):
        inner = reader_of(core.core)
        return Embedded(inner) if inner else None
    if isinstance(core, RNN | LSTM | GRU):
        return Recurrent(core) if core.rnn.dropout == 0 else None
    modules = list(core.modules())
    if any(isinstance(one, (nn.RNNBase, *UNMAPPED)) or (isinstance(one, nn.Dropout) and one.p > 0) for one in modules):
        return None
    return Mapped(core)


class Embedded:
    """What reads vectors of tokens, each model its own."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def __call__(self, leaves: Leaves, x: Tensor, state: State, reset: Tensor) -> tuple[Tensor, State]:
        vectors = torch.func.vmap(look_up)(leaves["embedding.weight"], x)
        inner = {name.removeprefix("core."): leaf for name, leaf in leaves.items() if name.startswith("core.")}
        return self.reader(inner, vectors, state, reset)


class Recurrent:
    """RNN, LSTM and GRU, as in cells.py."""

    def __init__(self, core: RNN | LSTM | GRU) -> None:
        self.layers = core.num_layers
        self.kind = type(core)
        self.relu = getattr(core.rnn, "nonlinearity", "tanh") == "relu"

    def __call__(self, leaves: Leaves, x: Tensor, state: State, reset: Tensor) -> tuple[Tensor, State]:
        rows = reset[..., None, None]
        first = [torch.where(rows, 0.0, tensor).unbind(2) for tensor in state]
        ends: list[tuple[Tensor, ...]] = []
        for layer in range(self.layers):
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            weights = [leaves[f"rnn.{name}_l{layer}"] for name in names]
            out, *end = self._layer(x, [tensor[layer] for tensor in first], *weights)
            x = out.permute(1, 2, 0, 3)
            ends.append((out[-1], *end))
        return x, tuple(torch.stack(tensors, 2) for tensors in zip(*ends, strict=True))

    def _layer(
        self, x: Tensor, first: Sequence[Tensor], w: Tensor, u: Tensor, bias: Tensor, second_bias: Tensor
    ) -> tuple[Tensor, ...]:
        if self.kind is GRU:
            return (GRULayer.apply(project(x, w, bias), *first, u, second_bias),)
        both = bias + second_bias
        if self.kind is RNN:
            return (RNNLayer.apply(project(x, w, both), *first, u, self.relu),)
        return LSTMLayer.apply(project(x, reordered(w), reordered(both)), *first, reordered(u))


class Mapped:
    """Cores that are written in torch, by torch.func.vmap; what is no weight is the same in all of them."""

    def __init__(self, core: Core) -> None:
        self.core = _FromReset(core)

    def __call__(self, leaves: Leaves, x: Tensor, state: State, reset: Tensor) -> tuple[Tensor, State]:
        def read(one: Leaves, *inputs: Tensor) -> tuple[Tensor, State]:
            return functional_call(self.core, {f"core.{name}": weight for name, weight in one.items()}, inputs)

        return torch.func.vmap(read)(leaves, x, reset, *state)


class _FromReset(nn.Module):
    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core

    def forward(self, x: Tensor, reset: Tensor, *state: Tensor) -> tuple[Tensor, State]:
        """As the core's `reset_rows`, which looks whether there is anything to do, and then `forward`."""
        dtype = next((tensor.dtype for tensor in state if tensor.is_floating_point()), None)
        fresh = self.core.initial_state(len(x), x.device, dtype)
        rows = [reset.view(-1, *[1] * (tensor.dim() - 1)) for tensor in state]
        first = (torch.where(*one) for one in zip(rows, fresh, state, strict=True))
        return self.core(x, tuple(first))
