"""The classic recurrences: RNN (Elman 1990), LSTM (Hochreiter & Schmidhuber 1997), GRU (Cho et al. 2014).

    RNN    h' = f(W x + U h + b), f = tanh or relu
    LSTM   i, f, o = σ(W x + U h + b);  g = tanh(W x + U h + b);  c' = f c + i g;  h' = o tanh(c')
    GRU    r, z = σ(W x + U h + b);  n = tanh(W x + b + r (U h + b'));  h' = (1 - z) n + z h

torch's own kernels do the work. They want the state as (layers, B, H); here it is (B, layers, H), and the
translation stays inside this file.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from seqmodels.config.ranges import DEEPEST, LARGEST, WIDEST, between, one_of, probability, size
from seqmodels.cores.base import Core, State

Init = Literal["torch", "glorot", "orthogonal"]


class _Recurrent(Core):
    """What the three share: the layout of the state and the initialisation.

    Args:
        kernel: torch's class, or a partial of it.
        input_size: D of the input.
        hidden_size: H, units per layer, and D of the output.
        num_layers: layers stacked on top of each other.
        dropout: probability of dropping an output between two layers, in [0, 1).
        init: `torch` keeps torch's uniform ±1/sqrt(H), biases included. `glorot` draws the concatenated
            [input, hidden] kernel of all gates Glorot-uniform, TensorFlow 1's default (Glorot & Bengio 2010).
            `orthogonal` draws U of each gate orthogonal (Saxe et al. 2014) and W Glorot-uniform. `identity`, for
            RNN alone and meant with relu, begins with U = I and W normal with standard deviation 0.001: a unit that
            sees nothing keeps what it has (IRNN; Le, Jaitly & Hinton 2015, arXiv 1504.00941). All three set the
            biases to zero.
        single_bias: torch keeps two biases per gate; True holds the second at zero, as in TensorFlow 1.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1) or init is not one of the class.
    """

    state_tensors = 1
    initial_state_is_fixed = True
    inits: tuple[str, ...] = get_args(Init)

    def __init__(
        self,
        kernel: Callable[..., nn.RNNBase],
        input_size: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        init: str,
        single_bias: bool,
    ) -> None:
        super().__init__()
        size(WIDEST, input_size=input_size, hidden_size=hidden_size)
        size(DEEPEST, num_layers=num_layers)
        probability(dropout=dropout)
        one_of(self.inits, init=init)
        self.input_size = input_size
        self.output_size = hidden_size
        self.num_layers = num_layers
        self.rnn = kernel(input_size, hidden_size, num_layers, batch_first=True, dropout=dropout)
        if init != "torch":
            for weights in self.rnn.all_weights:
                _initialise(init, *weights)
        if single_bias:
            for _, _, _, second_bias in self.rnn.all_weights:
                nn.init.zeros_(second_bias).requires_grad_(False)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        weight = self.rnn.all_weights[0][1]
        shape = (batch_size, self.num_layers, self.output_size)
        device, dtype = device or weight.device, dtype or weight.dtype
        return tuple(torch.zeros(shape, device=device, dtype=dtype) for _ in range(self.state_tensors))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if state is None:
            state = self.initial_state(x.shape[0], x.device, x.dtype)
        layers_first = tuple(tensor.transpose(0, 1).contiguous() for tensor in state)
        y, end = self.rnn(x, layers_first if self.state_tensors > 1 else layers_first[0])
        ends = end if self.state_tensors > 1 else (end,)
        return y, tuple(tensor.transpose(0, 1) for tensor in ends)


@torch.no_grad()
def _initialise(init: str, w: Tensor, u: Tensor, bias: Tensor, second_bias: Tensor) -> None:
    """One layer: w (G H, D) and u (G H, H) hold G gates one below the other."""
    hidden = u.shape[1]
    if init == "glorot":
        fan_in, fan_out = w.shape[1] + hidden, u.shape[0]
        limit = math.sqrt(6 / (fan_in + fan_out))
        w.uniform_(-limit, limit)
        u.uniform_(-limit, limit)
    elif init == "identity":
        nn.init.normal_(w, std=0.001)
        nn.init.eye_(u)
    else:
        for w_gate, u_gate in zip(w.split(hidden), u.split(hidden), strict=True):
            nn.init.xavier_uniform_(w_gate)
            nn.init.orthogonal_(u_gate)
    bias.zero_()
    second_bias.zero_()


class RNN(_Recurrent):
    """Elman's network. State: (h,) with h (B, layers, H). `nonlinearity` is f; the rest as in `_Recurrent`."""

    inits = (*get_args(Init), "identity")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        init: Init | Literal["identity"] = "torch",
        single_bias: bool = False,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
    ) -> None:
        kernel = partial(nn.RNN, nonlinearity=nonlinearity)
        super().__init__(kernel, input_size, hidden_size, num_layers, dropout, init, single_bias)


class LSTM(_Recurrent):
    """Long short-term memory. State: (h, c), each (B, layers, H).

    `forget_bias` is the forget gate's initial bias under `glorot` and `orthogonal` (Jozefowicz et al. 2015);
    the rest as in `_Recurrent`.
    """

    state_tensors = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        init: Init = "torch",
        single_bias: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        between(-LARGEST, LARGEST, forget_bias=forget_bias)
        super().__init__(nn.LSTM, input_size, hidden_size, num_layers, dropout, init, single_bias)
        if init != "torch":
            for _, _, bias, _ in self.rnn.all_weights:
                nn.init.constant_(bias[hidden_size : 2 * hidden_size], forget_bias)  # torch's order: i, f, g, o


class GRU(_Recurrent):
    """Gated recurrent unit, torch's variant. State: (h,) with h (B, layers, H). Arguments as in `_Recurrent`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        init: Init = "torch",
        single_bias: bool = False,
    ) -> None:
        super().__init__(nn.GRU, input_size, hidden_size, num_layers, dropout, init, single_bias)
