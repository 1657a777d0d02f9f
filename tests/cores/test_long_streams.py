"""Numbers of 32 bits over 100,000 steps: as near to those of 64 at the end as at the beginning."""

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch

from seqmodels.cores.base import Core
from seqmodels.cores.lin_oss import LinOSS
from seqmodels.cores.pd_ssm import PDSSM
from seqmodels.cores.rg_lru import RGLRU
from seqmodels.cores.s5 import S5
from seqmodels.cores.slstm import SLSTM

LAYERS = {
    "rg_lru": RGLRU,
    "s5": S5,
    "lin_oss": LinOSS,
    "damped": partial(LinOSS, damped=True),
    "slstm": SLSTM,
    "pd_ssm": partial(PDSSM, state_size=16),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_nothing_drifts(name: str) -> None:
    torch.manual_seed(0)
    make: Callable[[int], Core] = LAYERS[name]
    single = make(8)
    double, state, exact, apart = copy.deepcopy(single).double(), None, None, []
    for part in torch.randn(1, 100_000, 8).split(10_000, 1):
        y, state = single(part, state)
        truth, exact = double(part.double(), exact)
        apart.append(((y - truth).abs().max() / truth.abs().max()).item())
    assert max(apart) < 2e-5
    assert apart[-1] < 3 * apart[0]
