"""A learned vector for each token, read by any core."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State


class TokenEmbedding(Core):
    """A core whose input is one number a step, that of a token; it reads the token's row of a (V, E) table.

    The rows begin as standard normal numbers, torch's own. No (B, T, V) is ever made. Numbers may be integers or, as in
    an exported graph, floats, which hold every integer up to 2^24 in 32 bits.
    """

    takes_reset = True

    def __init__(self, core: Callable[..., Core], tokens: int, width: int) -> None:
        """
        Args:
            core: makes the core that reads the vectors, from `input_size`.
            tokens: V, numbered from 0.
            width: E, numbers of a vector.
        """
        super().__init__()
        self.core = core(input_size=width)
        self.embedding = nn.Embedding(tokens, width)
        self.input_size, self.output_size = 1, self.core.output_size
        self.takes_dt = self.core.takes_dt
        self.uses_initial_state = self.core.uses_initial_state
        self.initial_state_is_fixed = self.core.initial_state_is_fixed

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.core.initial_state(batch_size, device, dtype)

    def __call__(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        if x.shape[0] and x.shape[1]:
            return super().__call__(x, state, reset, dt)
        return self.core(look_up(self.embedding.weight, x), state, reset, dt)  # y of the type of vectors, not of tokens

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """
        Raises:
            ValueError: x (B, T, 1) holds the number of no token, and lies in memory that can be looked at.
        """
        try:
            vectors = look_up(self.embedding.weight, x)
        except IndexError as error:
            raise ValueError(
                f"x holds tokens from {x.min():g} to {x.max():g}; this model knows {len(self.embedding.weight):,}, "
                f"numbered from 0"
            ) from error
        return self.core(vectors, state, reset, dt)


def core_for(core: Callable[..., Core], input_size: int, tokens: int | None, embedding: int | None) -> Core:
    """The core that reads such data.

    Args:
        core: makes it from `input_size`.
        input_size: D of the input.
        tokens: V, where an input is the number of a token; None where it is numbers.
        embedding: E, the width of a token's vector; None where there are none.

    Raises:
        ValueError: `tokens` and `embedding` come without each other, or a size is out of range.
    """
    if embedding is not None:
        size(WIDEST, embedding=embedding)
    if tokens and embedding:
        return TokenEmbedding(core, tokens, embedding)
    if tokens:
        raise ValueError(
            f"embedding=null, but this data is made of {tokens:,} tokens, each of which wants a vector; give "
            f"module.embedding=128, say"
        )
    if embedding:
        raise ValueError(
            f"embedding={embedding} is for tokens, and this data is numbers; give module.embedding=null, or with "
            f"datamodule=recall or formal_language datamodule.embedding=learned"
        )
    return core(input_size=input_size)


def look_up(table: Tensor, x: Tensor) -> Tensor:
    """(B, T, E) rows of a table (V, E) that the numbers (B, T, 1) say."""
    return F.embedding(x[..., 0].long(), table)
