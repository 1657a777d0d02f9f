"""Gated DeltaProduct: Siems et al. 2025, arXiv 2502.10297 (section 3). Gated DeltaNet that changes S n times a step.

    S <- a_t S;  then for j = 1 ... n:  S <- (1 - b_tj k_tj k_tj') S + b_tj k_tj v_tj';  y_t = S' q_t / sqrt(K)

A step multiplies S with a product of n generalised Householder matrices. One of them is a reflection at most; with n
they come nearer to any orthogonal matrix, so that a layer follows rotations and permutations.
"""

from seqmodels.config.ranges import size
from seqmodels.cores.gated_delta_net import DeltaRule

MOST_CHANGES = 1024


class DeltaProduct(DeltaRule):
    """n changes a step. Arguments as in `DeltaRule`."""

    def __init__(
        self,
        input_size: int,
        num_householders: int = 2,
        num_heads: int = 4,
        key_size: int = 16,
        value_size: int = 32,
        conv_size: int = 4,
        negative_eigenvalues: bool = True,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        size(MOST_CHANGES, num_householders=num_householders)
        super().__init__(
            input_size,
            num_heads,
            key_size,
            value_size,
            conv_size,
            num_householders,
            negative_eigenvalues,
            dt_min,
            dt_max,
        )
