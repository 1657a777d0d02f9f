"""Causal self-attention over a sliding window, with rotary positions.

    q_t, k_t, v_t = W x_t
    y_t = W_o Σ_s a_ts v_s,     a_t = softmax of <R_t q_t, R_s k_s> / sqrt(d) over s in (t - W, t]

in each head (Vaswani et al. 2017, arXiv 1706.03762); a window of the last W steps (Beltagy et al. 2020, arXiv
2004.05150; Jiang et al. 2023, arXiv 2310.06825). R_t turns pair i of a head's d numbers by the angle t base^(-2i/d), so
that a score depends on t - s alone (Su et al. 2021, arXiv 2104.09864, equation 15).
"""

import math
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import LONGEST, above, at_least, at_most
from seqmodels.cores.base import Core, State
from seqmodels.cores.sequences import sequence_numbers


class Attention(Core):
    """One layer, without biases.

    State: the last W keys and values side by side (B, W, 2 D), the oldest first, and how many of them there are, (B,)
    int64.

    Keys are kept as they are and turned when they are read, by their place among those that are read together: the
    position in an endless stream would outgrow the precision of its angles, and their differences are all that matters.

    A window of T steps costs O(T W): blocks of at most W queries, each against the keys of its own steps and of the
    W - 1 before.
    """

    takes_reset = True
    uses_initial_state = False
    turns: Tensor

    def __init__(self, input_size: int, num_heads: int = 4, window: int = 128, base: float = 10000.0) -> None:
        """
        Args:
            input_size: D of the input and of the output.
            num_heads: heads of d = D / num_heads numbers each.
            window: W, the steps that a query looks at, itself included.
            base: of the angles. The slowest pair takes about 2 pi base steps for a full turn.

        Raises:
            ValueError: D is not made of heads of an even size, the window holds no step before the present one, or base
                is not above 1.
        """
        super().__init__()
        if num_heads < 1 or input_size % (2 * num_heads):
            raise ValueError(
                f"num_heads={num_heads} does not divide a width of {input_size} into heads of an even size; give a "
                f"width (hidden_size) that is a multiple of {2 * max(num_heads, 1)}, or another number of heads"
            )
        at_least(2, window=window)
        at_most(LONGEST, window=window)  # one step would show a query nothing but itself
        above(1, base=base)
        self.input_size = self.output_size = input_size
        self.num_heads, self.window, self.base = num_heads, window, base
        self.qkv = nn.Linear(input_size, 3 * input_size, bias=False)
        self.out = nn.Linear(input_size, input_size, bias=False)
        self._make_turns()

    def _make_turns(self) -> None:
        """cos and ∓sin of every place that is read, (2, 2 W, 1, d), rounded once from float64."""
        size = self.input_size // self.num_heads
        speeds = self.base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = torch.arange(2 * self.window, dtype=torch.float64)[:, None] * speeds
        cos, sin = angles.cos(), angles.sin()
        turns = torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)]).unsqueeze(2)
        turns = turns.to(self.out.weight.dtype).to(
            self.out.weight.device
        )  # in this order: not all devices have float64
        self.register_buffer("turns", turns, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self._make_turns()  # what was rounded to float32 would not be precise in float64
        return self

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        like = self.out.weight
        device, dtype = device or like.device, dtype or like.dtype
        memory = torch.zeros(batch_size, self.window, 2 * self.input_size, device=device, dtype=dtype)
        return memory, torch.zeros(batch_size, device=device, dtype=torch.int64)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        memory, count = self.initial_state(len(x), x.device) if state is None else state
        steps, width = x.shape[1], self.input_size
        q, kv = self.qkv(x).to(memory.dtype).split([width, 2 * width], -1)
        kv = torch.cat([memory[:, 1:], kv], 1)
        if steps == 1:
            y, end = self._step(q, kv, count), kv
        else:
            numbers = None if reset is None else sequence_numbers(reset, self.window - 1)
            y, end = self._blocks(q, kv, count, numbers), kv[:, -self.window :].clone()  # a view would keep all of it
            if numbers is not None:
                there = numbers == numbers[:, -1:]
                end = torch.where(there[:, -self.window :, None], end, 0)
                count = torch.where(there[:, 0], count, there.sum(1) - steps)
        return self.out(y), (end, (count + steps).clamp(max=self.window))

    def _step(self, q: Tensor, kv: Tensor, count: Tensor) -> Tensor:
        """q (B, 1, D) against keys and values (B, W, 2 D), of which the last `count` + 1 are there.

        The query is turned by its distance from each key. Products written out take a quarter of matmul's time at
        B = 64, and no longer at B = 1.
        """
        k, v = self._heads(kv).chunk(2, -2)
        q = _turned(self._heads(q), self.turns[:, : self.window].flip(1))
        scores = (q * k).sum(-1) / math.sqrt(q.shape[-1])
        missing = torch.arange(self.window, device=q.device) < self.window - 1 - count[:, None]
        weights = scores.masked_fill(missing[..., None], float("-inf")).softmax(1)
        return (weights[..., None] * v).sum(1).flatten(1).unsqueeze(1)

    def _blocks(self, q: Tensor, kv: Tensor, count: Tensor, numbers: Tensor | None) -> Tensor:
        """q (B, T, D) against keys and values (B, W - 1 + T, 2 D); the first W - 1 - `count` are not there.

        Where `numbers` (B, W - 1 + T) are given, keys of another number than the query's are not there either.
        """
        batch, steps, width = q.shape
        last = self.window - 1
        number = -(-steps // self.window)
        length = -(-steps // number)
        keys = length + self.window  # one more than the queries of a block see, since kernels like even sizes
        padding = number * length - steps
        q = self._heads(F.pad(q, (0, 0, 0, padding))).unflatten(1, (number, length))
        kv = F.pad(kv, (0, 0, 0, padding + 1)).unfold(1, keys, length).transpose(2, 3)
        k, v = self._heads(kv).chunk(2, -2)
        q, k = _turned(q, self.turns[:, last : last + length]), _turned(k, self.turns[:, :keys])
        place = torch.arange(keys, device=q.device)
        ahead = place - torch.arange(length, device=q.device)[:, None]  # of the oldest key that the query sees
        there = place + length * torch.arange(number, device=q.device)[:, None] >= last - count[:, None, None]
        seen = ((ahead >= 0) & (ahead <= last)) & there.flatten(0, 1)[:, None]
        if numbers is not None:
            of_keys = F.pad(numbers, (0, padding + 1)).unfold(1, keys, length)
            of_queries = F.pad(numbers[:, last:], (0, padding)).unflatten(1, (number, length))
            seen &= (of_queries[..., None] == of_keys[..., None, :]).flatten(0, 1)
        q, k, v = (tensor.flatten(0, 1).transpose(1, 2) for tensor in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, seen[:, None])
        return y.transpose(1, 2).reshape(batch, number * length, width)[:, :steps]

    def _heads(self, tensor: Tensor) -> Tensor:
        """(..., n D) as (..., n heads, d)."""
        return tensor.unflatten(-1, (-1, self.input_size // self.num_heads))


def _turned(heads: Tensor, turns: Tensor) -> Tensor:
    """(..., T, heads, d) by cos and ∓sin (2, T, 1, d); the halves of a head make the pairs."""
    cos, sin = turns
    return torch.addcmul(heads * cos, heads.roll(heads.shape[-1] // 2, -1), sin)
