# /// script
# dependencies = ["torch==2.13.0", "numpy"]
# ///
"""torch's own recurrent layers."""

from collections.abc import Iterator

from laws import Layer, layer, report
from torch import nn


def layers() -> Iterator[Layer]:
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        net = kind(4, 8, num_layers=2, batch_first=True).double().eval()
        yield layer(kind.__name__, 4, net, remark="A state is (L, B, H): rows stand second.")


if __name__ == "__main__":
    report(layers())
