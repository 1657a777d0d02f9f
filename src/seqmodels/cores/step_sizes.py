"""Step sizes Δ = softplus(bias) of a state space, as Mamba's authors draw them."""

import math

import torch
from torch import Tensor

from seqmodels.cores.checks import check_dt


def bias_of_dt(count: int, dt_min: float, dt_max: float) -> Tensor:
    """
    Returns:
        (count,), whose softplus is log-uniform between the two.

    Raises:
        ValueError: there is no positive step size between them.
    """
    check_dt(dt_min, dt_max)
    dt = torch.empty(count).uniform_(math.log(dt_min), math.log(dt_max)).exp()
    return dt + (-(-dt).expm1()).log()
