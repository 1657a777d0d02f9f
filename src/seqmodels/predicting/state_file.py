"""The state of streams in a file: where a prediction ended, and where the next one goes on.

It holds tensors and plain values, and loads with `torch.load(path, weights_only=True)`.
"""

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seqmodels.cores.base import State
from seqmodels.exceptions import first_line
from seqmodels.predicting.predictor import Predictor, Stream

KIND = "state of seqmodels streams, 1"


def fingerprint(module: nn.Module) -> str:
    """Of the weights and statistics, to the last bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class StateFile:
    """Takes a predictor's streams to a file and back.

    Attributes:
        rows: consumed before those of now.
    """

    def __init__(self, path: Path, predictor: Predictor, module: nn.Module, id: str | None) -> None:
        """
        Args:
            path: of the file, which need not exist.
            predictor: whose streams it holds.
            module: that the states belong to.
            id: the column that tells streams apart.

        Raises:
            OSError: its folder does not exist.
        """
        if not path.parent.is_dir():
            raise FileNotFoundError(f"state={path}: there is no folder {path.parent}; make it, or choose another")
        self.path, self.predictor, self.id = path, predictor, id
        self.rows = 0
        self._model = fingerprint(module)

    def load(self) -> None:
        """Let the predictor's streams stand where the file says; without one they are fresh.

        Raises:
            ValueError: the file cannot be read, or belongs to another model or to streams told apart otherwise.
        """
        if not self.path.exists():
            return
        saved = _read(self.path)
        if saved["model"] != self._model:
            raise ValueError(
                f"state={self.path} was left by other weights than these; give another file, or the run and checkpoint "
                f"that left it"
            )
        if saved["id"] != self.id:
            raise ValueError(
                f"state={self.path} holds {_told_apart(saved['id'])}, but this input has {_told_apart(self.id)}; "
                f"id=COLUMN says what tells streams apart"
            )
        self.predictor.clock.dates = saved["dates"]
        lasts = [None if row is None else tuple(row) for row in saved["last"]]
        states = _split(saved["state"], len(saved["ids"]))
        streams = map(Stream, states, lasts, saved["times"])
        self.predictor.streams = dict(zip(saved["ids"], streams, strict=True))
        self.rows = saved["rows"]

    def save(self, rows: int) -> None:
        """Write the file in one step; what it was before stays until then.

        Args:
            rows: consumed since it was loaded.

        Raises:
            OSError: it cannot be written.
        """
        streams = self.predictor.streams
        parts = zip(*(stream.state for stream in streams.values() if stream.state is not None), strict=True)
        contents = {
            "kind": KIND,
            "model": self._model,
            "rows": self.rows + rows,
            "id": self.id,
            "ids": list(streams),
            "state": [torch.cat(part) for part in parts],
            "last": [None if stream.last is None else list(stream.last) for stream in streams.values()],
            "times": [stream.time for stream in streams.values()],
            "dates": self.predictor.clock.dates,
        }
        unfinished = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                torch.save(contents, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except (OSError, RuntimeError) as error:  # torch's writer hides the system's error in a RuntimeError
            raise OSError(f"state={self.path} cannot be written and is as it was before: {error}") from error
        finally:
            unfinished.unlink(missing_ok=True)


def _told_apart(id: str | None) -> str:
    return "one stream without an id" if id is None else f"streams told apart by the column {id!r}"


def _split(state: list[torch.Tensor], streams: int) -> list[State]:
    """Of all streams together to that of each, in memory of its own."""
    return [tuple(tensor[row : row + 1].clone() for tensor in state) for row in range(streams)]


def _read(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch does not look at the checksums
        if damaged:
            raise ValueError(f"{damaged} in it is damaged")
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(saved, dict) or saved.get("kind") != KIND:
            raise ValueError("no prediction left it")
    except Exception as error:  # whatever a damaged or hostile file makes the readers raise
        raise ValueError(
            f"state={path} cannot be read ({first_line(error)}) and is left as it is; "
            f"give another file, or one that does not exist yet to begin anew"
        ) from error
    return saved
