"""The file of a checkpoint: written whole or not at all, and read without executing anything."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from seqmodels.config.migrate import migrated_checkpoint
from seqmodels.exceptions import first_line


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it to the disk, then renames: one sees all of it or the old one.

    Lightning's own writer goes through $TMPDIR, which may be another file system, where a rename is a copy that can be
    cut short. What `last.ckpt` held before is kept as `previous.ckpt`.
    """

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        """
        Args:
            config: of the run, plain values; put into every checkpoint.
        """
        super().__init__()
        self.config = config

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | os.PathLike, storage_options: Any = None) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                torch.save({**checkpoint, "config": self.config}, file)
                file.flush()
                os.fsync(file.fileno())
            if target.name == "last.ckpt" and target.exists():
                target.replace(target.with_name("previous.ckpt"))
            unfinished.replace(target)
        except RuntimeError as error:
            failure = _failure_to_write(error)
            if failure is None:
                raise
            raise OSError(
                failure.errno, f"{failure.strerror}; the checkpoint before it is whole", str(target)
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)

    def load_checkpoint(self, path: str | os.PathLike, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Tensors and plain values only, on the CPU."""
        return migrated_checkpoint(torch.load(path, map_location="cpu", weights_only=True))


def _failure_to_write(error: BaseException | None) -> OSError | None:
    """What torch.save hides behind its RuntimeError when, for instance, the disk is full."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read: where from, and its tensors and plain values."""

    path: Path
    contents: dict[str, Any]


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's tensors and plain values, on the CPU; nothing in the file is executed.

    Raises:
        ValueError: it is damaged, or it is no checkpoint; the message begins with its name.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch does not look at the checksums
        if damaged:
            raise ValueError(f"{damaged} in it is damaged")
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile file makes the readers raise
        raise ValueError(f"{path} cannot be read: {first_line(error)}") from error
    if not isinstance(contents, dict) or "state_dict" not in contents:
        raise ValueError(f"{path} cannot be read: it holds no weights (state_dict), so it is no checkpoint of a run")
    return migrated_checkpoint(contents)
