"""A target at every step of a stream, by truncated back-propagation through time (Williams & Peng 1990)."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.config.ranges import one_of
from seqmodels.cores.base import State
from seqmodels.cores.differencing import Differencing
from seqmodels.datamodules.window import Series, Window
from seqmodels.modules import burn_in as burning
from seqmodels.modules import differencing
from seqmodels.modules.base import SequenceModule, Stats, of_rows
from seqmodels.modules.carry import PastWindow, StreamState
from seqmodels.modules.finite_inputs import FiniteInputs, without_nan
from seqmodels.modules.metrics.regression import RegressionErrors
from seqmodels.modules.tbptt import StateDtype, TruncatedBPTT

NanInput = Literal["error", "mask"]


class StreamRegressor(SequenceModule):
    """Predicts a target at every step of a stream; one window is one optimiser step.

    Inputs, targets and predictions are in physical units; the losses are of normalised targets. MAE, R² and MASE are
    taken of each target of each series, and then the mean.

    Example:
        y, state = module(x)               # x (B, T, D), y (B, T, Y)
        y, state = module(more, state)     # the same streams, further on
    """

    task = "regression"
    train_measures = ("loss", "loss_mean")
    target_mean: Tensor
    target_std: Tensor
    target_inputs: Tensor

    def __init__(
        self,
        *parts: Any,
        input_stats: Stats | None = None,
        target_stats: Stats | None = None,
        target_scale: Sequence[float | None] | None = None,
        change_stats: tuple[Sequence[float], Sequence[float]] | None = None,
        target_inputs: Sequence[int] | None = None,
        fills_with_mean: bool = False,
        predict_change: bool = False,
        difference_inputs: bool = False,
        carry: bool = True,
        backprop_windows: int = 1,
        burn_in: int = 0,
        nan_input: NanInput = "error",
        state_dtype: StateDtype | None = None,
        **shared: Any,
    ) -> None:
        """
        Args:
            parts, input_stats, shared: as in `SequenceModule`; output_size is Y, targets per step.
            target_stats: mean and standard deviation by which the head's output becomes a prediction; None leaves it.
            target_scale: the (Y,) errors of the naive forecast in the training data, in which MASE measures errors;
                None leaves a target, or MASE, out. Where the source knows of several `series`, each has its own.
            change_stats: root mean squares in the training data: of what each input changes by from step to step, (D,),
                and each target from the present step to the one that is predicted, (Y,). None leaves both in the units
                of `input_stats` and `target_stats`.
            target_inputs: the (Y,) inputs whose future values the targets are; None where they are not.
            fills_with_mean: the data holds its mean where an input is missing.
            predict_change: the head predicts by how much each target will differ from its present value, so that a head
                of zeros is the naive forecast.
            difference_inputs: the core reads by how much each input differs from the step before. With `predict_change`
                nothing hangs on the level, which a trend takes out of the range of the training.
            carry: False drops the state at every window: the control that shows what the state is worth.
            backprop_windows: m; every window updates the weights by its own loss, whose gradient goes back through
                the last m windows, or as many as there were: TBPTT(k1, k2) with k1 the window and k2 = m k1.
            burn_in: steps at the start of a fresh stream that are read without loss, metrics and gradient; with
                carry=False at the start of every window. A window of nothing else is still a step of the optimiser,
                with a gradient of zero, and enters train/loss_mean as 0.
            nan_input: what an input that is NaN or infinite means: `error`, or `mask`, which reads the mean instead and
                leaves the step out of loss and metrics. In training the error comes at the next logging step.
            state_dtype: in which the floating part of the state is carried and saved; None means that of the weights,
                float32 under mixed precision. The core reads it in the dtype of the weights.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        one_of(NanInput, nan_input=nan_input)
        target_level = 0.0 if target_stats is None else target_stats[0]
        differencing.check(predict_change, difference_inputs, target_inputs, fills_with_mean, nan_input, state_dtype)
        if difference_inputs:
            input_stats = differencing.input_units(input_stats, change_stats and change_stats[0])
        if predict_change:
            target_stats = differencing.change_units(target_stats, change_stats and change_stats[1])
        super().__init__(*parts, input_stats=input_stats, **shared)
        if difference_inputs:
            self.core = Differencing(self.core)
        self.tbptt = TruncatedBPTT(self, carry, backprop_windows, burn_in, state_dtype)
        self.nan_input = nan_input
        self._inputs = FiniteInputs()
        self.predict_change = predict_change
        if predict_change:
            self.register_buffer("target_inputs", torch.tensor(target_inputs), persistent=False)
        self._normalizes_target = target_stats is not None
        if target_stats is not None:
            self.register_buffer("target_mean", torch.tensor(target_stats[0]))
            self.register_buffer("target_std", torch.tensor(target_stats[1]))
        self._target_scale, self._target_level = target_scale, target_level
        self.measures = ("loss", "mae", "r2", *["mase"] * (target_scale is not None))

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        series: Tensor | None = None,
        reset: Tensor | None = None,
        dt: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """
        Args:
            x: (B, T, D) in physical units.
            state: carried from earlier steps of the same streams; None starts anew.
            series: (B,) which series the rows belong to, where each is read by its own statistics.
            reset: (B, T) bool, where streams begin anew, as in `Core`.
            dt: (B, T) the time since the step before, as in `Core`.

        Returns:
            predictions (B, T, Y), and the state after step T.
        """
        y, state = self.core(self.normalized(x, series), state, reset, dt)
        return self.in_units(self.read_out(y, x), x, series), state

    def on_train_start(self) -> None:
        self.tbptt.to(self.device)

    def training_step(self, window: Window) -> dict[str, Tensor]:
        logs = self.logs_this_step
        window = self._finite(window, self.tbptt.carried.windows, look=logs)
        past = self.tbptt.windows_in_reach(window)
        loss, prediction, after = self.computed(window, past)
        carried = self.tbptt.carried_after(past, after, loss)
        if logs:
            self.log_step(loss=loss.detach(), loss_mean=carried.loss_sum / carried.windows)
        self.tbptt.carried = carried
        return {"loss": loss, "prediction": prediction}

    def compute(self, window: Window, past: tuple[PastWindow, ...]) -> tuple[Tensor, Tensor, StreamState]:
        """The loss, the predictions (B, T, Y), and the streams behind the window."""
        reading = self.tbptt.read_through(past)
        output = self.read_out(reading.y, window.x)
        loss = masked_mse(output, self.normalized_target(burning.without(window, reading.young)))
        return loss, self.in_units(output, window.x, window.series), reading.after

    def on_train_epoch_end(self) -> None:
        self._inputs.look(self.global_rank)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the training carries, of all processes; each of them must call this."""
        checkpoint["carry"] = self.tbptt.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take this process's part of the carry; weights that came without one leave the streams fresh.

        Raises:
            ValueError: the training has another number of streams, its processes cannot share them equally, or it goes
                on and its streams cannot.
        """
        training = self._trainer is not None and self.trainer.state.fn == "fit"
        if training and self.tbptt.carry and not checkpoint.get("carry"):
            raise ValueError(
                "the checkpoint lacks carry, the state of the streams, so the training would not go on exactly; "
                "init_from=FOLDER begins a new run with its weights"
            )
        rank, ranks, streams = 0, 1, None
        if self._trainer is not None and "carry" in checkpoint:
            rank, ranks = self.trainer.global_rank, self.trainer.world_size
            streams = getattr(getattr(self.trainer, "datamodule", None), "num_streams", None)
        self.tbptt.load_state_dict(checkpoint.get("carry"), rank, ranks, streams)

    def in_units(self, output: Tensor, x: Tensor, series: Tensor | None) -> Tensor:
        """The head's output (B, T, Y) on inputs (B, T, D) as a prediction."""
        if self._normalizes_target:
            output = output * of_rows(self.target_std, series) + of_rows(self.target_mean, series)
        return output + x.index_select(-1, self.target_inputs) if self.predict_change else output

    def normalized_target(self, window: Window) -> Window:
        """The window with its target as the head puts it out."""
        y = window.y - window.x.index_select(-1, self.target_inputs) if self.predict_change else window.y
        if self._normalizes_target:
            y = (y - of_rows(self.target_mean, window.series)) / of_rows(self.target_std, window.series)
        return window._replace(y=y)

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self.tbptt.begin("val")

    def on_test_start(self) -> None:
        super().on_test_start()
        self.tbptt.begin("test")

    def on_predict_start(self) -> None:
        self.tbptt.begin("predict")

    def predict_step(self, window: Window, batch_idx: int) -> Tensor:
        """(B, T, Y) predictions."""
        y, window = self.tbptt.read("predict", self._finite(window, batch_idx, look=True))
        return self.in_units(self.read_out(y, window.x), window.x, window.series)

    def gradient_by_lag(self, window: Window) -> Tensor:
        """How much the error at a window's last step depends on the inputs before, as far as training's gradient goes.

        Call it before the window is trained on. It changes only what the core itself changes when it reads.

        Returns:
            (S,) norms of d(squared error at the last step) / d(input), mean over the streams whose last step counts.
            Entry 0 belongs to the last step, entry s to the step s before; S = T with backprop_windows=1.
        """
        if self.nan_input == "mask":
            window = without_nan(window, self.input_mean)
        past = tuple(one._replace(x=one.x.detach().requires_grad_()) for one in self.tbptt.windows_in_reach(window))
        reading = self.tbptt.read_through(past)
        mask = burning.without(window, reading.young).mask[:, -1]
        target = self.normalized_target(window).y[:, -1]
        error = (self.read_out(reading.y[:, -1], window.x) - target)[mask].square().mean(-1)
        gradients = torch.autograd.grad(error.sum(), [one.x for one in past])
        norms = torch.cat([gradient.norm(dim=-1) for gradient in gradients], 1).flip(1)
        return norms.sum(0) / mask.sum().clamp(min=1)

    def _finite(self, window: Window, number: int, look: bool) -> Window:
        if self.nan_input == "mask":
            return without_nan(window, self.input_mean)
        self._inputs.note(window.x, number, look, self.global_rank)
        return window

    def metric(self, stage: str) -> RegressionErrors:
        unit = self.target_std.tolist() if self._normalizes_target else 1.0
        targets, scale = self.head.out_features, self._target_scale
        known: Series | None = getattr(getattr(self._trainer, "datamodule", None), "series", None)
        if known is None:
            return RegressionErrors(stage, unit, self._target_level, scale, targets=targets)
        return RegressionErrors(stage, unit, known.level, scale and known.scale, scale, targets, len(known.names))

    def evaluate(self, stage: str, window: Window, number: int) -> dict[str, Tensor]:
        y, window = self.tbptt.read(stage, self._finite(window, number, look=True))
        output, mask = self.read_out(y, window.x), window.mask
        # Less the target before both get their unit back: a prediction of 1e6 has no digits left for a small error.
        error = output - self.normalized_target(window).y
        self.metrics[stage].update(error, window.y, mask, window.series)
        return {"prediction": self.in_units(output, window.x, window.series), "mask": mask}


def masked_mse(prediction: Tensor, window: Window) -> Tensor:
    """Mean squared error over the steps that count; 0 if none does.

    A step that does not count gets its own prediction as the target, so that even a NaN there leaves no trace.
    """
    if window.mask.device.type == "cpu" and bool(window.mask.all()):  # a GPU would have to wait for the answer
        return F.mse_loss(prediction, window.y)
    target = torch.where(window.mask.unsqueeze(-1), window.y, prediction.detach())
    share = window.mask.sum().clamp(min=1) / window.mask.numel()
    return F.mse_loss(prediction, target) / share
