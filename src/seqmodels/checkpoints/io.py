"""The file of a checkpoint: written whole or not at all, and read without executing anything."""

import os
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from seqmodels.checkpoints.contents import are_weights
from seqmodels.config.migrate import migrated_checkpoint
from seqmodels.exceptions import first_line
from seqmodels.system.files import flush, whole
from seqmodels.system.untrusted import open_regular


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
        with whole(target) as unfinished:
            write_tensors({**checkpoint, "config": self.config}, unfinished)
            if target.name == "last.ckpt" and target.exists():
                target.replace(target.with_name("previous.ckpt"))

    def load_checkpoint(self, path: str | os.PathLike, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Tensors and plain values only, on the CPU."""
        return migrated_checkpoint(torch.load(path, map_location="cpu", weights_only=True))


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
        contents = read_tensors(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(contents, dict) or "state_dict" not in contents:
        raise ValueError(f"{path} cannot be read: it holds no weights (state_dict), so it is no checkpoint of a run")
    if not are_weights(contents["state_dict"]):
        raise ValueError(f"{path} cannot be read: what it holds as weights (state_dict) is damaged")
    return migrated_checkpoint(contents)


def write_tensors(contents: dict[str, Any], path: Path) -> None:
    """Tensors and plain values to a file that a loss of power leaves whole.

    Raises:
        OSError: it cannot be written.
    """
    try:
        with path.open("wb") as file:
            torch.save(contents, file)
            flush(file)
    except RuntimeError as error:  # behind which torch hides that the disk is full, for instance
        failure: BaseException | None = error
        while failure is not None and not isinstance(failure, OSError):
            failure = failure.__context__
        if failure is None:
            raise
        raise failure from None


def read_tensors(path: Path) -> Any:
    """What such a file holds, on the CPU; nothing in it is executed.

    Raises:
        ValueError: it is missing, damaged, or holds something else; the message says what, not where.
    """
    try:
        with open_regular(path) as file:
            with zipfile.ZipFile(file) as archive:
                if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                    raise ValueError("it is compressed, which torch.save never does, and could be of any size")
                damaged = archive.testzip()  # torch does not look at the checksums
            if damaged:
                raise ValueError(f"{damaged} in it is damaged")
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True)
    except zipfile.BadZipFile as error:
        raise ValueError("it is cut short, damaged or of another kind") from error
    except pickle.UnpicklingError as error:  # torch's own words say how to run what is in it
        raise ValueError("it holds more than tensors and plain values, so nothing in it was loaded") from error
    except Exception as error:  # whatever a damaged or hostile file makes the readers raise
        raise ValueError(first_line(error)) from error
