"""An exported run at work, by onnxruntime: `python -m seqmodels.export run=RUN` comes before; torch is not imported.

All that a prediction asks of a run stands in the file's own metadata, so the folder of an export is enough.
"""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from seqmodels.checkpoints.places import place_of
from seqmodels.cli.arguments import Arguments
from seqmodels.exceptions import first_line
from seqmodels.predicting import numpy_state
from seqmodels.predicting.runtime import Runtime, State
from seqmodels.runs.exported import ABOUT, FOLDER, INITIAL_STATE, STEP, WINDOW, hash_of
from seqmodels.runs.record import is_run
from seqmodels.tables.formats import Marks

FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}


class OnnxRuntime(Runtime):
    """See `Runtime`."""

    array = np.ndarray

    def __init__(self, given: Arguments) -> None:
        """
        Args:
            given: the arguments of `predict`; `run` is the folder of a run with its export, or that of an export.

        Raises:
            ValueError, OSError: there is no such export, it is of other weights, or it does not predict streams.
        """
        if find_spec("onnxruntime") is None:
            raise ValueError("runtime=onnx needs onnxruntime, not installed here; pip install onnxruntime")
        run = Path(given["run"]).expanduser().absolute()
        again = f"python -m seqmodels.export run={given['run']}"
        self._folder = run / FOLDER if is_run(run) else run
        if given.overrides:
            raise ValueError(
                f"{given.overrides[0]} beside runtime=onnx: an exported file stays as it was exported; export anew "
                f"with it, {again} {' '.join(given.overrides)} overwrite=true, or use runtime=torch"
            )
        if not (self._folder / STEP).is_file():
            raise FileNotFoundError(f"runtime=onnx: there is no {self._folder / STEP}; make it with {again}")
        self._threads, self._again = given["threads"] or 1, again
        step = self._session(STEP)
        facts = _facts(step, again)
        if facts["task"] != "regression":
            raise ValueError(
                f"runtime=onnx predicts streams, and {given['run']} does {facts['task']}; use runtime=torch"
            )
        if is_run(run):
            _check_weights(run, given["checkpoint"], facts, again)
        self.data = facts["reads"]
        self.input_names, self.target_names = facts["input_names"], facts["target_names"]
        marks = self.data["marks"]
        self.marks = Marks(**marks | {"missing_values": tuple(marks["missing_values"])})
        self.missing, self.mean, self.warmup = (self.data[key] for key in ("missing", "input_mean", "warmup"))
        self.dt_step = self.data.get("dt_step")  # which exports of before do not say
        with np.load(self._folder / INITIAL_STATE) as begin:
            self._begin: State = tuple(begin[f"state_{number}"] for number in range(len(begin.files)))
        self._outputs = [output.name for output in step.get_outputs()]
        self._names = [f"state_{number}" for number in range(len(self._begin))]
        self._run: Any = step.run
        self._window: Any = self._session(WINDOW).run if given["chunk"] > 1 else None
        self._row = np.zeros((1, len(self.input_names)), FLOATS[step.get_inputs()[0].type])
        self._feed: dict[str, np.ndarray] = {"x": self._row}
        if self.dt_step is not None:
            self._feed["dt"] = np.ones(1, self._row.dtype)

    def _session(self, name: str) -> Any:
        import onnxruntime  # here, since not everybody has installed it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.log_severity_level = 3  # errors
        for pool in ("intra_op", "inter_op"):  # which would turn in circles until the next row
            options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
        path = self._folder / name
        if not path.is_file():
            raise FileNotFoundError(
                f"runtime=onnx: this export has no {name}, which chunk= needs; use chunk=1, or runtime=torch"
            )
        try:
            return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of classes of its own
            raise ValueError(
                f"{path} cannot be read: {first_line(error)}; make it anew with {self._again} overwrite=true"
            ) from error

    def use_threads(self, number: int) -> None:
        """A session keeps the number that it began with."""

    def evaluating(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def initial_state(self) -> State:
        return self._begin

    def check_id(self, id: str | None) -> None:
        """An export reads all streams alike."""

    def step(
        self, values: list[float], state: State | None, id: str | None, dt: float = 1.0
    ) -> tuple[np.ndarray, State]:
        self._row[0] = values
        if self.dt_step is not None:
            self._feed["dt"][0] = dt
        self._feed.update(zip(self._names, self._begin if state is None else state, strict=True))
        y, *after = self._run(self._outputs, self._feed)
        return y[0], tuple(after)

    def window(
        self, values: list[list[float]], state: State | None, id: str | None, dt: Sequence[float] = ()
    ) -> tuple[np.ndarray, State]:
        feed = {"x": np.asarray([values], self._row.dtype)}
        if self.dt_step is not None:
            feed["dt"] = np.asarray([dt], self._row.dtype)
        feed.update(zip(self._names, self._begin if state is None else state, strict=True))
        y, *after = self._window(self._outputs, feed)
        return y[0], tuple(after)

    def fingerprint(self) -> str:
        return hash_of(*sorted(self._folder.glob(f"{STEP}*")))

    def joined(self, states: Sequence[State]) -> list[Any]:
        return [np.concatenate(part) for part in zip(*states, strict=True)]

    def split(self, state: Sequence[Any], streams: int) -> list[State]:
        return [tuple(array[row : row + 1].copy() for array in state) for row in range(streams)]

    def write(self, contents: dict[str, Any], path: Path) -> None:
        numpy_state.write(contents, path)

    def read(self, path: Path) -> Any:
        return numpy_state.read(path)


def _facts(session: Any, again: str) -> dict[str, Any]:
    """What the file says of itself."""
    try:
        facts: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map[ABOUT])
        known = facts["task"] != "regression" or {"reads", "weights"} <= facts.keys()
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(
            f"runtime=onnx: an earlier version of seqmodels made this export, which does not say how rows are read; "
            f"make it anew with {again} overwrite=true"
        )
    return facts


def _check_weights(run: Path, checkpoint: str | None, facts: dict[str, Any], again: str) -> None:
    """
    Raises:
        ValueError, FileNotFoundError: the export is not of the weights that a prediction by torch would take. Where a
            run came without checkpoints there is nothing to compare.
    """
    best, last = place_of(run, "best"), place_of(run, "last")
    named = {"best": best, "last": last, None: best if best.exists() else last, "": best if best.exists() else last}
    path = named[checkpoint] if checkpoint in named else Path(str(checkpoint)).expanduser()
    if checkpoint and not path.is_file():
        raise FileNotFoundError(f"checkpoint={checkpoint}: there is no {path}")
    if path.is_file() and hash_of(path) != facts["weights"]:
        word = f" checkpoint={checkpoint}" if checkpoint else ""
        raise ValueError(
            f"runtime=onnx: the export was made of other weights ({facts['checkpoint']}) than {path} holds; make it "
            f"anew with {again}{word} overwrite=true"
        )
