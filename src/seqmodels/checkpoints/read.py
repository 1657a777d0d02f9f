"""Reading checkpoints: the newest that is whole, the one that is asked for, and weights for a model."""

import logging
from pathlib import Path

import torch
from torch import nn

from seqmodels.checkpoints.contents import complaint
from seqmodels.checkpoints.io import Saved, read
from seqmodels.checkpoints.places import place_of
from seqmodels.system.process import is_first_process

log = logging.getLogger(__name__)


def newest(folder: Path) -> Saved | None:
    """The last checkpoint of a run, or the one before if that is damaged; None when there was none yet.

    Raises:
        ValueError: there are checkpoints, but none can be read.
    """
    places = [place_of(folder, "last"), place_of(folder, "previous")]
    reasons = []
    for path in places:
        if not path.exists():
            continue
        try:
            saved = Saved(path, read(path))
            if reason := complaint(saved.contents):
                raise ValueError(f"{path} cannot be read: {reason}")
        except ValueError as error:
            reasons.append(str(error))
            continue
        for reason in reasons if is_first_process() else []:
            log.warning("%s; going on from %s, step %s", reason, path, saved.contents.get("global_step"))
        return saved
    if reasons:
        raise ValueError(
            f"{'; '.join(reasons)}. The run cannot go on and was left as it is; init_from={folder} begins a new one "
            f"with the weights of its best.ckpt, if there is one"
        )
    return None


def load_weights(module: nn.Module, source: str) -> Path:
    """Begin with trained weights: of a checkpoint, or of a run's folder, its best ones before its last.

    Returns:
        The file that was read.

    Raises:
        FileNotFoundError: there is no such file, or the run has no checkpoint.
        ValueError: it cannot be read, or its weights do not fit; the message names them.
    """
    path = Path(source)
    if path.is_dir():
        places = [place_of(path, "best"), place_of(path, "last"), place_of(path, "previous")]
        path = next((place for place in places if place.exists()), path)
    if not path.is_file():
        raise FileNotFoundError(f"init_from={source} is neither a checkpoint nor the folder of a run that has one")
    fit_weights(module, read(path)["state_dict"], f"init_from={source}: the weights in {path.name}")
    return path


def chosen(folder: Path, checkpoint: str | None = None) -> Saved:
    """The checkpoint of a run that is asked for.

    Args:
        folder: of the run.
        checkpoint: "best", "last" (or the one before, if that is damaged), the path of another; None means the best
            one where the run has one, else the last.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it cannot be read.
    """
    best = place_of(folder, "best")
    if checkpoint == "last" or (checkpoint is None and not best.exists()):
        saved = newest(folder)
        if saved is None:
            raise FileNotFoundError(f"{folder} holds no checkpoint; let the run reach its first one")
        return saved
    path = best if checkpoint in (None, "best") else Path(checkpoint).expanduser()
    if not path.is_file():
        kept = ", ".join(sorted(file.name for file in best.parent.glob("*.ckpt"))) or "none"
        raise FileNotFoundError(
            f"checkpoint={checkpoint}: there is no {path}; choose best, last or the path of a checkpoint (the run has "
            f"{kept})"
        )
    try:
        return Saved(path, read(path))
    except ValueError as error:
        raise ValueError(f"{error}; checkpoint=last takes the newest one that is whole") from error


def fit_weights(module: nn.Module, theirs: dict[str, torch.Tensor], origin: str) -> None:
    """Give a module weights that fit it.

    Args:
        module: takes them.
        theirs: its state dict.
        origin: what the message of an error begins with.

    Raises:
        ValueError: they do not fit; the message names them.
    """
    ours = module.state_dict()
    complaints = [f"{name} is missing" for name in ours.keys() - theirs.keys()]
    complaints += [f"{name} is not of this model" for name in theirs.keys() - ours.keys()]
    complaints += [
        f"{name} is {_shape(theirs[name])} there and {_shape(ours[name])} here"
        for name in ours.keys() & theirs.keys()
        if theirs[name].shape != ours[name].shape
    ]
    if complaints:
        raise ValueError(
            f"{origin} do not fit this model: {'; '.join(sorted(complaints))}. "
            f"Give it the same core and sizes as the run that they come from"
        )
    module.load_state_dict(theirs)


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
