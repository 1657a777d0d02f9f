"""A run that predicts streams step by step, from Python:

    predictor = Predictor(load_run("outputs/NAME/DATE_TIME"))
    y = predictor.step([0.3, 1.2])                      # one row of one stream
    y = predictor.step([0.3, 1.2], id="engine 7")       # of one of several streams

The state of each stream is carried from step to step.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqmodels.cores.base import State
from seqmodels.predicting.rows.clock import Clock, Time
from seqmodels.predicting.rows.errors import BadRow
from seqmodels.runs.load import LoadedRun
from seqmodels.tables.formats import Marks

LARGEST = torch.finfo(torch.float32).max
"""What is larger counts as missing, as it does in training."""


class Stream(NamedTuple):
    """Where a stream stands.

    Attributes:
        state: of the core; None before the first step.
        last: (D,) the last value of each input, NaN where there was none; None where nothing needs it.
        time: of the last step; None where it is not known.
        read: rows since it began.
        step: of its time, as far as it is known.
    """

    state: State | None = None
    last: tuple[float, ...] | None = None
    time: Time | None = None
    read: int = 0
    step: Time | None = None


FRESH = Stream()


class Predictor:
    """Predicts in physical units, one row at a time.

    Attributes:
        streams: by id; None is the id of a stream without one.
        marks: how the run's files are written.
        clock: reads times.
        input_names, target_names: (D,) and (Y,) columns.
    """

    def __init__(self, run: LoadedRun) -> None:
        """
        Args:
            run: of a regressor. Its config says what a missing input means, as it did in training
                (`datamodule.missing`): `error`; `mask` reads the mean; `ffill` repeats the last value of the stream.

        Raises:
            ValueError: the run predicts classes.
        """
        data, module = run.cfg.datamodule, run.module
        if module.task != "regression":
            raise ValueError(f"{run.folder} does {module.task}; only a regressor predicts streams step by step")
        self.streams: dict[str | None, Stream] = {}
        self.input_names, self.target_names = list(run.datamodule.input_names), list(run.datamodule.target_names)
        self.marks: Marks = getattr(run.datamodule, "marks", Marks())
        self.clock = Clock(data, self.marks)
        self.missing = data.get("missing", getattr(module, "nan_input", "error"))
        self._module = module
        self._mean = run.input_mean.expand(len(self.input_names)).tolist()
        self._row = torch.zeros(1, 1, len(self.input_names), dtype=module.head.weight.dtype)
        self._cells = self._row.numpy()[0, 0]
        known = run.datamodule.series if module.input_mean.dim() == 2 else None
        self._series = known and {name: torch.tensor([number]) for number, name in enumerate(known.names)}

    def state_like(self) -> State:
        """The state of one stream that begins."""
        core = self._module.core
        state: State = core.initial_state(1, dtype=self._row.dtype)
        return state

    @torch.inference_mode()
    def step(self, values: Sequence[float | None], id: str | None = None, time: Any = None) -> list[float]:
        """The prediction for a stream's next row; its state goes on.

        Args:
            values: (D,) inputs in physical units, None or NaN where missing.
            id: of the stream; one that has not been seen begins anew.
            time: a number, a datetime or a date in ISO 8601, which must go forward; None leaves it unchecked.

        Returns:
            (Y,) targets in physical units, of `horizon` rows later if the run has one.

        Raises:
            ValueError: the row is not what the run reads; the stream is left as it was.
        """
        if len(values) != len(self.input_names):
            raise BadRow(f"{len(values)} values; expected {len(self.input_names)}: {', '.join(self.input_names)}")
        numbers = [math.nan if value is None else float(value) for value in values]
        prediction, self.streams[id] = self.look(numbers, id, None if time is None else self.clock.read(time))
        return prediction.tolist()

    def look(self, values: list[float], id: str | None, time: Time | None) -> tuple[np.ndarray, Stream]:
        """As `step`, but nothing goes on yet. Call it within `torch.inference_mode`, which would cost 3 µs a row here.

        Returns:
            (Y,) the prediction, and where the stream stands after it.

        Raises:
            BadRow: the row is not what the run reads.
        """
        values, stream = self.admit(values, self.streams.get(id, FRESH), time)
        self._cells[:] = values
        # A copy, since the state of a core may hold on to its input.
        y, state = self._module(self._row.clone(), stream.state, *self.series_of(id))
        prediction = y.numpy()[0, 0]
        if not all(map(math.isfinite, prediction.tolist())):
            raise BadRow(f"the prediction is {prediction.tolist()}; the inputs are far from what was trained on")
        return prediction, stream._replace(state=held(state))

    def series_of(self, id: str | None) -> tuple[Tensor, ...]:
        """What a model that reads each series by its own statistics wants to know of a stream.

        Raises:
            BadRow: there is no such series.
        """
        if self._series is None:
            return ()
        if id not in self._series:
            raise BadRow(
                f"datamodule.normalize=per_series: the training has no series {id!r} to know its scale from; the id of "
                f"a stream must be one of {', '.join(list(self._series)[:5])}{', ...' * (len(self._series) > 5)}"
            )
        return (self._series[id],)

    def window(self, values: list[list[float]], stream: Stream, id: str | None) -> tuple[np.ndarray, Stream]:
        """Many rows of one stream at once: faster, and equal but for rounding.

        Args:
            values: (T, D), as `admit` returns them.
            stream: where it stands.
            id: of the stream.

        Returns:
            (T, Y) predictions, and where the stream stands after them.
        """
        y, state = self._module(torch.tensor([values], dtype=self._row.dtype), stream.state, *self.series_of(id))
        return y.numpy()[0], stream._replace(state=held(state))

    def admit(self, values: list[float], before: Stream, time: Time | None) -> tuple[list[float], Stream]:
        """A row as the model reads it.

        Args:
            values: (D,), NaN where missing.
            before: where the stream stands.
            time: of the row.

        Returns:
            (D,) finite values, and the stream with its state still before the row.

        Raises:
            BadRow: time does not go forward, or a value is missing and must not.
        """
        step, earlier = before.step, before.time
        if time is not None and earlier is not None:
            self.clock.check(time, earlier)
            if self.clock.jumps(time, earlier):
                before = FRESH
            elif time > earlier:
                step = time - earlier
        last = None
        if not sum(map(abs, values)) <= LARGEST:
            values, last = self._completed(values, before.last)
        elif self.missing == "ffill":
            last = tuple(values)
        return values, Stream(before.state, last, time, before.read + 1, step)

    def _completed(
        self, values: list[float], before: tuple[float, ...] | None
    ) -> tuple[list[float], tuple[float, ...] | None]:
        known = [value if abs(value) <= LARGEST else math.nan for value in values]
        if self.missing == "error" and any(map(math.isnan, known)):
            name = self.input_names[list(map(math.isnan, known)).index(True)]
            raise BadRow(
                f"{name}: the cell is missing or infinite; datamodule.missing=mask reads the mean instead, "
                f"datamodule.missing=ffill the last value"
            )
        last = None
        if self.missing == "ffill":
            known = [old if math.isnan(new) else new for new, old in zip(known, before or known, strict=True)]
            last = tuple(known)
        return [mean if math.isnan(value) else value for value, mean in zip(known, self._mean, strict=True)], last


def held(state: State) -> State:
    """A copy of a state that holds on to nothing else in memory and lies there as one that is read from a file."""
    return tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in state)
