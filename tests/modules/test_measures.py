"""What a module says that it measures is what it logs; every module that has a YAML is tried."""

from pathlib import Path

import pytest

from seqmodels.runs.run import build, compose
from tests.conftest import options

DATA = {
    "classification": ["datamodule=digits"],
    "labelling": ["datamodule=copy", "datamodule.train_size=100", "datamodule.val_size=20", "datamodule.test_size=20"],
    "regression": ["datamodule=sine", "datamodule.num_streams=4"],
}
"""A source for each task of a module."""

SMALL = [
    "trainer.limit_train_batches=2",
    *("core.hidden_size=4", "trainer=cpu", "trainer.max_steps=2", "trainer.log_every_n_steps=1", "callbacks=none"),
    *(
        "trainer.limit_val_batches=2",
        "trainer.limit_test_batches=2",
        "logger=none",
        "trainer.enable_progress_bar=false",
    ),
]


@pytest.mark.parametrize("name", options("module"))
def test_what_is_logged(name: str, tmp_path: Path) -> None:
    from hydra.utils import get_class

    task = get_class(compose([f"module={name}"]).module._target_).task
    parts = build(compose([f"module={name}", *DATA[task], *SMALL]), tmp_path)
    logged = set()
    for do in (parts.trainer.fit, parts.trainer.test):
        do(parts.module, datamodule=parts.datamodule)
        logged |= set(parts.trainer.callback_metrics)
    assert logged == parts.module.metric_names
