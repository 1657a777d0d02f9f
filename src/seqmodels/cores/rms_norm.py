"""Root mean square normalisation (Zhang & Sennrich 2019, arXiv 1910.07467) in the precision of its weight."""

from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """As torch's. Under mixed precision it is computed in float32, as torch's LayerNorm is; nn.RMSNorm is not."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype))
