"""Temporal convolutional network, TCN (Bai, Kolter & Koltun 2018, arXiv 1803.01271).

    F(s)_t = b + Σ_{i<k} W_i s_{t - d i}           a causal convolution over k steps, d apart; zeros before the start
    o      = relu(x + f(f(x))),  f = dropout ∘ relu ∘ F        one block; W_skip x instead of x where widths differ

Block n has d = 2^n, so that the last of N blocks sees 1 + 2 (k - 1) (2^N - 1) steps.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import DEEPEST, LONGEST, WIDEST, at_least, at_most, probability, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.sequences import past_within_sequence, tail_of_sequence


class TCN(Core):
    """Residual blocks of two convolutions each, as above; a core by itself, since d grows from block to block.

    The weights of each output are normalised, W = g v / |v| (Salimans & Kingma 2016, arXiv 1602.07868). They begin
    uniform in ±1/sqrt(k C), with g = |v|, as torch's own convolutions do.

    State: of each convolution in their order, its last (k - 1) d inputs (B, (k - 1) d, C), the oldest first; zeros at
    the start, which is the paper's padding.
    """

    takes_reset = True

    def __init__(
        self, input_size: int, hidden_size: int = 64, num_layers: int = 8, kernel_size: int = 3, dropout: float = 0.0
    ) -> None:
        """
        Args:
            input_size: D of the input.
            hidden_size: channels of each convolution, and D of the output.
            num_layers: N, the blocks of two convolutions. Each doubles `receptive_field`.
            kernel_size: k, the steps that one convolution looks at.
            dropout: probability of dropping a whole channel for the length of a window, in [0, 1).

        Raises:
            ValueError: a size is out of range, the kernel looks at one step alone, or dropout is outside [0, 1).
        """
        super().__init__()
        size(WIDEST, input_size=input_size, hidden_size=hidden_size)
        size(DEEPEST, num_layers=num_layers)
        at_least(2, kernel_size=kernel_size)
        at_most(LONGEST, kernel_size=kernel_size)  # one step alone is no convolution
        past = (kernel_size - 1) * 2 ** (num_layers - 1)
        if past > LONGEST:
            raise ValueError(
                f"num_layers={num_layers} with kernel_size={kernel_size} keeps {past} steps in its state; give fewer "
                f"layers, so that it is at most {LONGEST}"
            )
        probability(dropout=dropout)
        self.input_size, self.output_size = input_size, hidden_size
        self.kernel_size = kernel_size
        self.blocks = nn.ModuleList(
            _Block(hidden_size if level else input_size, hidden_size, kernel_size, 2**level, dropout)
            for level in range(num_layers)
        )

    @property
    def receptive_field(self) -> int:
        """The number of last steps that an output depends on."""
        return 1 + 2 * (self.kernel_size - 1) * (2 ** len(self.blocks) - 1)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        convolutions = [module for module in self.modules() if isinstance(module, _CausalConv)]
        like = convolutions[0].v
        device, dtype = device or like.device, dtype or like.dtype
        return tuple(torch.zeros(batch_size, *c.tail_shape, device=device, dtype=dtype) for c in convolutions)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(len(x), x.device) if state is None else state
        ends: list[Tensor] = []
        for block, first, second in zip(self.blocks, state[::2], state[1::2], strict=True):
            x, *pair = block(x, first, second, reset)
            ends += pair
        return x, tuple(ends)


class _Block(nn.Module):
    def __init__(self, inputs: int, width: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = _CausalConv(inputs, width, kernel_size, dilation)
        self.second = _CausalConv(width, width, kernel_size, dilation)
        self.skip = nn.Identity() if inputs == width else nn.Linear(inputs, width)  # a convolution over one step
        self.dropout = dropout

    def forward(self, x: Tensor, first: Tensor, second: Tensor, reset: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        h, first = self.first(x, first, reset)
        h, second = self.second(self._active(h), second, reset)
        return torch.relu(self.skip(x) + self._active(h)), first, second

    def _active(self, h: Tensor) -> Tensor:
        h = torch.relu(h)
        return F.dropout1d(h.transpose(1, 2), self.dropout).transpose(1, 2) if self.training and self.dropout else h


class _CausalConv(nn.Module):
    """`y, tail = conv(x, tail)`: x (B, T, C), y (B, T, width), tail the last (k - 1) d inputs.

    A tail moves up by one row at every step. A ring would spare that only if it were written in place, and the state
    that came in belongs to the caller.
    """

    def __init__(self, inputs: int, width: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.inputs, self.kernel_size, self.dilation = inputs, kernel_size, dilation
        bound = 1 / math.sqrt(kernel_size * inputs)
        self.v = nn.Parameter(torch.empty(width, kernel_size * inputs).uniform_(-bound, bound))  # oldest step first
        self.g = nn.Parameter(self.v.detach().norm(dim=1, keepdim=True))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    @property
    def tail_shape(self) -> tuple[int, int]:
        return (self.kernel_size - 1) * self.dilation, self.inputs

    def forward(self, x: Tensor, tail: Tensor, reset: Tensor | None) -> tuple[Tensor, Tensor]:
        # Written out: torch's own parametrization takes twice as long, at every step of a stream.
        weight = self.v * (self.g / torch.linalg.vector_norm(self.v, dim=1, keepdim=True))
        x, steps = x.to(tail.dtype), x.shape[1]
        if steps == 1:
            read = torch.cat([tail[:, :: self.dilation], x], 1)
            return F.linear(read.flatten(1), weight, self.bias).unsqueeze(1), torch.cat([tail[:, 1:], x], 1)
        read = torch.cat([tail, x], 1)
        if reset is not None:
            past = past_within_sequence(read, reset, self.kernel_size, self.dilation)
            return F.linear(past.flatten(2), weight, self.bias), tail_of_sequence(read, reset)
        # As an image of one row in the layout "channels last", which is how (B, T, C) lies in memory: conv1d would copy
        # it, and takes twice as long on a CPU.
        image = read.transpose(1, 2).unsqueeze(2)
        kernel = weight.view(-1, 1, self.kernel_size, self.inputs).permute(0, 3, 1, 2)
        y = F.conv2d(image, kernel, self.bias, dilation=(1, self.dilation)).squeeze(2).transpose(1, 2)
        return y, read[:, steps:].clone()  # a view would keep the whole window in memory
