"""A run, from Python: `train(compose(["+experiment=mnist_lstm", "seed=2"]))`, and `resume(folder)` to go on with it."""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig

from seqmodels.callbacks.figures.drawing import figures_wait
from seqmodels.callbacks.guards import stop_of
from seqmodels.checkpoints.io import Saved, read
from seqmodels.checkpoints.places import place_of
from seqmodels.checkpoints.read import load_weights, newest
from seqmodels.checkpoints.restoring import restored
from seqmodels.config.callbacks import settle
from seqmodels.config.compose import compose
from seqmodels.config.keys import SECTIONS, explained
from seqmodels.config.normalize import normalized
from seqmodels.config.overrides import key_of
from seqmodels.config.schema import check_config
from seqmodels.distributed.launcher import RankLost
from seqmodels.distributed.supervised import shut_down_ranks, supervised
from seqmodels.exceptions import MISTAKES, Interrupted, Pruned, is_full, one_stop, reason
from seqmodels.loggers.local import Rewindable
from seqmodels.runs.announce import log_results, log_start
from seqmodels.runs.build import Parts, build, check_mode
from seqmodels.runs.describe import hyperparameters, results
from seqmodels.runs.extend import LIMITS, apply_overrides, changes_beside, check_extension
from seqmodels.runs.folder import forget_refused, locked, new_folder
from seqmodels.runs.meant import check_meant
from seqmodels.runs.memory import memory_told
from seqmodels.runs.record import is_finished, mark_running, overrides_of, resumed_overrides, saved_config
from seqmodels.runs.results import Results
from seqmodels.runs.trust import check_outside, senders_said, trusted_config
from seqmodels.runs.weights import measured, of_weights
from seqmodels.system.files import named
from seqmodels.system.process import is_first_process
from seqmodels.system.signals import stoppable
from seqmodels.system.untrusted import refuse_links

__all__ = ["Parts", "Result", "build", "compose", "resume", "train"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What `train` returns.

    Attributes:
        folder: of the run.
        metrics: "val/acc", "test/acc" and so on, of the weights that were tested: see results.py.
        monitor: of the same weights the value of the config's `monitor`; None if it was not measured.
    """

    folder: Path
    metrics: dict[str, float]
    monitor: float | None


def train(
    cfg: DictConfig, folder: str | Path | None = None, overrides: Sequence[str] = (), keep_refused: bool = False
) -> Result:
    """Train, test, and leave everything about it in one folder.

    Args:
        cfg: from `compose`, or from Hydra's main.
        folder: of the run; None makes outputs/<name>/<date_time>.
        overrides: that led to `cfg`, for the record.
        keep_refused: whether a run that is refused before its first step leaves its folder too, as a sweep's job does.

    Raises:
        ValueError, OSError: the input does not allow the run; the message says what to change.
        Stopped: a signal, Ctrl-C for instance; the last step is saved.
        Pruned: the search that the run is a trial of has seen enough.
    """
    if cfg.get("resume"):
        raise ValueError(f"resume={cfg.resume} is for the command; from Python call seqmodels.runs.run.resume(folder)")
    settle(cfg)
    check_mode(cfg)
    folder = new_folder(cfg, folder, overrides)
    with locked(folder):
        try:
            return _attempt(cfg, folder, overrides)
        except MISTAKES as error:
            if is_first_process() and not keep_refused and not isinstance(error, RankLost):
                forget_refused(folder)
            raise


def resume(folder: str | Path, overrides: Sequence[str] = (), trust: Sequence[str] = ()) -> Result | None:
    """Go on with a run where its last checkpoint stands, in its folder and with its own config.

    Args:
        folder: of the run.
        overrides: such as "trainer.max_steps=4000" that extend the run or move it to other devices.
        trust: full names of classes beside the known ones that the run's config may name, "mypackage.MyCore".

    Returns:
        As `train`; None when the run is finished and nothing extends it.

    Raises:
        As `train`, and ValueError for an override that would change the experiment, for a config that names what is
        not a part of a run, and when no checkpoint can be read.
    """
    folder = Path(folder).absolute()
    refuse_links(folder)
    cfg = saved_config(folder)
    changes = changes_beside(folder, normalized(overrides))
    apply_overrides(cfg, [*resumed_overrides(folder), *changes])
    said = [key_of(override) for override in overrides]
    cfg = trusted_config(cfg, folder, [*trust, *senders_said(overrides)], said)
    check_outside(cfg, said)
    check_config(cfg)
    extends = any(key_of(change) in LIMITS for change in changes)
    if is_finished(folder) and not extends:
        return None
    with locked(folder):
        checkpoint = newest(folder)
        if extends and checkpoint:
            check_extension(cfg, folder, checkpoint)
        if checkpoint is None and is_first_process():
            log.warning("%s holds no checkpoint yet, so the run starts at step 0", folder)
        return _attempt(cfg, folder, overrides_of(folder), checkpoint, changes)


def take_part(cfg: DictConfig, folder: Path, checkpoint: str | None) -> None:
    """Train and test as a further rank of a run on several devices: see rank.py."""
    _attempt(cfg, folder, (), Saved(Path(checkpoint), read(Path(checkpoint))) if checkpoint else None)


def _attempt(
    cfg: DictConfig, folder: Path, overrides: Sequence[str], checkpoint: Saved | None = None, beside: Sequence[str] = ()
) -> Result:
    """Build, train and test; `checkpoint` is where a resumed run goes on, `beside` what was said to it."""
    started = time.monotonic()
    parts: Parts | None = None
    metrics: dict[str, float] = {}
    status, error = "failed", None
    ended: Results | None = None
    with one_stop(str(folder)), ExitStack() as at_end:
        try:
            with stoppable(), memory_told(cfg):  # for as long as there is nothing to save
                built = build(cfg, folder)
                if checkpoint is None:
                    check_meant(built.datamodule, built.module, built.trainer)
                parts = built
            if checkpoint is not None:  # where only the test is left, no training step measures them again
                metrics |= of_weights(cfg, parts.module, checkpoint.contents["metrics"])
            at_end.enter_context(stop_of(parts.trainer).listening())
            draw = at_end.enter_context(figures_wait(parts.trainer))
            if is_first_process():
                mark_running(folder, beside)
            work_of_all_ranks = supervised(parts.trainer, cfg, folder, checkpoint)
            with named(folder), memory_told(cfg), work_of_all_ranks, explained(cfg, *SECTIONS):
                _fit_and_test(cfg, folder, parts, metrics, checkpoint)
            status = "completed"
        except Pruned:
            status = "pruned"
            raise
        except (Interrupted, KeyboardInterrupt, SystemExit):
            status = "interrupted"
            raise
        except MisconfigurationException as misconfiguration:
            error = reason(misconfiguration)
            raise ValueError(str(misconfiguration)) from misconfiguration
        except Exception as failure:
            status, error = "interrupted" if is_full(failure) else "failed", reason(failure)
            raise
        finally:
            if parts is not None:
                metrics |= measured(cfg, parts.trainer)
                shut_down_ranks(parts.trainer)
            if is_first_process() and (parts is not None or checkpoint is None):
                seconds = time.monotonic() - started
                ended = results(cfg, parts, status, metrics, [*overrides, *beside], seconds, error)
                with suppress(*() if status == "completed" else (OSError,)):  # what ended it is to be said
                    ended.write(folder)
        draw()
        for logger in parts.trainer.loggers:
            logger.log_hyperparams(hyperparameters(cfg, parts.datamodule), metrics)
            logger.finalize("success")
        if parts.trainer.is_global_zero and ended:
            log_results(parts.datamodule, ended, folder)
        stop_of(parts.trainer).check_alone()
    return Result(folder, metrics, metrics.get(cfg.monitor))


def _fit_and_test(
    cfg: DictConfig, folder: Path, parts: Parts, metrics: dict[str, float], checkpoint: Saved | None
) -> None:
    datamodule, module, trainer = parts.datamodule, parts.module, parts.trainer
    begin = _begin(cfg, parts, checkpoint)
    if trainer.is_global_zero:
        log_start(cfg, parts, folder, begin)
    with restored(trainer, checkpoint):
        trainer.fit(module, datamodule=datamodule, ckpt_path=checkpoint.path if checkpoint else None, weights_only=True)
    metrics |= measured(cfg, trainer)
    stop_of(trainer).check(trainer)  # the last step is saved; a resume will test
    if cfg.test:
        best = place_of(Path(trainer.strategy.broadcast(str(folder))), "best")  # of rank 0, who writes
        if cfg.test == "best" and best.exists():
            module.load_state_dict(read(best)["state_dict"])
        trainer.test(module, datamodule=datamodule, verbose=False)
        metrics |= measured(cfg, trainer)
    if cfg.monitor not in metrics:
        log.warning("monitor=%s was not measured; there is: %s", cfg.monitor, ", ".join(metrics) or "nothing")


def _begin(cfg: DictConfig, parts: Parts, checkpoint: Saved | None) -> str | None:
    """Loggers and weights as the first step needs them; says where training begins, None for nowhere in particular."""
    step = checkpoint.contents["position"]["step"] if checkpoint else 0
    for logger in parts.trainer.loggers:
        if isinstance(logger, Rewindable):
            logger.rewind(step)
        logger.log_hyperparams(hyperparameters(cfg, parts.datamodule))
    if checkpoint:
        return f"step {step} ({checkpoint.path.name})"
    if cfg.get("init_from"):
        return f"the weights of {load_weights(parts.module, cfg.init_from)}"
    return None
