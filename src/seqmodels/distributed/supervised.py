"""A run of several processes on one machine as its own process sees it: launched, worked at, shut down."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from omegaconf import DictConfig, OmegaConf

from seqmodels.checkpoints.io import Saved
from seqmodels.distributed.launcher import PATIENCE, STOPPED, Launcher, RankLost
from seqmodels.exceptions import Interrupted, Pruned


def use_supervised_launcher(trainer: pl.Trainer) -> None:
    """Give our launcher to a trainer that would repeat the command in every rank."""
    launcher = trainer.strategy.launcher
    if type(launcher) is _SubprocessScriptLauncher:
        trainer.strategy._launcher = Launcher(launcher.cluster_environment, launcher.num_processes, launcher.num_nodes)


@contextmanager
def supervised(trainer: pl.Trainer, cfg: DictConfig, folder: Path, checkpoint: Saved | None) -> Iterator[None]:
    """Around the work of a run: the further ranks do the same, and a failure in one ends them all.

    Raises:
        RankLost: the work failed because another process died.
    """
    launcher = trainer.strategy.launcher
    if not isinstance(launcher, Launcher):
        yield
        return
    launcher.folder = folder
    launcher.task = hand_over(cfg, folder, checkpoint.path if checkpoint else None)
    try:
        yield
    except (Interrupted, Pruned):  # in all processes at the same step; they still add up their metrics
        raise
    except BaseException as error:
        lost = launcher.find_dead_rank(error)
        launcher.close(patience=0 if isinstance(error, RuntimeError) else 2, failed=True)
        if lost is None:
            raise
        if lost.code in STOPPED:
            raise KeyboardInterrupt from None
        raise RankLost(lost.message(folder)) from error


def shut_down_ranks(trainer: pl.Trainer) -> None:
    """After a run: wait for the other processes, and leave nothing of them to the next run."""
    if isinstance(trainer.strategy.launcher, Launcher):
        trainer.strategy.launcher.close(PATIENCE)


def hand_over(cfg: DictConfig, folder: Path, checkpoint: Path | None) -> str:
    """All that a further rank needs to know, as text for its standard input."""
    return json.dumps(
        {
            "config": OmegaConf.to_yaml(cfg, resolve=True),
            "folder": str(folder),
            "checkpoint": str(checkpoint) if checkpoint else None,
            "path": [place or str(Path.cwd()) for place in sys.path],  # where rank 0 found the user's own modules
        }
    )
