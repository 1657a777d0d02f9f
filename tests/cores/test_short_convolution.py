"""The short convolution: streams that start anew inside a window, and many models at once."""

import torch
from torch import Tensor

from seqmodels.cores.short_convolution import convolve, short_convolution

B, T, E, K = 3, 9, 2, 4


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_a_reset_is_a_new_stream() -> None:
    x, tail, weight, bias = draw(B, T, E), draw(B, K - 1, E), draw(K, E), draw(E)
    reset = torch.zeros(B, T, dtype=torch.bool)
    reset[0, 0] = reset[1, 4] = reset[1, 5] = reset[2, T - 1] = True
    y, end = short_convolution(x, tail, weight, bias, reset)
    for row, borders in enumerate(([0], [4, 5], [T - 1])):
        last, pieces = tail[row : row + 1], []
        for start, stop in zip([0, *borders], [*borders, T], strict=True):
            last = torch.zeros_like(last) if start in borders else last
            if stop > start:
                piece, last = short_convolution(x[row : row + 1, start:stop], last, weight, bias)
                pieces.append(piece)
        torch.testing.assert_close(y[row], torch.cat(pieces, 1)[0])
        torch.testing.assert_close(end[row], last[0])


def test_whatever_was_before_a_reset_is_gone() -> None:
    nothing = torch.full((1, K - 1, E), torch.nan, dtype=torch.float64)
    y, end = short_convolution(draw(1, 2, E), nothing, draw(K, E), draw(E), torch.tensor([[True, False]]))
    assert y.isfinite().all()
    assert end.isfinite().all()


def test_many_models_are_each_alone() -> None:
    models = 3
    inputs = draw(models, B, K - 1 + T, E), draw(models, K, E), draw(models, E)
    together = torch.func.vmap(convolve)(*inputs)
    alone = torch.stack([convolve(*one) for one in zip(*inputs, strict=True)])
    torch.testing.assert_close(together, alone)
    for ours, theirs in zip(*(torch.autograd.grad(y.pow(3).sum(), inputs) for y in (together, alone)), strict=True):
        torch.testing.assert_close(ours, theirs)
    shared = torch.func.vmap(convolve, in_dims=(0, None, None))(inputs[0], inputs[1][0], inputs[2][0])
    torch.testing.assert_close(shared[1], convolve(inputs[0][1], inputs[1][0], inputs[2][0]))
