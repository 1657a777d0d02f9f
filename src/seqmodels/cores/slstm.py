"""sLSTM, an LSTM with exponential gates and a normaliser (Beck et al. 2024, xLSTM, arXiv 2405.04517, section 2.2).

    i, f, z, o = W x_t + R h_{t-1} + b                      R is block-diagonal: a head reads itself alone
    c_t = σ(f) c_{t-1} + exp(i) tanh(z),  n_t = σ(f) n_{t-1} + exp(i),  h_t = σ(o) c_t / n_t

exp(i) overflows. The paper carries c, n and a stabiliser m; what h reads of them is their ratio s = c / n alone, and
with l = log n the same equations are a weighted mean that cannot overflow, divides by nothing and needs no m:

    l_t = log(exp(log σ(f) + l_{t-1}) + exp(i)),  s_t = a s_{t-1} + (1 - a) tanh(z),  a = σ(log σ(f) + l_{t-1} - i)

Gates that read h leave no other way than one step after the other: a loop in Python.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import LARGEST, WIDEST, between, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.checks import check_heads, expanded


class SLSTM(Core):
    """The paper's cell. Its block's convolution is left out; norm and MLP are the `Stack`'s.

    State: (h, s, l), each (B, H). l = -inf says that nothing is remembered, and then nothing is read of h and s.
    Parameters: 4 H (D + H / num_heads + 1).
    """

    takes_reset = True
    uses_initial_state = False
    initial_state_is_fixed = True

    def __init__(
        self,
        input_size: int,
        expand: float = 1,
        num_heads: int = 4,
        min_forget_bias: float = 3.0,
        max_forget_bias: float = 6.0,
    ) -> None:
        """
        Args:
            input_size: D of the input.
            expand: H, units and D of the output, as a multiple of D.
            num_heads: heads of H / num_heads units each.
            min_forget_bias, max_forget_bias: the forget gates' biases begin evenly spaced from one to the other in each
                head, as in a setting of the authors' code; a bias b remembers about exp(b) steps.

        Raises:
            ValueError: `expand` leaves no unit, the heads do not divide H, or the biases are no range.
        """
        super().__init__()
        self.input_size, self.output_size = input_size, expanded(input_size, expand)
        size(WIDEST, num_heads=num_heads)
        check_heads(num_heads, self.output_size)
        between(-LARGEST, LARGEST, min_forget_bias=min_forget_bias, max_forget_bias=max_forget_bias)
        if min_forget_bias > max_forget_bias:
            raise ValueError(
                f"min_forget_bias={min_forget_bias} is above max_forget_bias={max_forget_bias}; "
                f"give min_forget_bias <= max_forget_bias"
            )
        units = self.output_size // num_heads
        self.input = nn.Linear(input_size, 4 * self.output_size)  # head by head, in each i, f, z, o
        self.R = nn.Parameter(torch.empty(num_heads, units, 4 * units).uniform_(-1, 1) / math.sqrt(units))
        with torch.no_grad():
            biases = self.input.bias.zero_().view(num_heads, 4, units)
            biases[:, 1] = torch.linspace(min_forget_bias, max_forget_bias, units)

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        h, s, empty = (self.R.new_zeros(batch_size, self.output_size, device=device, dtype=dtype) for _ in range(3))
        return h, s, empty.fill_(-math.inf)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(len(x), x.device) if state is None else state
        with torch.autocast(x.device.type, enabled=False):
            return self._read(x.to(self.R.dtype), state, reset)

    def _read(self, x: Tensor, state: State, reset: Tensor | None) -> tuple[Tensor, State]:
        h, s, norm = (self._by_head(tensor.to(x.dtype)) for tensor in state)
        h = torch.where(norm == -math.inf, 0.0, h)
        drives = self._by_head(self.input(x).transpose(0, 1)).unbind()
        anew = [None] * len(drives) if reset is None else list(reset.t()[:, None, :, None].unbind())
        outputs = []
        for drive, rows in zip(drives, anew, strict=True):
            if rows is not None:
                h, s, norm = h.masked_fill(rows, 0), s.masked_fill(rows, 0), norm.masked_fill(rows, -math.inf)
            i, f, z, o = torch.baddbmm(drive, h, self.R).chunk(4, -1)
            kept = F.logsigmoid(f) + norm - i
            norm = i + F.softplus(kept, threshold=50)  # from there on its other term is below the last digit
            s = torch.lerp(torch.tanh(z), s, torch.sigmoid(kept))
            h = torch.sigmoid(o) * s
            outputs.append(h)
        y = torch.stack(outputs).permute(2, 0, 1, 3).flatten(2)
        return y, tuple(tensor.transpose(0, 1).flatten(1).contiguous() for tensor in (h, s, norm))

    def _by_head(self, tensor: Tensor) -> Tensor:
        """(..., B, P n) as (..., P, B, n), for P heads."""
        return tensor.unflatten(-1, (len(self.R), -1)).transpose(-2, -3)
