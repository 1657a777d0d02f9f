"""A run that is cut off again and again, and what must come out of it all the same."""

import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from seqmodels.runs.run import compose, resume, train

SINE = [
    "+experiment=sine_stream", "trainer=cpu", "threads=1", "++callbacks.animation.windows=0", "trainer.max_steps=24",
    "trainer.val_check_interval=6", "trainer.log_every_n_steps=1", "datamodule.num_streams=4", "datamodule.window=5",
    "datamodule.val_windows=3", "datamodule.test_windows=2", "core.hidden_size=8", "checkpoint.every_n_steps=3",
]  # fmt: skip
DIGITS = [
    "datamodule=digits", "trainer=cpu", "threads=1", "trainer.max_epochs=3", "trainer.val_check_interval=4",
    "trainer.log_every_n_steps=1", "datamodule.batch_size=128", "core.hidden_size=8", "module.dropout=0.3",
    "datamodule.shift=1", "checkpoint.every_n_steps=2",
]  # fmt: skip
EXACT = (
    "state_dict",
    "optimizer_states",
    "lr_schedulers",
    "carry",
    "rng",
    "position",
    "callbacks",
    "metrics",
    "global_step",
)


class Cut(pl.Callback):
    """Copies the run's folder, as RUN_cut, in the middle of the step after steps[0]: what a SIGKILL would leave.

    The copy, when it goes on, is copied to RUN_cut_cut after steps[1], and so on.
    """

    def __init__(self, steps: list[int]) -> None:
        self.steps = steps

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        folder = Path(trainer.default_root_dir)
        times = folder.name.count("_cut")
        if times < len(self.steps) and trainer.global_step == self.steps[times] + 1 and not _cut(folder).exists():
            shutil.copytree(folder, _cut(folder))


def _cut(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}_cut")


class Signalled(pl.Callback):
    """Sends a signal to the process once, in a step or in the validation that follows it."""

    def __init__(self, name: str, step: int, validation: bool = False) -> None:
        self.name, self.step, self.validation = name, step, validation

    def _send(self, trainer: pl.Trainer) -> None:
        if trainer.global_step == self.step and not Path("sent").exists():
            Path("sent").touch()
            os.kill(os.getpid(), getattr(signal, self.name))

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if not self.validation:
            self._send(trainer)

    def on_validation_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if self.validation:
            self._send(trainer)


class StopIn(pl.Callback):
    """Asks the run to stop by SIGTERM, once: in its `batch`-th training batch, or in the validation behind it."""

    def __init__(self, batch: int, validation: bool = False) -> None:
        self.batch, self.validation = batch, validation

    def _ask(self, trainer: pl.Trainer) -> None:
        asked = Path(trainer.default_root_dir, "asked")
        if trainer.fit_loop.total_batch_idx + 1 == self.batch and not asked.exists():
            asked.touch()
            os.kill(os.getpid(), signal.SIGTERM)

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if not self.validation:
            self._ask(trainer)

    def on_validation_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if self.validation:
            self._ask(trainer)


class EndIn(pl.Callback):
    """Asks the training to end, as its own decision, in its `batch`-th batch."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        trainer.should_stop |= trainer.fit_loop.total_batch_idx + 1 == self.batch


class Weights(pl.Callback):
    """Keeps the weights before the first step and after each, in weights.pt."""

    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        self.seen.append({name: value.detach().clone() for name, value in pl_module.state_dict().items()})

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        now = {name: value.detach().clone() for name, value in pl_module.state_dict().items()}
        torch.save([*self.seen, now], Path(trainer.default_root_dir, "weights.pt"))


class AtStep(pl.Callback):
    """Saves a checkpoint named after the number of ranks, before the step that follows `step`."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "checkpoints" / f"with{trainer.world_size}.ckpt")


OWN = [f"{__name__}.{kind.__name__}" for kind in pl.Callback.__subclasses__() if kind.__module__ == __name__]
"""What a run with the callbacks above is to be trusted with."""

TRUST = f"trust=[{','.join(OWN)}]"


def callback(kind: str, /, **arguments: Any) -> list[str]:
    """The words that add one of the callbacks above."""
    words = {"_target_": f"tests.support.attempts.{kind}", **arguments}
    return [f"+callbacks.{kind.lower()}.{key}={value}" for key, value in words.items()]


def whole(words: list[str]) -> Path:
    """The run that nothing disturbs."""
    return train(compose(words), "whole", words).folder


def cut_off(words: list[str], *steps: int) -> Path:
    """The folder of a run that was cut off after the first of `steps`; going on, it will be after the others."""
    return _cut(train(compose([*words, *callback("Cut", steps=list(steps))]), "run", words).folder)


def cut_and_resumed(words: list[str], steps: list[int], beside: list[str] | None = None) -> Path:
    """The same run, cut off within the step after each of `steps` and resumed with the words `beside`."""
    folder = cut_off(words, *steps)
    for again in range(len(steps)):
        folder = _cut(folder) if again else folder
        assert resume(folder, beside or [], trust=OWN) is not None
    return folder


def random_steps(seed: int, last: int, times: int = 2) -> list[int]:
    """Where to cut: anywhere, in order."""
    return sorted(random.Random(seed).sample(range(1, last), times))


def checkpoint(folder: Path, name: str = "last") -> dict[str, Any]:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def assert_same_run(a: Path, b: Path) -> None:
    """The same numbers at every step and the same state at the end, bit for bit."""
    assert (a / "metrics.csv").read_text() == (b / "metrics.csv").read_text()
    ours, theirs = checkpoint(a), checkpoint(b)
    for key in EXACT:
        assert same(ours.get(key), theirs.get(key)), key


def same(a: Any, b: Any) -> bool:
    """Equality to the last bit, at any depth."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
