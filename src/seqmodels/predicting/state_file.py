"""The state of streams in a file: where a prediction ended, and where the next one goes on.

It holds tensors and plain values, and loads with `torch.load(path, weights_only=True)`; of runtime=onnx it is a .npz.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import Timeout

from seqmodels.config.migrate import migrated_streams
from seqmodels.predicting.predictor import Predictor, Stream
from seqmodels.predicting.runtime import Runtime
from seqmodels.system.files import whole
from seqmodels.system.locks import lock_at, without_locks

KIND = "state of seqmodels streams, 1"


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """While a prediction goes on with a state file no other one does; the lock ends with the process.

    Raises:
        BlockingIOError: another prediction does.
    """
    if path is None:
        yield
        return
    lock = lock_at(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f"state={path} is in use by another prediction at this moment; wait for its end, or give each a file of "
            f"its own"
        ) from None
    except OSError as error:
        if not without_locks(error):
            raise
    try:
        yield
    finally:
        lock.release()


class StateFile:
    """Takes a predictor's streams to a file and back.

    Attributes:
        rows: consumed before those of now.
    """

    def __init__(self, path: Path, predictor: Predictor, id: str | None) -> None:
        """
        Args:
            path: of the file, which need not exist.
            predictor: whose streams it holds.
            id: the column that tells streams apart.

        """
        self.path, self.predictor, self.id = path, predictor, id
        self.rows = 0
        self._model = predictor.runtime.fingerprint()

    def load(self) -> None:
        """Let the predictor's streams stand where the file says; without one they are fresh.

        Raises:
            ValueError: the file cannot be read, or belongs to another model or to streams told apart otherwise.
        """
        if not self.path.exists():
            return
        saved = _read(self.path, self.predictor.runtime)
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
        streams = map(
            Stream,
            self.predictor.runtime.split(saved["state"], len(saved["ids"])),
            saved["last"],
            saved["times"],
            saved["read"],
            saved["steps"],
        )
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
        runtime = self.predictor.runtime
        contents = {
            "kind": KIND,
            "model": self._model,
            "rows": self.rows + rows,
            "id": self.id,
            "ids": list(streams),
            "state": runtime.joined([stream.state for stream in streams.values() if stream.state is not None]),
            "last": [None if stream.last is None else list(stream.last) for stream in streams.values()],
            "times": [stream.time for stream in streams.values()],
            "read": [stream.read for stream in streams.values()],
            "steps": [stream.step for stream in streams.values()],
            "dates": self.predictor.clock.dates,
        }
        try:
            with whole(self.path) as unfinished:
                runtime.write(contents, unfinished)
        except OSError as error:
            raise OSError(f"state={self.path} cannot be written and is as it was before: {error}") from error


def _told_apart(id: str | None) -> str:
    return "one stream without an id" if id is None else f"streams told apart by the column {id!r}"


def _read(path: Path, runtime: Runtime) -> dict[str, Any]:
    """What the file holds, looked at to the last value."""
    try:
        saved = runtime.read(path)
        if not isinstance(saved, dict) or saved.get("kind") != KIND:
            raise ValueError("no prediction left it")
        saved = migrated_streams(saved)
        _check(saved, runtime)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = f"its {error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(
            f"state={path} cannot be read ({reason}) and is left as it is; give another file, or one that does not "
            f"exist yet to begin anew"
        ) from error
    saved["last"] = [None if row is None else tuple(row) for row in saved["last"]]
    return saved


def _check(saved: dict[str, Any], runtime: Runtime) -> None:
    """
    Raises:
        ValueError, KeyError, TypeError: something in it is not what `save` leaves there.
    """
    ids, state, like = saved["ids"], saved["state"], runtime.initial_state()
    count = len(ids)
    right = {
        "model": isinstance(saved["model"], str),
        "id": saved["id"] is None or isinstance(saved["id"], str),
        "ids": isinstance(ids, list)
        and len(set(ids)) == count
        and all(isinstance(id, str) or id is None for id in ids),
        "rows": isinstance(saved["rows"], int) and saved["rows"] >= 0,
        "dates": saved["dates"] in (None, True, False),
        "times": len(saved["times"]) == count and all(_is_time(time) for time in saved["times"]),
        "steps": len(saved["steps"]) == count and all(_is_time(step) for step in saved["steps"]),
        "read": len(saved["read"]) == count and all(type(rows) is int and rows >= 0 for rows in saved["read"]),
        "last": len(saved["last"]) == count and all(row is None or _are_numbers(row) for row in saved["last"]),
        "state": (not count and not state)
        or (
            len(state) == len(like)
            and all(
                isinstance(one, runtime.array) and one.dtype == own.dtype and one.shape == (count, *own.shape[1:])
                for one, own in zip(state, like, strict=True)
            )
        ),
    }
    wrong = [key for key, holds in right.items() if not holds]
    if wrong:
        raise ValueError(f"what it holds as {wrong[0]} is damaged")


def _is_time(time: Any) -> bool:
    return time is None or (isinstance(time, int | float) and not isinstance(time, bool))


def _are_numbers(row: Any) -> bool:
    return isinstance(row, list | tuple) and all(isinstance(number, float) for number in row)
