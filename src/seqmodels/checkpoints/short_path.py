"""A training step without Lightning's machinery around it, for the steps at which Lightning has nothing to do.

Around every step Lightning looks for loggers, hooks, profilers, strategies and progress to serve, which costs half a
millisecond: more than the step of a small recurrent model. Most steps need none of it. `ShortPath.step` does what is
left, in Lightning's order: forward, zero_grad, backward, clipping, the update, the schedule, and hooks that callbacks
have. `EpochLoop` takes it where nothing is logged, and Lightning's way everywhere else; both give the same bits.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, LearningRateMonitor, Timer
from lightning.pytorch.plugins import DoublePrecision, MixedPrecision, Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.optim import Optimizer

from seqmodels.modules.precision import HalfWeights

CALLBACK_HOOKS = (
    "on_train_batch_start",
    "on_before_backward",
    "on_after_backward",
    "on_before_zero_grad",
    "on_before_optimizer_step",
    "on_train_batch_end",
)
"""What Lightning calls of every callback in the course of a step."""

MODULE_HOOKS = (
    *(hook for hook in CALLBACK_HOOKS if hook != "on_before_optimizer_step"),  # which is called
    "backward",
    "lr_scheduler_step",
    "optimizer_step",
    "optimizer_zero_grad",
    "on_before_batch_transfer",
    "transfer_batch_to_device",
    "on_after_batch_transfer",
)
DATA_HOOKS = ("on_before_batch_transfer", "transfer_batch_to_device")
"""What a module and a datamodule may do otherwise than Lightning; then every step is Lightning's."""

QUIET = (EarlyStopping, EMAWeightAveraging, LearningRateMonitor, Timer)
"""Callbacks of Lightning that log nothing in a hook of a step at which loggers do not listen. All of ours are so."""

PRECISIONS = (Precision, DoublePrecision, MixedPrecision, HalfWeights)


class ShortPath:
    """The steps of one training, on one device."""

    def __init__(self, trainer: pl.Trainer) -> None:
        """
        Args:
            trainer: of a training that has begun, for which `is_open` holds.
        """
        self.trainer = trainer
        self.module: Any = trainer.lightning_module
        self.optimizer: Optimizer = trainer.optimizers[0]
        self._moves = trainer.strategy.root_device.type != "cpu"
        if not self._moves:
            _spare_look_for_gpus(self.optimizer)
        self._prepares = _overrides(trainer.datamodule, pl.LightningDataModule, "on_after_batch_transfer")  # type: ignore[attr-defined]
        self._plain = type(trainer.precision_plugin) is Precision
        self._hooks = {
            hook: [getattr(one, hook) for one in _callbacks(trainer) if _overrides(one, pl.Callback, hook)]
            for hook in CALLBACK_HOOKS
        }

    @staticmethod
    def is_open(trainer: pl.Trainer) -> bool:
        """Whether nobody wants to be asked at every step: no callback, module, strategy or profiler of another kind."""
        module, data = trainer.lightning_module, trainer.datamodule  # type: ignore[attr-defined]
        return (
            type(trainer.strategy) is SingleDeviceStrategy
            and type(trainer.precision_plugin) in PRECISIONS
            and getattr(trainer.precision_plugin, "scaler", None) is None
            and isinstance(trainer.profiler, PassThroughProfiler)  # type: ignore[attr-defined]
            and not trainer.fast_dev_run  # type: ignore[attr-defined]
            and module.automatic_optimization
            and len(trainer.optimizers) == 1
            and all(_is_quiet(one) for one in _callbacks(trainer))
            and _is_ours(type(module).training_step)
            and not any(_overrides(module, pl.LightningModule, hook) for hook in MODULE_HOOKS)
            and not any(_overrides(data, pl.LightningDataModule, hook) for hook in DATA_HOOKS)
        )

    def step(self, loop: Any, data_fetcher: Any) -> None:
        """Read the next batch and train on it; `loop` is the epoch's, whose progress is kept as Lightning keeps it.

        Raises:
            StopIteration: there is no further batch.
        """
        trainer, module, progress = self.trainer, self.module, loop.batch_progress
        batch, _, _ = next(data_fetcher)
        progress.is_last_batch = data_fetcher.done
        batch = trainer.precision_plugin.convert_input(batch)
        if self._moves:
            batch = trainer.strategy.batch_to_device(batch, dataloader_idx=0)
        elif self._prepares:  # which is a part of moving it
            batch = trainer.datamodule.on_after_batch_transfer(batch, 0)  # type: ignore[attr-defined]
        progress.increment_ready()
        number = loop.batch_idx
        self._call("on_train_batch_start", trainer, module, batch, number)
        progress.increment_started()
        outputs = self._update(loop, batch, number)
        progress.increment_processed()
        if trainer.lr_scheduler_configs:
            loop.update_lr_schedulers("step", update_plateau_schedulers=False)
            if loop._num_ready_batches_reached():
                loop.update_lr_schedulers("epoch", update_plateau_schedulers=False)
        self._call("on_train_batch_end", trainer, module, outputs, batch, number)
        progress.increment_completed()

    def _update(self, loop: Any, batch: Any, number: int) -> dict[str, Any]:
        """Forward, backward and, where no gradients are to be added to these, the optimiser's step."""
        trainer, module, optimizer = self.trainer, self.module, self.optimizer
        done = loop.automatic_optimization.optim_progress.optimizer
        group = trainer.accumulate_grad_batches
        updates = not loop._should_accumulate()
        if updates:
            done.step.increment_ready()
        with self._precision():
            output = module.training_step(batch)
        outputs = {"loss": output} if isinstance(output, Tensor) else output
        loss = outputs["loss"] if group == 1 else outputs["loss"] / group
        if number % group == 0:
            done.zero_grad.increment_ready()
            self._call("on_before_zero_grad", trainer, module, optimizer)
            done.zero_grad.increment_started()
            optimizer.zero_grad()
            done.zero_grad.increment_completed()
        self._call("on_before_backward", trainer, module, loss)
        loss.backward()
        self._call("on_after_backward", trainer, module)
        if updates:
            self._call("on_before_optimizer_step", trainer, module, optimizer)
            module.on_before_optimizer_step(optimizer)
            if trainer.gradient_clip_val:
                module.configure_gradient_clipping(
                    optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm
                )
            optimizer.step()
            done.step.increment_completed()
        return outputs | {"loss": loss.detach()}

    def _precision(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._plain else self.trainer.precision_plugin.train_step_context()

    def _call(self, hook: str, *arguments: Any) -> None:
        for call in self._hooks[hook]:
            call(*arguments)


def _callbacks(trainer: pl.Trainer) -> list[pl.Callback]:
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks


def _spare_look_for_gpus(optimizer: Optimizer) -> None:
    """Torch's Adam asks at every step whether a GPU records a graph, which is no question on the CPU.

    Torch 2.15 asks the driver's library for it, which under Lightning it loads anew each time: 0.1 ms a step.
    """
    if hasattr(optimizer, "_accelerator_graph_capture_health_check"):
        optimizer._accelerator_graph_capture_health_check = _nothing  # type: ignore[method-assign]


def _nothing() -> None:
    """In place of that look."""


def _is_quiet(callback: pl.Callback) -> bool:
    """Whether it logs nothing where loggers do not listen; one of the user's may do anything in the hooks it has."""
    known = _is_ours(type(callback)) or type(callback) in QUIET
    return known or not any(_overrides(callback, pl.Callback, hook) for hook in CALLBACK_HOOKS)


def _is_ours(made: Any) -> bool:
    """Whether a class or function is of this package."""
    return str(made.__module__).startswith("seqmodels.")


def _overrides(one: Any, parent: type, hook: str) -> bool:
    """Whether an object, None too, has a hook of its own in place of the parent's."""
    return getattr(type(one), hook, None) not in (None, getattr(parent, hook))
