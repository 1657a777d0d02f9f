"""PD-SSM, whose transition is a one-hot matrix times a diagonal one: Terzić et al. 2025, arXiv 2509.22284.

    h_t = P_t (d_t ∘ h_{t-1}) + B x_t,  y_t = Re(C h_t) + c + D ∘ x_t                 N complex numbers
    P_t = hardmax of each column of Σ_k s_k M_k,  s = softmax(S x_t)                  equations 1 to 3
    d_t = r e^{iφ},  r = σ(MLP(x_t)),  φ = 2π σ(MLP(x_t))                             equations 4 and 5

P sends each number to a place of the state, several to one place or each to its own, and h_0 is a one in the first
place; so a layer can be any automaton of N states. No state grows without bound, since |d| < 1. In the gradient softmax
takes the place of hardmax (straight-through); of equal maxima the first is taken.

P and S are as in the authors' JAX code, h_0 as in their PyTorch code, where each row of P is one-hot instead.

A hardmax jumps: an x that differs in its last digit may, if rarely, choose another place. So that a step chooses what a
window does, what is compared is computed in float64; the same x then chooses the same places, whatever B and T are.
Layers below may still give an x whose last digit depends on B and T; then about 1 in 20 million choices differ.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seqmodels.config.ranges import WIDEST, size
from seqmodels.cores.base import Core, State
from seqmodels.cores.modes import times
from seqmodels.cores.scan import check_dtype

AT_ONCE = 2**16
"""Numbers of Σ s_k M_k that exist at once, N² of each step: what a CPU's cache holds."""


class PDSSM(Core):
    """One layer, without the activation and gate behind it, which a `Stack` adds; in float32 under autocast too.

    State: (h,) with h (B, N, 2), real and imaginary parts.

    Parameters: K (N² + H) + 2 (U (H + N + 1) + N) + 4 N H + 2 H.
    """

    takes_reset = True
    initial_state_is_fixed = True

    def __init__(self, input_size: int, state_size: int = 64, dictionary_size: int = 8, mlp_units: int = 128) -> None:
        """
        Args:
            input_size: H, D of the input and of the output.
            state_size: N, complex numbers.
            dictionary_size: K, matrices M of N x N.
            mlp_units: U, the width of the hidden layer of each MLP, with GELU.

        Raises:
            ValueError: a size is not positive.
        """
        super().__init__()
        size(WIDEST, state_size=state_size, dictionary_size=dictionary_size, mlp_units=mlp_units)
        self.input_size = self.output_size = input_size
        self.S = nn.Parameter(torch.randn(dictionary_size, input_size))
        M = torch.randn(dictionary_size, state_size, state_size) / math.sqrt(state_size)
        self.M = nn.Parameter(M)  # each transposed: a column of P is chosen along the last axis
        self.modulus, self.angle = (
            nn.Sequential(nn.Linear(input_size, mlp_units), nn.GELU(), nn.Linear(mlp_units, state_size))
            for _ in range(2)
        )
        self.B = nn.Parameter(torch.randn(state_size, 2, input_size) / math.sqrt(2 * input_size))
        self.C = nn.Linear(2 * state_size, input_size)  # of real and imaginary parts in turn
        self.D = nn.Parameter(torch.randn(input_size))

    def initial_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        h = self.B.new_zeros(batch_size, len(self.B), 2, device=device, dtype=dtype)
        h[:, 0, 0] = 1
        return (h,)

    def forward(self, x: Tensor, state: State | None = None, reset: Tensor | None = None) -> tuple[Tensor, State]:
        check_dtype(self.B)
        (h,) = self.initial_state(len(x), x.device) if state is None else state
        with torch.autocast(x.device.type, enabled=False):
            return self._read(x.to(self.B.dtype), h.to(self.B.dtype), reset)

    def _read(self, x: Tensor, h: Tensor, reset: Tensor | None) -> tuple[Tensor, State]:
        shares = F.linear(x.double(), self.S.double()).softmax(-1)
        modulus, angle = torch.sigmoid(self.modulus(x)), 2 * math.pi * torch.sigmoid(self.angle(x))
        d = torch.stack([modulus * angle.cos(), modulus * angle.sin()], -1)
        inputs = F.linear(x, self.B.flatten(0, 1)).unflatten(-1, (-1, 2))
        if x.shape[1] == 1 and reset is None:
            states = (_moved(shares[:, 0], self.M, times(d[:, 0], h)) + inputs[:, 0]).unsqueeze(1)
        else:
            (start,) = self.initial_state(1, h.device, h.dtype)
            states = _states(shares, self.M, d, inputs, h, start, reset)
        return self.C(states.flatten(2)) + self.D * x, (states[:, -1].clone(),)


def _moved(shares: Tensor, M: Tensor, z: Tensor) -> Tensor:
    """P z of one step (B, N, 2), in real numbers, since ONNX knows no others."""
    mixed = (shares @ M.flatten(1).to(shares.dtype)).unflatten(-1, M.shape[1:])
    soft = mixed.softmax(-1).to(z.dtype)
    hard = mixed.argmax(-1, keepdim=True) == torch.arange(mixed.shape[-1], device=mixed.device)
    return (hard.to(z.dtype) + (soft - soft.detach())).mT @ z


@torch.compiler.disable  # it would compile every length anew
def _states(
    shares: Tensor, M: Tensor, d: Tensor, inputs: Tensor, h: Tensor, start: Tensor, reset: Tensor | None
) -> Tensor:
    """All h, with exact gradients but for P's, and O(T) memory.

    Args:
        shares: s, (B, T, K), float64.
        M: (K, N, N), each transposed.
        d, inputs: (B, T, N, 2).
        h: (B, N, 2), before the first step.
        start: (1, N, 2), which takes the place of h_{t-1} where a sequence begins.
        reset: (B, T) bool, True where one does.

    Returns:
        (B, T, N, 2).
    """
    d, inputs, h, start = (torch.view_as_complex(tensor.contiguous()) for tensor in (d, inputs, h, start))
    states: Tensor = _Recurrence.apply(shares, M, d, inputs, h, start, reset)
    return torch.view_as_real(states)


class _Recurrence(torch.autograd.Function):
    """A loop over steps of N operations each, beside N² for the choice of the places, which needs no loop.
    On a GPU, numbers that are sent to one place are added in no fixed order.

    G_t, the gradient by h_t of all it leads to, is g_t + conj(d_{t+1}) P_{t+1}' G_{t+1}.
    """

    @staticmethod
    def forward(
        ctx: Any,
        shares: Tensor,
        M: Tensor,
        d: Tensor,
        inputs: Tensor,
        h0: Tensor,
        start: Tensor,
        reset: Tensor | None,
    ) -> Tensor:
        places = _places(shares, M)
        states, before, h = inputs.clone(), torch.empty_like(inputs), h0
        for t in range(inputs.shape[1]):
            before[:, t] = h if reset is None else torch.where(reset[:, t, None], start, h)
            h = states[:, t].scatter_add_(1, places[:, t], d[:, t] * before[:, t])
        ctx.save_for_backward(shares, M, d, places, before, reset)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        shares, M, d, places, before, reset = ctx.saved_tensors
        total, moved = grad.clone(), torch.empty_like(grad)
        into = torch.zeros_like(grad[:, 0])
        for t in reversed(range(grad.shape[1])):
            total[:, t] += into
            moved[:, t] = total[:, t].gather(1, places[:, t])
            into = d[:, t].conj() * moved[:, t]
            if reset is not None:
                into = torch.where(reset[:, t, None], 0, into)
        grad_shares, grad_M = _through_softmax(shares, M, d * before, total)
        return grad_shares, grad_M, moved * before.conj(), total, into, None, None


def _places(shares: Tensor, M: Tensor) -> Tensor:
    """Where in h each number goes, (B, T, N)."""
    flat = M.flatten(1).to(shares.dtype)
    parts = [(part @ flat).unflatten(-1, M.shape[1:]).argmax(-1) for part in _in_parts(M, shares)]
    return torch.cat(parts).unflatten(0, shares.shape[:2])


def _through_softmax(shares: Tensor, M: Tensor, z: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """P's gradient, Re(G conj(z)') at every step, taken through softmax to the shares and to M."""
    flat, grad_shares = M.flatten(1), []
    grad_M = torch.zeros_like(flat)
    tensors = shares.to(M.dtype), torch.view_as_real(z), torch.view_as_real(total)
    for share, sent, grad in zip(*(_in_parts(M, tensor) for tensor in tensors), strict=True):
        soft = (share @ flat).unflatten(-1, M.shape[1:]).softmax(-1)
        mean = (sent * (soft @ grad)).sum(-1, keepdim=True)
        grad_mixed = (sent @ grad.mT).sub_(mean).mul_(soft).flatten(1)
        grad_shares.append(grad_mixed @ flat.T)
        grad_M.addmm_(share.T, grad_mixed)
    return torch.cat(grad_shares).view_as(shares).to(shares.dtype), grad_M.view_as(M)


def _in_parts(M: Tensor, tensor: Tensor) -> tuple[Tensor, ...]:
    """(B, T, ...) as steps of all rows one after the other, as many at once as `AT_ONCE` allows."""
    return tensor.flatten(0, 1).split(max(1, AT_ONCE // M[0].numel()))
