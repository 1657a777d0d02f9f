"""CfC against a plain loop over time, written from the paper."""

import pytest
import torch
from torch.nn.functional import linear

from seqmodels.cores.cfc import CfC

D, H, U = 3, 6, 5


@pytest.mark.parametrize("irregular", [False, True])
@pytest.mark.parametrize("steps", [1, 20])
def test_it_is_the_papers_equations(steps: int, irregular: bool) -> None:
    torch.manual_seed(steps)
    core = CfC(D, expand=2, backbone_units=U).double()
    x, h0 = torch.randn(2, steps, D, dtype=torch.float64), torch.randn(2, H, dtype=torch.float64)
    dt = 3 * torch.rand(2, steps, dtype=torch.float64) if irregular else torch.ones(2, steps, dtype=torch.float64)
    parts = list(zip(core.heads.weight.chunk(4), core.heads.bias.chunk(4), strict=True))
    h, outputs = h0, []
    for step, time in zip(x.unbind(1), dt.unbind(1), strict=True):
        both = torch.cat([core.input.weight, core.R.T], 1)
        z = 1.7159 * torch.tanh(0.666 * linear(torch.cat([step, h], 1), both, core.input.bias))
        f1, f2, a, c = (linear(z, *part) for part in parts)
        gate = torch.sigmoid(a * time[:, None] + c)
        h = torch.tanh(f1) * (1 - gate) + torch.tanh(f2) * gate
        outputs.append(h)
    y, (end,) = core(x, (h0,), None, dt if irregular else None)
    torch.testing.assert_close(y, torch.stack(outputs, 1), atol=1e-12, rtol=1e-12)
    weights = list(core.parameters())
    found, expected = (torch.autograd.grad(of.sin().sum(), weights) for of in (y, torch.stack(outputs, 1)))
    for mine, true in zip((end, *found), (h, *expected), strict=True):
        torch.testing.assert_close(mine, true, atol=1e-10, rtol=1e-10)


def test_parameters() -> None:
    core = CfC(D, expand=2, backbone_units=U)
    assert sum(p.numel() for p in core.parameters()) == U * (D + H + 1) + 4 * H * (U + 1)


def test_no_backbone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^backbone_units=0 is too small"):
        CfC(D, backbone_units=0)
