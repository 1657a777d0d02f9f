"""What would run, and what nobody means, is refused before the first step; so is what has no room."""

import pytest

from seqmodels.runs.run import compose, train

COMMON = ["trainer=cpu", "threads=1", "logger=none", "core.hidden_size=4", "trainer.max_steps=2", "test=false"]
DIGITS = ["datamodule=digits", *COMMON, "callbacks=none"]
SINE = ["datamodule=sine", "module=regressor", *COMMON, "callbacks=none"]
CO2 = ["datamodule=co2", "module=regressor", *COMMON, "callbacks=none", "datamodule.num_streams=1"]
STOPPING = ["callbacks=early_stopping"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([*DIGITS, "datamodule.batch_size=2000"], "datamodule.batch_size=2000 is more than the 1257"),
        ([*DIGITS, "datamodule.shift=100"], "datamodule.shift=100 moves images of 8x8 out of sight"),
        ([*DIGITS, *STOPPING, "datamodule.val_size=0"], "early_stopping watches val/acc, but digits has no"),
        ([*DIGITS, *STOPPING, "monitor=train/loss", "mode=min"], "monitor=train/loss is not there at every validation"),
        ([*DIGITS, *STOPPING, "callbacks.early_stopping.monitor=val/nope"], "val/nope is not measured by .* val/acc"),
        ([*DIGITS, *STOPPING, "trainer.limit_val_batches=0"], "limit_val_batches=0 leaves early stopping without"),
        ([*DIGITS, "core.hidden_size=1000000"], "core.hidden_size=1000000, .* more memory than there is"),
        ([*DIGITS, "core.hidden_size=10000000"], "core.hidden_size=10000000 is too large; give an integer of at most"),
        ([*DIGITS, "trainer.devices=-1"], "trainer.devices=-1 means all GPUs"),
        ([*DIGITS, "trainer.strategy=ddp_spawn"], "trainer.strategy=ddp_spawn is not known; choose auto, ddp, "),
        ([*DIGITS, "trainer.strategy=ddp_notebook"], "trainer.strategy=ddp_notebook is not known"),
        ([*DIGITS, "trainer.accelerator=tpu"], "trainer.accelerator=tpu is not known; choose auto, cpu, gpu"),
        ([*DIGITS, "+trainer.overfit_batches=1"], r"trainer.overfit_batches=1 .*; give \+debug=overfit"),
        ([*DIGITS, "+trainer.fast_dev_run=true"], r"trainer.fast_dev_run=True .*; give \+debug=fast"),
        ([*DIGITS, "seed=[1,2]"], r"seed=\[1, 2\] has the wrong type list"),
        ([*DIGITS, "seed=-1"], "seed=-1 is out of range; give an integer from 0"),
        ([*DIGITS, "optimizer.betas=[0,1]"], r"optimizer.betas=\[0, 1\] is out of range"),
        ([*DIGITS, "threads=1000000000"], "threads=1000000000 is too large"),
        ([*DIGITS, "scheduler=one_cycle", "scheduler.warmup=0.5"], "scheduler.warmup=0.5 of 2 steps is one step"),
        ([*DIGITS, "trainer.val_check_interval=1.5"], "trainer.val_check_interval=1.5 is out of range"),
        ([*SINE, "datamodule.horizon=-1", "datamodule.target_shift=null"], "datamodule.horizon=-1 is too small"),
        ([*SINE, "datamodule.overfit_batches=1", "module.burn_in=10"], "module.burn_in=10 leaves nothing to learn"),
        ([*SINE, "module.carry=false", "module.burn_in=10"], "module.burn_in=10 leaves nothing to learn"),
        ([*CO2, "module.burn_in=5000"], "module.burn_in=5000 leaves nothing to learn from"),
        ([*CO2, "datamodule.window=5000"], "datamodule.window=5000 is longer than what any series"),
        ([*CO2, "datamodule.time=co2"], "datamodule.time=co2 is the column of datamodule.targets"),
    ],
)  # fmt: skip
def test_refused_before_the_first_step(overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(compose(overrides))


def test_a_training_may_end_before_early_stopping_looks() -> None:
    """Lightning looks at the end of the epoch too, where there was no validation, and ends with a RuntimeError."""
    assert train(compose([*DIGITS, *STOPPING, "trainer.max_steps=1"])).metrics


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "", "a/../b", "two\nlines"])
def test_a_name_is_a_folder_inside_outputs(name: str) -> None:
    cfg = compose(DIGITS)
    cfg.name = name
    with pytest.raises(ValueError, match="name="):
        train(cfg)
