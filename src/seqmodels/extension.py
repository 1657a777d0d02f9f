"""A saved run made longer, or moved to other devices, by the words beside `resume=`."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from seqmodels.checkpoints import Saved
from seqmodels.composing import compose
from seqmodels.saved import DEVICES, parsed


def apply_words(cfg: DictConfig, words: Sequence[str]) -> None:
    """Change the config in place; of `trainer=...` only what concerns the devices."""
    for key, value in parsed(words):
        if key == "trainer":
            choice = compose([f"trainer={value}"]).trainer
            for name in DEVICES:
                cfg.trainer[name] = choice[name]
        elif key == "logger":
            cfg.logger = compose([f"logger={value}"]).logger
        elif key != "trust":
            OmegaConf.update(cfg, key, value)


def check_extension(cfg: DictConfig, folder: Path, checkpoint: Saved) -> None:
    """
    Raises:
        ValueError: the new end lies before the checkpoint, or the learning-rate schedule ends where the old one was.
    """
    if OmegaConf.select(cfg, "module.scheduler") is not None:
        raise ValueError(
            f"the learning-rate schedule of {folder} ({cfg.module.scheduler._target_}) was laid out for the length "
            f"that the run has and cannot be extended; init_from={folder} begins a new run with its weights"
        )
    reached = {
        "max_steps": checkpoint.contents["position"]["step"],
        "max_epochs": checkpoint.contents["position"]["epoch"],
    }
    for limit, done in reached.items():
        if cfg.trainer[limit] not in (None, -1) and cfg.trainer[limit] <= done:
            raise ValueError(
                f"trainer.{limit}={cfg.trainer[limit]} does not extend {folder}, which has reached {done}; "
                f"give more than that"
            )
