"""What src leans on without a promise of its owner: an upgrade of Lightning, torch, Optuna or Hydra starts here.

Each entry is looked up in the installed version, and no private name that is not listed is used anywhere in src.
"""

import ast
import atexit
import importlib
import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import optuna
import pytest
import torch
from hydra.core.utils import JobReturn
from lightning.pytorch.callbacks import EarlyStopping, RichProgressBar
from lightning.pytorch.demos.boring_classes import BoringModel
from torch.utils.tensorboard import SummaryWriter

SRC = Path(__file__).parents[1] / "src"

# (path from a root below, the files of src that use it, what for)
PRIVATE = [
    ("trainer.fit_loop._should_accumulate", "checkpoints/callbacks.py callbacks/guards.py checkpoints/short_path.py",
     "no optimiser step has ended while gradients are accumulated, so nothing is saved or stopped there"),
    ("optimizer._accelerator_graph_capture_health_check", "checkpoints/short_path.py",
     "a look for GPUs at every step on the CPU; left as it is where torch has none of this name"),
    ("stopping._check_on_train_epoch_end", "runs/meant.py",
     "whether early stopping looks at the end of an epoch, where a metric of the training is there"),
    ("trainer.fit_loop._data_fetcher", "checkpoints/position.py",
     "what _should_check_val_fx wants to be given"),
    ("lightning.pytorch.loops.training_epoch_loop:_TrainingEpochLoop", "checkpoints/epoch_loop.py",
     "the loop that ours replaces: it validates and ends within a group of accumulated gradients"),
    ("lightning.pytorch.trainer.connectors.logger_connector.result:_ResultCollection",
     "checkpoints/step_results.py", "what steps log, which Lightning copies part by part at every log"),
    ("lightning.pytorch.trainer.connectors.logger_connector.result:_ResultMetric",
     "checkpoints/step_results.py", "one of these"),
    ("trainer.fit_loop.epoch_loop._should_check_val_fx", "checkpoints/position.py checkpoints/epoch_loop.py",
     "whether a validation follows the batch that has just been consumed"),
    ("trainer._val_check_time_interval", "checkpoints/epoch_loop.py",
     "whether validations come by the clock"),
    ("trainer.fit_loop._can_stop_early", "checkpoints/epoch_loop.py",
     "whether a stop that was asked for is granted"),
    ("trainer.fit_loop.epoch_loop._num_ready_batches_reached", "checkpoints/position.py checkpoints/short_path.py",
     "whether an epoch has ended, or was left half-way"),
    ("trainer.fit_loop.epoch_loop._restart_stage", "checkpoints/position.py",
     "a restart from any place, with the validation that was due"),
    ("trainer.fit_loop.epoch_loop.val_loop._restart_stage", "checkpoints/position.py",
     "the same in the validation"),
    ("trainer.fit_loop.epoch_loop._batches_that_stepped", "checkpoints/position.py",
     "the loggers' step, which a restart must neither lose nor count twice"),
    ("trainer._accelerator_connector.use_distributed_sampler", "datamodules/base.py",
     "whether Lightning is about to divide batches that the datamodule has divided"),
    ("trainer._signal_connector.register_signal_handlers", "runs/trainer.py",
     "Lightning's own answers to SIGTERM and SIGUSR1 are left out, since a run has its own"),
    ("trainer._logger_connector", "checkpoints/callbacks.py",
     "the row of metrics.csv that comes after the hook in which a run is left"),
    ("trainer._logger_connector._callback_metrics", "checkpoints/callbacks.py",
     "the last values of a resumed run, for callbacks that look at them before the first new one"),
    ("trainer._checkpoint_connector._loaded_checkpoint", "checkpoints/restoring.py",
     "whether Lightning is still giving the parts of a checkpoint to those who saved them"),
    ("trainer.strategy._launcher", "distributed/supervised.py",
     "the launcher that Lightning would use is replaced by ours"),
    ("lightning.pytorch.strategies.launchers.subprocess_script:_SubprocessScriptLauncher",
     "distributed/launcher.py distributed/supervised.py",
     "the launcher that ours looks after: Lightning's kills the main process when a rank dies"),
    ("lightning.fabric.utilities.distributed:_destroy_dist_connection", "distributed/launcher.py",
     "what Lightning registers at exit would wait for ranks that are gone"),
    ("lightning.fabric.utilities.distributed:_set_num_threads_if_needed", "distributed/launcher.py",
     "the threads of a rank, as Lightning's launcher sets them"),
    ("progress._get_train_description", "callbacks/progress.py",
     "the bar's text, without the -2 that stands for an endless training"),
    ("torch.distributed.distributed_c10d:_abort_process_group", "distributed/launcher.py",
     "the ranks that wait for a dead one are let go"),
    ("torch._dynamo.reset", "exporting/capturing.py",
     "public by its documentation; what it remembers of a failed export makes the next one fail"),
    ("torch._ops.OpOverload", "exporting/folding.py",
     "which nodes of an exported graph may be computed once"),
    ("torch.ops.aten.add.Tensor._schema", "exporting/folding.py",
     "whether an operator changes its arguments"),
    ("torch._higher_order_ops:scan", "exporting/looped.py",
     "the loop over steps in an ONNX file; torch has no public name for it yet"),
    ("module._apply", "cores/attention.py",
     "tables that are made again after the module has moved to another device or dtype"),
    ("writer._get_file_writer", "loggers/local.py",
     "TensorBoard's writer makes a folder when asked for anything; a test must not leave an empty one"),
    ("study._storage", "searching/claims.py",
     "a trial that was asked for and is not to run is given back as WAITING; Optuna's own API cannot"),
    ("trial._trial_id", "searching/claims.py",
     "an unfinished trial of another process is taken up by its id"),
    ("returned._return_value", "sweeps/launcher.py",
     "the exception of a failed job; the property return_value prints its traceback first"),
    ("hydra._internal.core_plugins.basic_sweeper:BasicSweeper", "sweeps/folder.py",
     "how many jobs a sweep's command makes; split_arguments is public in a module that is not"),
    ("hydra._internal.utils:_is_env_set", "cli/command.py",
     "Hydra prints an error and exits unless HYDRA_FULL_ERROR is set; ours reach run_command"),
    ("threading._shutdown", "system/process.py",
     "leaving without taking the interpreter apart, after what Python does first"),
    ("atexit._run_exitfuncs", "system/process.py",
     "the same"),
    ("os._exit", "system/process.py system/signals.py distributed/launcher.py",
     "public by its documentation; the same"),
]  # fmt: skip
UNDOCUMENTED = [
    "trainer.fit_loop.epoch_progress.current.processed",
    "trainer.fit_loop.epoch_loop.batch_progress.current.processed",
    "trainer.fit_loop.epoch_loop.restarting",
    "trainer.fit_loop.epoch_loop.val_loop.restarted_mid_evaluation",
    "trainer.fit_loop.total_batch_idx",
    "trainer._logger_connector.on_batch_end",
    "trainer._logger_connector.update_train_step_metrics",
    "trainer.fit_loop.epoch_loop.update_lr_schedulers",
    "trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.increment_ready",
    "trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.zero_grad.increment_started",
    "lightning.pytorch.loops.training_epoch_loop:RestartStage.NONE",
    "lightning.pytorch.loops.evaluation_loop:RestartStage.RESTARTED_MID_EVALUATION",
]
"""Not marked as private, but in no documentation either: the state of Lightning's loops, in checkpoints/position.py,
checkpoints/epoch_loop.py and checkpoints/short_path.py."""

PUBLIC = {"_replace", "_asdict", "_fields", "_target_"}
"""Of named tuples, and a key of Hydra's configs: documented in spite of the underscore."""


@pytest.fixture(scope="module")
def roots() -> dict[str, Any]:
    """Objects of the libraries as a run has them."""
    trainer = pl.Trainer(
        max_steps=1, limit_train_batches=1, limit_val_batches=1, accelerator="cpu", logger=False,
        enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(BoringModel())
    study = optuna.create_study()
    return {
        "trainer": trainer,
        "progress": RichProgressBar,
        "torch": torch,
        "optimizer": torch.optim.Adam([torch.zeros(1)]),
        "module": torch.nn.Module(),
        "writer": SummaryWriter,
        "study": study,
        "stopping": EarlyStopping("val/loss"),
        "trial": study.ask(),
        "returned": JobReturn(),
        "threading": threading,
        "atexit": atexit,
        "os": os,
    }


def looked_up(path: str, roots: dict[str, Any]) -> Any:
    module, _, names = path.rpartition(":")
    root, *rest = names.split(".")
    found = getattr(importlib.import_module(module), root) if module else roots[root]
    for name in rest:
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("path", [path for path, _, _ in PRIVATE] + UNDOCUMENTED)
def test_it_is_there(path: str, roots: dict[str, Any]) -> None:
    looked_up(path, roots)


def test_no_other_private_name_is_used() -> None:
    used: defaultdict[str, set[str]] = defaultdict(set)
    for file in SRC.rglob("*.py"):
        for name in _private_names(ast.parse(file.read_text(encoding="utf-8"))) - PUBLIC:
            used[name].add(file.relative_to(SRC / "seqmodels").as_posix())
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for path, files, reason in PRIVATE:
        assert reason
        for name in path.replace(":", ".").split("."):
            if name.startswith("_"):
                listed[name] |= set(files.split())
    assert used == listed


def _private_names(tree: ast.AST) -> set[str]:
    """Names with one underscore that a file imports, takes from an object that it has not made, or overrides."""
    own: set[str] = set()
    others: set[str] = set()
    overridden: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                own.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                own.add(name)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
                overridden.add(name)
            case ast.Attribute(attr=name):
                others.add(name)
            case ast.ImportFrom(module=str(module), names=imported):
                others |= {*module.split("."), *(one.name for one in imported)}
            case ast.Import(names=imported):
                others |= {part for one in imported for part in one.name.split(".")}
    return {name for name in (others - own) | overridden if name.startswith("_") and not name.startswith("__")}
