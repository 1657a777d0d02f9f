"""Any core made deep: residual blocks with the norm first, as S4, LRU, Mamba and Transformers are all used.

x ─ Linear ─ h ─┬─ norm ─ layer ─ mixer ─ dropout ─ + ─ ... ─ norm ─ y
                └───────────────────────────────────┘
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import DEEPEST, WIDEST, one_of, probability, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.rms_norm import RMSNorm

Norm = Literal["layer", "rms", "none"]
Mixer = Literal["glu", "mlp", "none"]


class Stack(Core):
    """Cores of one kind on top of each other; only they look at other time steps.

    State: the layers' tensors, those of the first layer first. A reset and the time between steps are the layers' too.
    """

    takes_reset = True

    def __init__(
        self,
        input_size: int,
        layer: Callable[..., Core],
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.0,
        norm: Norm = "layer",
        mixer: Mixer = "glu",
    ) -> None:
        """
        Args:
            input_size: D of the input.
            layer: makes the core of one block from `input_size`, the width of the stack.
            hidden_size: H, the width of the stack and D of the output.
            num_layers: blocks.
            dropout: probability of dropping a number that a block adds, in [0, 1).
            norm: before each layer and at the end: `layer` (Ba et al. 2016), `rms` (Zhang & Sennrich 2019) or `none`.
            mixer: what follows each layer. `glu`: GELU, then a gated linear unit (Dauphin et al. 2017; Gu et al. 2022).
                `mlp`: nothing, but a second branch of norm, Linear to 4 H, GELU and Linear back (Vaswani et al. 2017).
                `none`: nothing, for a layer that has gates of its own.

        Raises:
            ValueError: a size is not positive, dropout is outside [0, 1), or the layer's width does not fit the mixer.
        """
        super().__init__()
        size(WIDEST, input_size=input_size, hidden_size=hidden_size)
        size(DEEPEST, num_layers=num_layers)
        probability(dropout=dropout)
        one_of(Norm, norm=norm)
        one_of(Mixer, mixer=mixer)
        self.input_size, self.output_size = input_size, hidden_size
        self.encoder = nn.Linear(input_size, hidden_size)
        self.blocks = nn.ModuleList(
            _Block(layer(input_size=hidden_size), hidden_size, dropout, norm, mixer) for _ in range(num_layers)
        )
        self.norm = _norm(norm, hidden_size)
        self.uses_initial_state = all(layer.uses_initial_state for layer in self._layers)
        self.takes_dt = all(layer.takes_dt for layer in self._layers)

    @property
    def _layers(self) -> list[Core]:
        return [block.layer for block in self.blocks]  # type: ignore[misc]

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return tuple(t for layer in self._layers for t in layer.initial_state(batch_size, device, dtype))

    def reset_rows(self, state: State, rows: Tensor) -> State:
        parts = zip(self._layers, self._split(state), strict=True)
        return tuple(tensor for layer, part in parts for tensor in layer.reset_rows(part, rows))

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        h, ends = self.encoder(x), []
        parts = [None] * len(self.blocks) if state is None else self._split(state)
        for block, part in zip(self.blocks, parts, strict=True):
            h, end = block(h, part, reset, dt)
            ends += end
        return self.norm(h), tuple(ends)

    def _split(self, state: State) -> list[State]:
        size = len(state) // len(self.blocks)
        return [state[start : start + size] for start in range(0, len(state), size)]


class _Block(nn.Module):
    def __init__(self, layer: Core, width: int, dropout: float, norm: Norm, mixer: Mixer) -> None:
        super().__init__()
        if mixer != "glu" and layer.output_size != width:
            raise ValueError(
                f"mixer={mixer!r} adds what the layer puts out, {layer.output_size} wide, to {width}; "
                f"give the layer that width, or use mixer=glu"
            )
        self.norm, self.layer, self.dropout = _norm(norm, width), layer, nn.Dropout(dropout)
        self.gate = nn.Linear(layer.output_size, 2 * width) if mixer == "glu" else None
        self.mlp = None
        if mixer == "mlp":
            self.mlp = nn.Sequential(
                _norm(norm, width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

    def forward(self, h: Tensor, state: State | None, reset: Tensor | None, dt: Tensor | None) -> tuple[Tensor, State]:
        y, end = self.layer(self.norm(h), state, reset, dt)
        if self.gate is not None:
            y = F.glu(self.gate(self.dropout(F.gelu(y))), dim=-1)
        h = h + self.dropout(y)
        if self.mlp is not None:
            h = h + self.dropout(self.mlp(h))
        return h, end


def _norm(kind: Norm, width: int) -> nn.Module:
    return nn.Identity() if kind == "none" else {"layer": nn.LayerNorm, "rms": RMSNorm}[kind](width)
