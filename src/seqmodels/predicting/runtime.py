"""What predicts a row: torch_runtime.py, the run itself, or onnx_runtime.py, its export, without torch."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from seqmodels.tables.formats import Marks

State = tuple[Any, ...]
"""Of one stream or of several, (B, ...) each: tensors of torch, or arrays of numpy."""


class Runtime(ABC):
    """A model that reads one row at a time, in physical units.

    Attributes:
        data: what the run's datamodule was told, as far as a prediction asks.
        input_names, target_names: (D,) and (Y,) columns.
        marks: how the run's files are written.
        missing: what a missing input means: error, mask or ffill.
        mean: (D,) what is read where an input is missing.
        dt_step: the time that a core which is told it counts as 1, dates in seconds; None where it is not told.
        warmup: rows until a stream is warm, unless the command says otherwise.
        array: the class of a state's parts.
    """

    data: Mapping[Any, Any]
    input_names: list[str]
    target_names: list[str]
    marks: Marks
    missing: str
    mean: list[float]
    dt_step: float | None
    warmup: int
    array: Any

    @abstractmethod
    def use_threads(self, number: int) -> None:
        """Of the CPU, from now on."""

    @abstractmethod
    def evaluating(self) -> AbstractContextManager[Any]:
        """Within it `step` and `window` are called."""

    @abstractmethod
    def initial_state(self) -> State:
        """Of one stream that begins."""

    @abstractmethod
    def check_id(self, id: str | None) -> None:
        """
        Raises:
            BadRow: the model cannot read a stream of this name.
        """

    @abstractmethod
    def step(
        self, values: list[float], state: State | None, id: str | None, dt: float = 1.0
    ) -> tuple[np.ndarray, State]:
        """
        Args:
            values: (D,) finite.
            state: before the row; None where the stream begins.
            id: of the stream.
            dt: the time since the row before, in steps, for a core that is told.

        Returns:
            (Y,) the prediction, and the state after the row, which holds on to nothing else in memory.
        """

    @abstractmethod
    def window(
        self, values: list[list[float]], state: State | None, id: str | None, dt: Sequence[float] = ()
    ) -> tuple[np.ndarray, State]:
        """The same for (T, D) values and (T,) times at once; (T, Y) predictions."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Of the weights and statistics, to the last bit."""

    @abstractmethod
    def joined(self, states: Sequence[State]) -> list[Any]:
        """The states of many streams as one, in their order."""

    @abstractmethod
    def split(self, state: Sequence[Any], streams: int) -> list[State]:
        """The other way round, each in memory of its own."""

    @abstractmethod
    def write(self, contents: dict[str, Any], path: Path) -> None:
        """Plain values, and under `state` a list of arrays, to a file that a loss of power leaves whole.

        Raises:
            OSError: it cannot be written.
        """

    @abstractmethod
    def read(self, path: Path) -> Any:
        """What `write` left.

        Raises:
            ValueError: it is damaged or holds something else; the message says what, not where.
        """
