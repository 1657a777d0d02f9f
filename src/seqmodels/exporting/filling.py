"""What a graph reads where an input is missing, so that it reads what the run reads."""

import torch
from torch import Tensor

from seqmodels.loading import LoadedRun


def fill_of(loaded: LoadedRun) -> Tensor | None:
    """(D,) the mean of the training data, or one number for all, in physical units.

    None where the run does not read the mean: with `error`, and with `ffill`, which would need one more state.
    """
    module = loaded.module
    if "mask" not in (loaded.cfg.datamodule.get("missing"), getattr(module, "nan_input", None)):
        return None
    learned = getattr(loaded.datamodule, "learned", None)
    mean = getattr(learned, "input_mean", getattr(learned, "mean", None))
    return module.input_mean.clone() if mean is None else torch.tensor(mean, dtype=module.input_mean.dtype)
