"""Truncated back-propagation through time (Williams & Peng 1990): streams are read window by window.

window 0        window 1        window 2
[ o o o o ] --> [ o o o o ] --> [ o o o o ] --> ...     forward: the state is carried on
[ <- <- < ]     [ <- <- < ]     [ <- <- < ]             backward: stops at the window's start
  update          update          update

With backprop_windows=2 the loss of window 2 goes back through window 1 as well: both are read again with the present
weights, from the state that was saved before window 1.
"""

from typing import Any, Literal, NamedTuple

import torch
from lightning.pytorch.utilities import move_data_to_device
from torch import Tensor

from seqmodels.config.ranges import at_least, one_of
from seqmodels.cores.base import batch_size
from seqmodels.datamodules.window import Window, given
from seqmodels.modules import burn_in as burning
from seqmodels.modules.base import SequenceModule
from seqmodels.modules.carry import Carry, PastWindow, StreamState, cast, detached, from_checkpoint, to_checkpoint

StateDtype = Literal["float32", "float64", "bfloat16"]


class Reading(NamedTuple):
    """What came of reading a window.

    Attributes:
        y: (B, T, H) outputs of the core.
        after: the streams behind the window, still part of the graph.
        young: (B, T) bool, steps of burn-in; None where there is no burn-in.
    """

    y: Tensor
    after: StreamState
    young: Tensor | None


class TruncatedBPTT:
    """How a module reads streams: what is carried from window to window, and how far the gradient goes back.

    Example:
        past = tbptt.windows_in_reach(window)          # a training step
        reading = tbptt.read_through(past)
        loss = ... of reading.y
        tbptt.carried = tbptt.carried_after(past, reading.after, loss)

        y, window = tbptt.read("val", window)          # validation, test and prediction have streams of their own

    Attributes:
        carried: what the training carries to its next window; it goes into checkpoints. One object, assigned once a
            step, so that no checkpoint sees half of a step.
    """

    def __init__(
        self,
        module: SequenceModule,
        carry: bool = True,
        backprop_windows: int = 1,
        burn_in: int = 0,
        state_dtype: StateDtype | None = None,
    ) -> None:
        """
        Args:
            module: whose core reads, and whose head's dtype the state is carried in.
            carry, backprop_windows, burn_in, state_dtype: as in `StreamRegressor`.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        at_least(1, backprop_windows=backprop_windows)
        at_least(0, burn_in=burn_in)
        one_of(StateDtype | None, state_dtype=state_dtype)
        if backprop_windows > 1 and not carry:
            raise ValueError(
                f"backprop_windows={backprop_windows} needs carry=true: where the state is dropped, no window hangs on "
                f"the one before; give backprop_windows=1"
            )
        if burn_in and module.learns_initial_state:
            raise ValueError(
                f"burn_in={burn_in} lets no gradient reach an initial state, so that it could not be learned; "
                f"give burn_in=0 or initial_state=zeros"
            )
        self.module, self.carry, self.backprop_windows, self.burn_in = module, carry, backprop_windows, burn_in
        self.state_dtype: torch.dtype | None = getattr(torch, state_dtype) if state_dtype else None
        self.carried = Carry()
        self._streams: dict[str, StreamState] = {}

    def windows_in_reach(self, window: Window) -> tuple[PastWindow, ...]:
        """The windows that the gradient of this one goes through, oldest first, itself the last."""
        return (*self.carried.history, PastWindow.of(self.carried.streams, window))

    def read_through(self, past: tuple[PastWindow, ...]) -> Reading:
        """Read windows one after the other; returns what came of the last."""
        first, *later = past
        for one in later:
            # What comes before a reset leads nowhere; were it NaN, its gradient of zero would be NaN too.
            first = first._replace(reset=first.reset | one.reset)
        reading = self._read(first)
        for one in later:
            reading = self._read(one._replace(before=reading.after))
        return reading

    def carried_after(self, past: tuple[PastWindow, ...], after: StreamState, loss: Tensor) -> Carry:
        """What is carried after a training window: its `windows_in_reach`, the streams behind it, its loss."""
        windows, loss_sum = self.carried.windows + 1, self.carried.loss_sum + loss.detach()
        return Carry(self._detached(after), self._in_reach_of_next(past), windows, loss_sum)

    def begin(self, stage: str) -> None:
        """The streams of val, test or predict start anew."""
        self._streams.pop(stage, None)

    def read(self, stage: str, window: Window) -> tuple[Tensor, Window]:
        """Read a window that is not trained on; (B, T, H) outputs, and the window with what counts in its mask."""
        before = self._streams.get(stage, StreamState())
        reading = self._read(PastWindow.of(before, window))
        self._streams[stage] = self._detached(reading.after)
        return reading.y, burning.without(window, reading.young)

    def to(self, device: torch.device) -> None:
        """Take what is carried to a device; a checkpoint leaves it on the CPU."""
        self.carried = move_data_to_device(self.carried, device)

    def state_dict(self) -> dict[str, Any]:
        """The training's carry of all processes, each of which must call this."""
        return to_checkpoint(self.carried)

    def load_state_dict(self, saved: dict[str, Any] | None, rank: int, ranks: int, num_streams: int | None) -> None:
        """Take this process's part of a carry; None leaves the streams fresh. Arguments as in `from_checkpoint`.

        Raises:
            ValueError: the training has another number of streams, or its processes cannot share them equally.
        """
        if saved is None:
            self.carried = Carry()
            return
        carried = from_checkpoint(saved, rank, ranks, num_streams)
        if self.carry:
            self.carried = carried._replace(history=self._in_reach_of_next(carried.history))
        else:
            self.carried = carried._replace(streams=StreamState(), history=())

    def _in_reach_of_next(self, past: tuple[PastWindow, ...]) -> tuple[PastWindow, ...]:
        return past[max(0, len(past) + 1 - self.backprop_windows) :]

    def _detached(self, after: StreamState) -> StreamState:
        return detached(after, self.state_dtype or self.module.head.weight.dtype) if self.carry else StreamState()

    def _read(self, window: PastWindow) -> Reading:
        before, x, reset, series, *steps = window
        step_reset, dt = (given(one) for one in steps)
        core = self.module.core
        if before.state is not None and batch_size(before.state) != len(x):
            if not reset.all():
                raise ValueError(
                    f"a window of {len(x)} streams followed windows of {batch_size(before.state)}; row b of every "
                    f"batch must be the same stream, so the number of rows cannot change (drop or pad the odd batch)"
                )
            before = StreamState()
        state = before.state
        if state is not None:
            if self.state_dtype is not None:
                state = cast(state, self.module.head.weight.dtype)
            state = core.reset_rows(state, reset)
        x = self.module.normalized(x, series)
        if not self.burn_in:
            y, state = core(x, state, step_reset, dt)
            return Reading(y, StreamState(state), None)
        age = burning.age_at_start(before, reset, self.burn_in)
        ages = burning.age_at_steps(age, x.shape[1], step_reset)
        young = ages < self.burn_in
        y, state = burning.read(core, x, state, young, step_reset, dt)
        return Reading(y, StreamState(state, (ages[:, -1] + 1).clamp(max=self.burn_in)), young)
