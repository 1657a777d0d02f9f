"""What the state of a stream does: its size, how far back the gradient reaches, how often it starts anew."""

from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from seqmodels.callbacks.figures.diagnostics import Snapshot, diagnostics_figure
from seqmodels.callbacks.figures.drawing import draws
from seqmodels.callbacks.figures.publish import publish
from seqmodels.config.ranges import at_least
from seqmodels.cores.base import untouched

REACH = 0.01
"""The gradient reaches as far back as its norm is above this part of its largest."""


class StreamDiagnostics(Callback):
    """Looks at some logging steps at a module with `tbptt` and `gradient_by_lag`, and ignores others.

    Logs, for the streams of the first process:

        diagnostics/state_norm      norm of the carried state of a stream, mean over streams
        diagnostics/gradient_reach  steps back at which d(error at the last step) / d(input) is still 1 % of its largest
        diagnostics/resets          streams that started anew since the last look

    and draws `figures/diagnostics.png` after the fit. The training is the same, bit for bit, as without it: the extra
    forward and backward pass changes neither gradients nor buffers nor random numbers. It costs about one more step.
    """

    metric_names = frozenset(f"diagnostics/{name}" for name in ("state_norm", "gradient_reach", "resets"))

    def __init__(self, every: int = 1) -> None:
        """
        Args:
            every: look at every so many logging steps.
        """
        at_least(1, every=every)
        self.every = every
        self._snapshots: list[Snapshot] = []
        self._resets: Tensor | int = 0
        self._looked = -1

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if not trainer.is_global_zero or not hasattr(pl_module, "gradient_by_lag"):
            return
        self._resets = self._resets + batch.reset.sum() + batch.step_reset.sum()
        step = trainer.global_step + 1
        interval = trainer.log_every_n_steps * self.every  # type: ignore[attr-defined]
        if not interval or step % interval or step == self._looked:
            return
        self._looked = step
        with trainer.precision_plugin.train_step_context(), untouched(pl_module.core, pl_module.device):
            gradient = pl_module.gradient_by_lag(batch).float().cpu()
        norms = state_norms(pl_module.tbptt.carried.streams.state)
        self._snapshots.append(Snapshot(step, norms, gradient, int(self._resets), batch.x.shape[1]))
        self._resets = 0
        self._log(pl_module, self._snapshots[-1])

    def state_dict(self) -> dict[str, Any]:
        return {"snapshots": [tuple(snapshot) for snapshot in self._snapshots], "resets": int(self._resets)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._snapshots = [Snapshot(*snapshot) for snapshot in state_dict["snapshots"]]
        self._resets = state_dict["resets"]
        self._looked = self._snapshots[-1].step if self._snapshots else -1

    @draws
    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._snapshots:
            publish(trainer, "diagnostics", diagnostics_figure(self._snapshots, trainer.datamodule.name))  # type: ignore[attr-defined]

    def _log(self, pl_module: pl.LightningModule, now: Snapshot) -> None:
        values = {"resets": float(now.resets), "gradient_reach": float(reach(now.gradient))}
        if now.norms is not None:
            values["state_norm"] = float(now.norms.mean())
        pl_module.log_dict({f"diagnostics/{name}": value for name, value in values.items()}, rank_zero_only=True)


def state_norms(state: tuple[Tensor, ...] | None) -> Tensor | None:
    """(B,) Euclidean norms over all floating tensors (B, ...) of a state."""
    floating = [tensor for tensor in state or () if tensor.is_floating_point()]
    if not floating:
        return None
    return torch.cat([tensor.flatten(1).float() for tensor in floating], 1).norm(dim=1).cpu()


def reach(gradient: Tensor) -> int:
    """The largest lag at which (S,) norms are above `REACH` of their largest; 0 if all are zero."""
    above = (gradient > REACH * gradient.max()).nonzero()
    return int(above[-1]) if len(above) else 0
