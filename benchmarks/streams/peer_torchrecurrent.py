# /// script
# dependencies = ["torchrecurrent==0.2.5", "torch==2.13.0", "numpy"]
# ///
"""torchrecurrent: every recurrent layer that it exports."""

from collections.abc import Iterator

import torchrecurrent
from laws import Layer, layer, report
from torch import nn

STATE = "A state is (L, B, H), or two of them: rows stand second."
DELAYED = "What is carried is the newest state; the one before, which its delayed feedback reads, starts anew as zeros."


def kinds() -> Iterator[tuple[str, type[nn.Module]]]:
    for name, kind in sorted(vars(torchrecurrent).items()):
        if isinstance(kind, type) and issubclass(kind, nn.Module) and hasattr(kind, "initialize_cells"):
            yield name, kind


def layers() -> Iterator[Layer]:
    for name, kind in kinds():
        if kind.__module__ != "torchrecurrent.base":
            net = kind(8, 8, batch_first=True).double().eval()
            yield layer(name, 8, net, remark=DELAYED if name == "tauGRU" else STATE)


if __name__ == "__main__":
    report(layers())
