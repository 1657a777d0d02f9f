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

from seqmodels.datamodules.missing import LARGEST, what_is_missing
from seqmodels.predicting.rows.clock import Clock, Time
from seqmodels.predicting.rows.errors import BadRow
from seqmodels.predicting.runtime import Runtime, State


class Stream(NamedTuple):
    """Where a stream stands.

    Attributes:
        state: of the core; None before the first step.
        last: (D,) the last value of each input, NaN where there was none; None where nothing needs it.
        time: of the last step; None where it is not known.
        read: rows since it began.
        step: of its time, as far as it is known.
        dt: from the row before to the last one, in steps of the training, for a core that is told; no part of where the
            stream stands.
    """

    state: State | None = None
    last: tuple[float, ...] | None = None
    time: Time | None = None
    read: int = 0
    step: Time | None = None
    dt: float = 1.0


FRESH = Stream()


class Predictor:
    """Predicts in physical units, one row at a time.

    Attributes:
        streams: by id; None is the id of a stream without one.
        runtime: what computes.
        marks: how the run's files are written.
        clock: reads times.
        input_names, target_names: (D,) and (Y,) columns.
    """

    def __init__(self, run: Any) -> None:
        """
        Args:
            run: a `LoadedRun` of a regressor, or a `Runtime`. Its config says what a missing input means, as it did in
                training (`datamodule.missing`): `error`; `mask` reads the mean; `ffill` repeats the last value of the
                stream.

        Raises:
            ValueError: the run predicts classes.
        """
        self.runtime = run if isinstance(run, Runtime) else _torch(run)
        self.streams: dict[str | None, Stream] = {}
        self.input_names, self.target_names = self.runtime.input_names, self.runtime.target_names
        self.marks, self.missing = self.runtime.marks, self.runtime.missing
        self.clock = Clock(self.runtime.data, self.marks)

    def step(self, values: Sequence[float | None], id: str | None = None, time: Any = None) -> list[float]:
        """The prediction for a stream's next row; its state goes on.

        Args:
            values: (D,) inputs in physical units, None or NaN where missing.
            id: of the stream; one that has not been seen begins anew.
            time: a number, a datetime or a date in ISO 8601, which must go forward; None leaves it unchecked. A core
                that is told the time needs it.

        Returns:
            (Y,) targets in physical units, of `horizon` rows later if the run has one.

        Raises:
            ValueError: the row is not what the run reads; the stream is left as it was.
        """
        if len(values) != len(self.input_names):
            raise BadRow(f"{len(values)} values; expected {len(self.input_names)}: {', '.join(self.input_names)}")
        numbers = [math.nan if value is None else float(value) for value in values]
        with self.runtime.evaluating():
            prediction, self.streams[id] = self.look(numbers, id, None if time is None else self.clock.read(time))
        return prediction.tolist()

    def look(self, values: list[float], id: str | None, time: Time | None) -> tuple[np.ndarray, Stream]:
        """As `step`, but nothing goes on yet. Call it within `runtime.evaluating()`, which would cost 3 µs a row here.

        Returns:
            (Y,) the prediction, and where the stream stands after it.

        Raises:
            BadRow: the row is not what the run reads.
        """
        values, stream = self.admit(values, self.streams.get(id, FRESH), time)
        prediction, state = self.runtime.step(values, stream.state, id, stream.dt)
        if not all(map(math.isfinite, prediction.tolist())):
            raise BadRow(f"the prediction is {prediction.tolist()}; the inputs are far from what was trained on")
        return prediction, stream._replace(state=state)

    def window(
        self, values: list[list[float]], stream: Stream, id: str | None, dt: Sequence[float]
    ) -> tuple[np.ndarray, Stream]:
        """Many rows of one stream at once: faster, and equal but for rounding.

        Args:
            values: (T, D), as `admit` returns them.
            stream: where it stands.
            id: of the stream.
            dt: (T,) of its rows, as in `Stream`.

        Returns:
            (T, Y) predictions, and where the stream stands after them.
        """
        y, state = self.runtime.window(values, stream.state, id, dt)
        return y, stream._replace(state=state)

    def admit(self, values: list[float], before: Stream, time: Time | None) -> tuple[list[float], Stream]:
        """A row as the model reads it.

        Args:
            values: (D,), NaN where missing.
            before: where the stream stands.
            time: of the row.

        Returns:
            (D,) finite values, and the stream with its state still before the row.

        Raises:
            BadRow: time does not go forward, or it or a value is missing and must not.
        """
        step, earlier, dt = before.step, before.time, 1.0
        if time is not None and earlier is not None:
            self.clock.check(time, earlier)
            if self.clock.jumps(time, earlier):
                before = FRESH
            elif time > earlier:
                step = time - earlier
        if self.runtime.dt_step is not None:
            if time is None:
                raise BadRow("the time is missing, and the model reads how much has gone by since the row before")
            if earlier is not None:
                dt = self.clock.steps(time, earlier, self.runtime.dt_step)
        last = None
        if not sum(map(abs, values)) <= LARGEST:
            values, last = self._completed(values, before.last)
        elif self.missing == "ffill":
            last = tuple(values)
        return values, Stream(before.state, last, time, before.read + 1, step, dt)

    def _completed(
        self, values: list[float], before: tuple[float, ...] | None
    ) -> tuple[list[float], tuple[float, ...] | None]:
        known = [value if abs(value) <= LARGEST else math.nan for value in values]
        if self.missing == "error" and any(map(math.isnan, known)):
            place = list(map(math.isnan, known)).index(True)
            raise BadRow(
                f"{self.input_names[place]}: {what_is_missing(values[place])}; datamodule.missing=mask reads the mean "
                f"instead, datamodule.missing=ffill the last value"
            )
        last = None
        if self.missing == "ffill":
            known = [old if math.isnan(new) else new for new, old in zip(known, before or known, strict=True)]
            last = tuple(known)
        return [
            mean if math.isnan(value) else value for value, mean in zip(known, self.runtime.mean, strict=True)
        ], last


def _torch(run: Any) -> Runtime:
    from seqmodels.predicting.torch_runtime import TorchRuntime  # here, since runtime=onnx does without torch

    return TorchRuntime(run)
