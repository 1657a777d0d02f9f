"""Reading streams window by window: what is carried on, how far the gradient goes back, what goes into a checkpoint.

window 0        window 1        window 2
[ o o o o ] --> [ o o o o ] --> [ o o o o ] --> ...     forward: the state is carried on
[ <- <- < ]     [ <- <- < ]     [ <- <- < ]             backward: stops at the window's start
  update          update          update

With backprop_windows=2 the loss of window 2 goes back through window 1 as well: both are read again with the present
weights, from the state that was saved before window 1.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from seqmodels.cores.base import Core, batch_size
from seqmodels.datamodules.window import Window
from seqmodels.modules import burn_in as burning
from seqmodels.modules.base import HeadInit, InitialState, SequenceModule, Stats
from seqmodels.modules.carry import Carry, Past, Place, cast, kept, packed, unpacked
from seqmodels.modules.finite_inputs import FiniteInputs, without_nan

NanInput = Literal["error", "mask"]
StateDtype = Literal["float32", "float64", "bfloat16"]


class StreamModule(SequenceModule):
    """Carries the state of streams; training, validation, test and prediction each have one of their own.

    Attributes:
        carried: what the training carries to its next window; it goes into checkpoints.
    """

    def __init__(
        self,
        core: Callable[..., Core],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer, int], LRScheduler] | None,
        input_size: int,
        output_size: int,
        input_stats: Stats | None,
        head_init: HeadInit,
        initial_state: InitialState,
        compile: bool,
        carry: bool,
        backprop_windows: int,
        burn_in: int,
        nan_input: NanInput,
        state_dtype: StateDtype | None,
        dynamics_lr: float = 1.0,
    ) -> None:
        """
        Args:
            core, optimizer, scheduler, input_size, output_size, input_stats, head_init, initial_state, compile,
                dynamics_lr: as in `SequenceModule`.
            carry, backprop_windows, burn_in, nan_input, state_dtype: as in `StreamRegressor`.
        """
        super().__init__(
            core,
            optimizer,
            scheduler,
            input_size,
            output_size,
            input_stats,
            head_init,
            initial_state,
            compile,
            dynamics_lr,
        )
        _check(carry, backprop_windows, burn_in, nan_input, initial_state, state_dtype)
        self.carry, self.backprop_windows, self.burn_in, self.nan_input = carry, backprop_windows, burn_in, nan_input
        self.state_dtype: torch.dtype | None = getattr(torch, state_dtype) if state_dtype else None
        self.carried = Carry()
        self._places: dict[str, Place] = {}
        self._inputs = FiniteInputs()

    def on_train_start(self) -> None:
        self.carried = move_data_to_device(self.carried, self.device)  # a checkpoint leaves it on the CPU

    def on_train_epoch_end(self) -> None:
        self._inputs.look(self.global_rank)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the training's carry, of all processes; each of them must call this."""
        checkpoint["carry"] = packed(self.carried)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take this process's part of the carry; weights that came without one leave the streams fresh.

        Raises:
            ValueError: the training has another number of streams, or its processes cannot share them equally.
        """
        self.carried = Carry()
        if "carry" not in checkpoint:
            return
        rank, ranks, streams = 0, 1, None
        if self._trainer is not None:
            rank, ranks = self.trainer.global_rank, self.trainer.world_size
            streams = getattr(getattr(self.trainer, "datamodule", None), "num_streams", None)
        carried = unpacked(checkpoint["carry"], rank, ranks, streams)
        if self.carry:
            self.carried = carried._replace(history=self._within_reach(carried.history))
        else:
            self.carried = carried._replace(place=Place(), history=())

    def _reached(self, window: Window) -> tuple[Past, ...]:
        """The windows that the gradient of this one goes through, oldest first, itself the last."""
        return (*self.carried.history, Past(self.carried.place, window.x, window.reset))

    def _within_reach(self, past: tuple[Past, ...]) -> tuple[Past, ...]:
        """Those that the next window's gradient will go through."""
        return past[max(0, len(past) + 1 - self.backprop_windows) :]

    def _carry_on(self, past: tuple[Past, ...], place: Place, loss: Tensor) -> Carry:
        """What is carried after a training window: the windows of `_reached`, the place behind them, the loss."""
        windows, loss_sum = self.carried.windows + 1, self.carried.loss_sum + loss.detach()
        return Carry(self._kept(place), self._within_reach(past), windows, loss_sum)

    def _read_back(self, past: tuple[Past, ...]) -> tuple[Tensor, Place, Tensor | None]:
        """Read windows one after the other; returns what `_read` does of the last."""
        first, *later = past
        for one in later:
            # What comes before a reset leads nowhere; were it NaN, its gradient of zero would be NaN too.
            first = first._replace(reset=first.reset | one.reset)
        y, place, young = self._read(first)
        for one in later:
            y, place, young = self._read(one._replace(place=place))
        return y, place, young

    def _read_for(self, stage: str, window: Window, number: int) -> tuple[Tensor, Window]:
        """Read a window that is not trained on; (B, T, H) outputs, and the window with what counts in its mask."""
        window = self._finite(window, number, look=True)
        y, place, young = self._read(Past(self._places.get(stage, Place()), window.x, window.reset))
        self._places[stage] = self._kept(place)
        return y, burning.without(window, young)

    def _read(self, window: Past) -> tuple[Tensor, Place, Tensor | None]:
        """The core's outputs (B, T, H), the place behind the window, and the (B,) steps of burn-in in it."""
        place, x, reset = window
        if place.state is not None and batch_size(place.state) != len(x):
            if not reset.all():
                raise ValueError(
                    f"a window of {len(x)} streams followed windows of {batch_size(place.state)}; row b of every batch "
                    f"must be the same stream, so the number of rows cannot change (drop or pad the odd batch)"
                )
            place = Place()
        state = place.state
        if state is not None:
            if self.state_dtype is not None:
                state = cast(state, self.head.weight.dtype)
            state = self.core.reset_rows(state, reset)
        x = self.normalized(x)
        if not self.burn_in:
            y, state = self.core(x, state)
            return y, Place(state), None
        age, steps = burning.age_at_start(place, reset, self.burn_in), x.shape[1]
        young = (self.burn_in - age).clamp(0, steps)
        y, state = burning.read(self.core, x, state, young)
        return y, Place(state, (age + steps).clamp(max=self.burn_in)), young

    def _kept(self, place: Place) -> Place:
        return kept(place, self.state_dtype or self.head.weight.dtype) if self.carry else Place()

    def _finite(self, window: Window, number: int, look: bool) -> Window:
        if self.nan_input == "mask":
            return without_nan(window, self.input_mean)
        self._inputs.note(window.x, number, look, self.global_rank)
        return window


def _check(
    carry: bool, backprop_windows: int, burn_in: int, nan_input: str, initial_state: str, state_dtype: str | None
) -> None:
    if backprop_windows < 1:
        raise ValueError(f"backprop_windows={backprop_windows} is too small; give an integer of at least 1")
    if burn_in < 0:
        raise ValueError(f"burn_in={burn_in} is negative; give a number of steps, 0 for none")
    if nan_input not in get_args(NanInput):
        raise ValueError(f"nan_input={nan_input!r} is not known; choose {' or '.join(get_args(NanInput))}")
    if state_dtype not in (None, *get_args(StateDtype)):
        raise ValueError(f"state_dtype={state_dtype!r} is not known; choose null, {', '.join(get_args(StateDtype))}")
    if backprop_windows > 1 and not carry:
        raise ValueError(
            f"backprop_windows={backprop_windows} needs carry=true: where the state is dropped, no window hangs on "
            f"the one before; give backprop_windows=1"
        )
    if burn_in and initial_state == "learned":
        raise ValueError(
            f"burn_in={burn_in} lets no gradient reach an initial state, so that it could not be learned; "
            f"give burn_in=0 or initial_state=zeros"
        )
