"""A run's own module at work, by torch."""

import hashlib
import zipfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqmodels.checkpoints.io import read_tensors, write_tensors
from seqmodels.predicting.rows.errors import BadRow
from seqmodels.predicting.runtime import Runtime, State
from seqmodels.runs.exported import STATE_CONTENTS
from seqmodels.runs.load import LoadedRun, dt_step_of
from seqmodels.tables.formats import Marks


class TorchRuntime(Runtime):
    """See `Runtime`."""

    array = torch.Tensor

    def __init__(self, run: LoadedRun) -> None:
        """
        Raises:
            ValueError: the run predicts classes.
        """
        module, self.data = run.module, run.cfg.datamodule
        if module.task != "regression":
            raise ValueError(
                f"{run.folder} does {module.task}; only a regressor predicts streams step by step. In Python "
                f"load_run(...).module(x) gives the logits for x (B, T, {module.core.input_size})"
            )
        self.input_names, self.target_names = list(run.datamodule.input_names), list(run.datamodule.target_names)
        self.marks = getattr(run.datamodule, "marks", Marks())
        self.missing = self.data.get("missing", getattr(module, "nan_input", "error"))
        self.mean = run.input_mean.expand(len(self.input_names)).tolist()
        self.dt_step = dt_step_of(run)
        self.warmup = self.data.get("warmup") or run.cfg.module.get("burn_in") or 0
        self._module = module
        self._dtype = module.head.weight.dtype
        self._row = torch.zeros(1, 1, len(self.input_names))  # float32, as a training reads its data
        self._cells = self._row.numpy()[0, 0]
        known = run.datamodule.series if module.input_mean.dim() == 2 else None
        self._series = known and {name: torch.tensor([number]) for number, name in enumerate(known.names)}

    def use_threads(self, number: int) -> None:
        torch.set_num_threads(number)

    def evaluating(self) -> AbstractContextManager[Any]:
        return torch.inference_mode()

    def initial_state(self) -> State:
        state: State = self._module.core.initial_state(1, dtype=self._dtype)
        return state

    def check_id(self, id: str | None) -> None:
        """A model that reads each series by its own statistics must know them."""
        if self._series is not None and id not in self._series:
            raise BadRow(
                f"datamodule.normalize=per_series: the training has no series {id!r} to know its scale from; the id of "
                f"a stream must be one of {', '.join(list(self._series)[:5])}{', ...' * (len(self._series) > 5)}"
            )

    def step(
        self, values: list[float], state: State | None, id: str | None, dt: float = 1.0
    ) -> tuple[np.ndarray, State]:
        self._cells[:] = values
        # A copy, since the state of a core may hold on to its input.
        y, after = self._call(self._row.to(self._dtype, copy=True), state, id, [dt])
        return y.numpy()[0, 0], held(after)

    def window(
        self, values: list[list[float]], state: State | None, id: str | None, dt: Sequence[float] = ()
    ) -> tuple[np.ndarray, State]:
        y, after = self._call(torch.tensor([values], dtype=self._row.dtype).to(self._dtype), state, id, dt)
        return y.numpy()[0], held(after)

    def _call(self, x: torch.Tensor, state: State | None, id: str | None, dt: Sequence[float]) -> Any:
        if self._series is None and self.dt_step is None:
            return self._module(x, state)
        self.check_id(id)
        series = None if self._series is None else self._series[id]
        times = None if self.dt_step is None else torch.tensor([dt], dtype=self._row.dtype)  # as a training reads them
        return self._module(x, state, series, dt=times)

    def fingerprint(self) -> str:
        return fingerprint(self._module)

    def joined(self, states: Sequence[State]) -> list[Any]:
        return [torch.cat(part) for part in zip(*states, strict=True)]

    def split(self, state: Sequence[Any], streams: int) -> list[State]:
        return [tuple(tensor[row : row + 1].clone() for tensor in state) for row in range(streams)]

    def write(self, contents: dict[str, Any], path: Path) -> None:
        write_tensors(contents, path)

    def read(self, path: Path) -> Any:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if f"{STATE_CONTENTS}.npy" in archive.namelist():
                    raise ValueError("runtime=onnx left it, whose states are its own; go on with runtime=onnx")
        return read_tensors(path)


def held(state: State) -> State:
    """A copy of a state that holds on to nothing else in memory and lies there as one that is read from a file."""
    return tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in state)


def fingerprint(module: nn.Module) -> str:
    """Of the weights and statistics, to the last bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
