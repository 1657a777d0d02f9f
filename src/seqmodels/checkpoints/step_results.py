"""What training steps log, kept where it lies.

At every `self.log` Lightning moves what it keeps of that name to the value's device, and for that walks through all
that it consists of, its class's defaults and Lightning's own notes included: 1 ms on a CPU, more than the step of
a small model.
"""

from typing import Any

from lightning.pytorch.trainer.connectors.logger_connector.result import _ResultCollection, _ResultMetric


class StepResults(_ResultCollection):
    """Lightning's collection, whose metrics are moved only where they are elsewhere."""

    def __setitem__(self, key: str, metric: _ResultMetric) -> None:
        move = metric.to

        def to(*place: Any, **named: Any) -> _ResultMetric:
            return metric if not named and place == (metric.value.device,) else move(*place, **named)

        metric.to = to  # type: ignore[method-assign]
        super().__setitem__(key, metric)
