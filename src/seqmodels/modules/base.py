"""What the modules share: a core and a head, the optimiser, and when to log."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric

from seqmodels.config.ranges import at_least, one_of
from seqmodels.cores.base import Core
from seqmodels.cores.initial_state import LearnedInitialState
from seqmodels.cores.token_embedding import core_for
from seqmodels.modules.parameter_groups import grouped_optimizer
from seqmodels.modules.precision import check_precision
from seqmodels.modules.schedules import after_validation, for_lightning

HeadInit = Literal["torch", "glorot"]
InitialState = Literal["zeros", "learned"]
STAGES = ("val", "test")

Stats = tuple[float | Sequence[float], float | Sequence[float]]
"""Mean and standard deviation, of all columns together or one of each."""


DIRECTIONS = dict.fromkeys(("loss", "loss_mean", "mae", "mase"), "min") | dict.fromkeys(
    ("acc", "acc_balanced", "acc_scored", "acc_scaled", "r2"), "max"
)


class SequenceModule(pl.LightningModule):
    """A core, a linear head on top, and how both are optimised.

    Attributes:
        task: what its data must be for: classification, labelling or regression.
        train_measures: what it logs of a training step as train/...
        batch_measures: those of them that are of one batch, and say little of the weights.
        measures: what it logs of a validation and a test as val/... and test/...
        directions: the `mode` that goes with each of these: min where a lower value is better, else max.
        bar_measures: which of them a progress bar shows.
        metrics: of val and test, made anew for every pass through the data, which `evaluate` updates.
        stand_in: for `compute` in the training: see recorded.py and stacking/crew.py.
    """

    task: str
    train_measures: tuple[str, ...] = ("loss",)
    batch_measures: tuple[str, ...] = ("loss", "acc")
    measures: tuple[str, ...] = ("loss",)
    directions: ClassVar[Mapping[str, str]] = DIRECTIONS
    bar_measures: tuple[str, ...] = ()
    input_mean: Tensor
    input_std: Tensor

    def __init__(
        self,
        core: Callable[..., Core],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        input_size: int,
        output_size: int,
        *,
        scheduler: Callable[..., LRScheduler] | None = None,
        input_stats: Stats | None = None,
        head_init: HeadInit = "torch",
        initial_state: InitialState = "zeros",
        tokens: int | None = None,
        embedding: int | None = None,
        compile: bool = False,
        timescale_lr: float = 1.0,
    ) -> None:
        """
        Args:
            core: makes the core from `input_size`.
            optimizer: makes the optimiser from the trainable parameters.
            input_size: D of the input.
            output_size: of the head: classes, or targets per step.
            scheduler: makes the learning-rate schedule from the optimiser and, where it takes `total_steps`, the
                number of steps of the whole training; None keeps the rate.
            input_stats: mean and standard deviation that normalise the input, of each column or of all; None leaves it.
            head_init: `torch`, or `glorot` with a zero bias (TensorFlow 1's dense layer).
            initial_state: `zeros`, the core's own, or `learned` with the weights.
            tokens: V, where an input is the number of a token, below V; None where it is numbers.
            embedding: of tokens, how wide the vector is that is learned for each and that the core reads.
            compile: let torch.compile make kernels of the core, in place. It pays for cores that are written in torch;
                RNN, LSTM and GRU call torch's own kernels, which the compiler cannot look into, and gain nothing.
            timescale_lr: the learning rate of the core's `timescale_parameters`, as a multiple of the optimiser's; they
                never have weight decay.

        Raises:
            ValueError: an argument is outside its range, or `tokens` and `embedding` come without each other.
        """
        super().__init__()
        one_of(HeadInit, head_init=head_init)
        one_of(InitialState, initial_state=initial_state)
        at_least(0.0, timescale_lr=timescale_lr)
        self.tokens = tokens
        self.core = core_for(core, input_size, tokens, embedding)
        self.learns_initial_state = initial_state == "learned"
        if self.learns_initial_state:
            self.core = LearnedInitialState(self.core)
        self.head = nn.Linear(self.core.output_size, output_size)
        if head_init == "glorot":
            nn.init.xavier_uniform_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        mean, std = input_stats or (0.0, 1.0)
        self.register_buffer("input_mean", torch.tensor(mean))
        self.register_buffer("input_std", torch.tensor(std))
        self._normalizes = input_stats is not None
        self.register_load_state_dict_post_hook(_take_statistics)
        if compile:
            self.core.compile()
        self.timescale_lr = timescale_lr
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler
        self.stand_in: Callable[..., Any] | None = None
        self.metrics: dict[str, Metric] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the running hook in this attribute 40 times a step, and each time nn.Module would look whether
        # it is a parameter: a tenth of a millisecond in all.
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def normalized(self, x: Tensor, series: Tensor | None = None) -> Tensor:
        """The input as the core reads it, in the precision of the weights; `series` as in `of_rows`. Tokens stay."""
        if self.tokens:
            return x
        if self._normalizes:
            x = (x - of_rows(self.input_mean, series)) / of_rows(self.input_std, series)
        return x.to(self.head.weight.dtype)

    def read_out(self, y: Tensor, x: Tensor) -> Tensor:
        """The head's output on the core's output `y`, in at least the precision of the input `x`."""
        output: Tensor = self.head(y)
        return output.to(torch.promote_types(output.dtype, x.dtype))

    def metric(self, stage: str) -> Metric | None:
        """What a pass through val or test is measured with: its `compute` returns all `measures`, and may return more.

        None where the module logs them itself.
        """
        return None

    def evaluate(self, stage: str, batch: Any, number: int) -> dict[str, Tensor]:
        """Update `metrics[stage]` by a batch of val or test, the `number`-th; what figures draw is returned."""
        raise NotImplementedError

    def on_validation_start(self) -> None:
        self._begin("val")

    def on_test_start(self) -> None:
        self._begin("test")

    def on_validation_epoch_end(self) -> None:
        self._log_measures("val")

    def on_test_epoch_end(self) -> None:
        self._log_measures("test")

    def _begin(self, stage: str) -> None:
        metric = self.metric(stage)
        if metric is not None:
            if self.device.type == "mps":  # which has no float64
                metric.set_dtype(torch.float32)
            self.metrics[stage] = metric.to(self.device)

    def _log_measures(self, stage: str) -> None:
        if stage in self.metrics:
            measured = self.metrics[stage].compute()
            for measure in self.measures:
                # Every process has the value of all, so the largest is that value to the bit, as a mean might not be.
                self.log(
                    f"{stage}/{measure}",
                    measured[measure].float(),
                    prog_bar=measure in self.bar_measures,
                    reduce_fx="max",
                    sync_dist=True,
                )

    def compute(self, *inputs: Any) -> Any:
        """The differentiable part of a training step: the first of what it returns is the loss."""
        raise NotImplementedError

    def computed(self, *inputs: Any) -> Any:
        """The same, by what stands in for it, if anything does."""
        return self.stand_in(*inputs) if self.stand_in else self.compute(*inputs)

    def on_train_end(self) -> None:
        self.stand_in = None  # which may hold the memory of whole steps

    def validation_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        return self.evaluate("val", batch, batch_idx)

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        return self.evaluate("test", batch, batch_idx)

    def configure_optimizers(self) -> Any:
        optimizer = grouped_optimizer(self._make_optimizer, self, self.timescale_lr)
        if self._clips_scaled_gradients() and optimizer.defaults.get("fused"):
            # Fused kernels take scaled gradients, so there is nothing to clip before them, and Lightning refuses.
            unfused: Any = partial(self._make_optimizer, fused=False)  # type: ignore[call-arg]
            optimizer = grouped_optimizer(unfused, self, self.timescale_lr)
        if isinstance(optimizer, LBFGS):
            raise ValueError(
                "optimizer=LBFGS calls the training step many times a batch, which would read every window many times; "
                "choose adam, adamw or sgd"
            )
        check_precision(optimizer)
        if self._make_scheduler is None:
            return optimizer
        schedule = for_lightning(self.trainer, self._make_scheduler, optimizer)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_validation_end(self) -> None:
        after_validation(self.trainer, self.lr_schedulers())

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """The gradient is the mean over a group of accumulated batches, also over one that an epoch's end cuts short.

        Lightning divides the sum by the size of a full group. Every batch, or window, counts alike.
        """
        group = self.trainer.accumulate_grad_batches
        batches = (self.trainer.fit_loop.batch_idx + 1) % group
        if batches:
            for parameter in self.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(group / batches)

    def _clips_scaled_gradients(self) -> bool:
        trainer = self._trainer
        return (
            trainer is not None
            and bool(trainer.gradient_clip_val)
            and isinstance(trainer.precision_plugin, MixedPrecision)
        )

    @property
    def metric_names(self) -> frozenset[str]:
        """All that it logs: what a run's `monitor` may be."""
        training = {"lr", *(f"train/{measure}" for measure in self.train_measures)}
        return frozenset(training | {f"{stage}/{measure}" for stage in STAGES for measure in self.measures})

    @property
    def logs_this_step(self) -> bool:
        """Whether the trainer's loggers listen to this step; `self.log` costs 1 ms, so nobody else calls it."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return every > 0 and (self.global_step + 1) % every == 0

    def log_step(self, **measures: Tensor | float) -> None:
        """Log what a training step measured, `train_measures`, and the learning rate of the weights.

        The rate of what sets a core's time scales is a multiple of that.
        """
        for measure, value in measures.items():
            self.log(f"train/{measure}", value, prog_bar=measure == "loss", sync_dist=True)
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"])


def of_rows(statistics: Tensor, series: Tensor | None) -> Tensor:
    """Statistics of a batch: one or (C,) for all, or of (S, C) those of each row's series, (B, 1, C), or each step's.

    Raises:
        ValueError: it takes the series to tell, and nobody said which.
    """
    if statistics.dim() < 2:
        return statistics
    if series is None or not len(series):
        raise ValueError(
            f"this model reads each of {len(statistics)} series by its own statistics; say which the rows of x belong "
            f"to, module(x, state, series) with their numbers (B,)"
        )
    return statistics[series] if series.dim() > 1 else statistics[series].unsqueeze(1)


def _take_statistics(module: SequenceModule, incompatible_keys: Any) -> None:
    """Weights bring the statistics of their own data, or none."""
    module._normalizes = bool((module.input_mean != 0).any() or (module.input_std != 1).any())
