"""Predict streams: rows in, predictions out, the state of each stream carried from row to row.

A stream's state is committed when its prediction has been written, and signals wait for both. So wherever it is
stopped, going on with the row behind the last prediction gives what one run over all rows gives, bit for bit.
"""

import gc
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import numpy as np

from seqmodels.cli.arguments import Arguments
from seqmodels.predicting.chunks import Chunks
from seqmodels.predicting.latency import Latency
from seqmodels.predicting.notes import Notes
from seqmodels.predicting.output import Encoder, Output
from seqmodels.predicting.places import output_format
from seqmodels.predicting.predictor import Predictor, Stream
from seqmodels.predicting.rows import columns
from seqmodels.predicting.rows.columns import Columns
from seqmodels.predicting.rows.errors import BadRow, RowErrors
from seqmodels.predicting.rows.reader import Reader, Row, Source
from seqmodels.predicting.rows.source import opened
from seqmodels.predicting.state_file import StateFile, locked
from seqmodels.predicting.stopping import Stopping
from seqmodels.system.terminal import say


def predict_streams(run: Any, given: Arguments) -> None:
    """
    Args:
        run: a `LoadedRun` of a regressor, or a `Runtime`.
        given: the arguments of `predict`.

    Raises:
        ValueError, OSError: the input does not allow it; the message says what to change. What was predicted before
            stays, and so does its state.
        Stopped: a signal came.
    """
    predictor = Predictor(run)
    runtime, cfg = predictor.runtime, predictor.runtime.data
    runtime.use_threads(given["threads"] or 1)
    wanted = columns.find(runtime, cfg, given["id"], given["keep"])
    errors = RowErrors("standard input" if given["input"] == "-" else given["input"], given["errors"] == "skip")
    with (
        locked(given["state"]),
        Stopping() as stopping,
        runtime.evaluating(),
        opened(given, predictor.marks, errors, stopping) as source,
    ):
        found = _found(wanted, source, given, predictor, errors.name)
        if not given["quiet"]:
            _say_what_differs(wanted, found, cfg)
        state = StateFile(given["state"], predictor, found.id) if given["state"] else None
        if state:
            state.load()
        warmup = runtime.warmup if given["warmup"] is None else given["warmup"]
        notes = Notes(predictor.clock, found.time, cfg.get("horizon") or 0, warmup)
        encoder = Encoder(output_format(given), [*found.shown, *notes.names], found.predictions)
        with closing(Output(given["output"], given["overwrite"], stopping)) as output:
            output.write(encoder.header)
            prediction = _Prediction(predictor, notes, encoder, output, errors, stopping)
            rows = Reader(found, predictor.marks, predictor.clock).rows(source, errors)
            try:
                prediction.run(rows, given["chunk"])
            finally:
                if state:
                    state.save(prediction.latency.rows + errors.skipped)
                if not given["quiet"]:
                    _say(_summary(prediction.latency, len(predictor.streams), errors.skipped, given["chunk"]))
                    if notes.cold:
                        _say(
                            f"note: {_counted(notes.cold, 'prediction')} of streams that were cold, with at most "
                            f"{notes.warmup} rows read (warm=false)"
                        )


class _Prediction:
    """From rows to written predictions."""

    def __init__(
        self,
        predictor: Predictor,
        notes: Notes,
        encoder: Encoder,
        output: Output,
        errors: RowErrors,
        stopping: Stopping,
    ) -> None:
        self.predictor, self.notes, self.encoder, self.output = predictor, notes, encoder, output
        self.errors, self.stopping = errors, stopping
        self.latency = Latency()

    def run(self, rows: Iterable[Row], chunk: int) -> None:
        gc.freeze()  # what is loaded by now stays, and looking through it takes longer than hundreds of rows
        try:
            if chunk == 1:
                self._one_by_one(rows)
            else:
                Chunks(self.predictor, chunk, self.errors, self._emit, self._one_by_one).run(rows)
        finally:
            gc.unfreeze()

    def _one_by_one(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.stopping.check()
            try:
                prediction, stream = self.predictor.look(row.values, row.id, row.time)
            except BadRow as error:
                self.errors.report(row.number, error)
                continue
            self.output.write(self.encoder.row((*row.shown, *self.notes.of(stream)), prediction))
            self.predictor.streams[row.id] = stream
            self.latency.add(row.arrived)

    def _emit(
        self,
        rows: list[Row],
        behind: list[Stream],
        predictions: list[np.ndarray],
        streams: dict[str | None, Stream],
    ) -> None:
        self.stopping.check()
        cells = [(*row.shown, *self.notes.of(stream)) for row, stream in zip(rows, behind, strict=True)]
        self.output.write("".join(map(self.encoder.row, cells, predictions)))
        self.predictor.streams |= streams
        self.latency.add(rows[0].arrived, len(rows))


def _found(wanted: Columns, source: Source, given: Arguments, predictor: Predictor, name: str) -> Columns:
    """The columns of the input; JSON lines that may leave values out may do so in the first line already."""
    if source.sparse and not source.names:  # no line at all
        return wanted
    here = [name for name in wanted.inputs if name in source.names]
    inputs = here if here and source.sparse and predictor.missing != "error" else wanted.inputs
    needed = [*inputs, *([given["id"]] if given["id"] else []), *given["keep"]]
    if wanted.time is not None and predictor.runtime.dt_step is not None:
        needed.append(wanted.time)
    return columns.fit(wanted, source.names, name, needed, predictor.marks.delimiter)


def _say_what_differs(wanted: Columns, found: Columns, cfg: Mapping[Any, Any]) -> None:
    if wanted.id != found.id:
        _say(f"note: there is no column {wanted.id!r}, so all rows are one stream; id=COLUMN names another")
    if found.time and cfg.get("gaps") == "reset" and cfg.get("time_step") is None:
        _say("note: gaps in time are read over; datamodule.time_step= tells where streams begin anew")


def _summary(latency: Latency, streams: int, skipped: int, chunk: int) -> str:
    text = f"{_counted(latency.rows, 'row')}, {_counted(streams, 'stream')}"
    if latency.rows:
        text += f", {latency.rows_per_second:,.0f} rows a second"
    if latency.rows and chunk == 1:
        median, slow = (latency.quantile(share) * 1e3 for share in (0.5, 0.99))
        text += f"; a row takes {median:.3g} ms (median), {slow:.3g} ms (99 %)"
    return text + (f"; {_counted(skipped, 'malformed row')} skipped" if skipped else "")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _say(text: str) -> None:
    say(text, file=sys.stderr)
