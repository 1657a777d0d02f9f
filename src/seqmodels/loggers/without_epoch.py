"""Metrics without the number of the epoch, which Lightning adds to every row: nobody wants its curve."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.utilities.rank_zero import rank_zero_only


class WithoutEpoch:
    """To be inherited before one of Lightning's loggers."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """As the logger's own, of all but the epoch."""
        logger: Any = super()
        logger.log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step)
