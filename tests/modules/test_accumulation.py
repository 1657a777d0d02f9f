"""Accumulated gradients: the mean over a group of batches, whether the group is full or what an epoch leaves."""

from pathlib import Path

import pytest
import torch

from seqmodels.runs.run import compose, train
from tests.distributed.test_ddp_resume import run
from tests.support.attempts import checkpoint

LEAN = ["callbacks=checkpoints", "logger=none", "test=false", "trainer.limit_val_batches=0", "mode=min", "threads=1",
        "optimizer=sgd", "optimizer.momentum=0", "core.hidden_size=4", "trainer.max_epochs=2"]  # fmt: skip
STREAM = ["+experiment=sine_stream", "datamodule.num_streams=4", "datamodule.window=5", "trainer.max_steps=-1",
          "monitor=train/loss", *LEAN]  # fmt: skip
THREE = {
    "images": ["datamodule=digits", "datamodule.batch_size=64", "trainer.limit_train_batches=3", "monitor=train/loss",
               *LEAN],
    "stream": [*STREAM, "datamodule.overfit_batches=3"],
    "a window that does not count": [*STREAM, "datamodule.overfit_batches=3", "module.burn_in=5"],
    "clipped": [*STREAM, "datamodule.overfit_batches=3", "trainer.gradient_clip_val=0.001"],
}  # fmt: skip
"""Epochs of three batches."""


def weights(folder: str) -> dict[str, torch.Tensor]:
    return checkpoint(Path(folder))["state_dict"]


def alike(a: str, b: str) -> None:
    for name, weight in weights(a).items():
        torch.testing.assert_close(weight, weights(b)[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", THREE)
def test_a_group_that_is_not_full_is_a_mean(kind: str) -> None:
    """Three batches are a step alike, whether three were asked for or eight."""
    for group in (3, 8):
        train(compose([*THREE[kind], "trainer=cpu", f"trainer.accumulate_grad_batches={group}"]), str(group))
    assert checkpoint(Path("8"))["global_step"] == 2
    alike("3", "8")


def test_a_group_is_the_step_of_one_batch() -> None:
    """Two batches of 64 images, of a group that would be five, are one batch of 128."""
    words = [*THREE["images"], "trainer=cpu", "trainer.max_epochs=1", "datamodule.batch_size=64"]
    train(compose([*words, "trainer.limit_train_batches=1", "datamodule.batch_size=128"]), "one")
    train(compose([*words, "trainer.limit_train_batches=2", "trainer.accumulate_grad_batches=5"]), "two")
    alike("one", "two")


@pytest.mark.slow
def test_a_group_that_is_not_full_is_a_mean_over_two_processes() -> None:
    for group in (3, 8):
        run(*THREE["images"], "trainer=ddp_cpu", f"trainer.accumulate_grad_batches={group}", f"hydra.run.dir={group}")
    alike("3", "8")
