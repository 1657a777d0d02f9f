"""What training steps log stays where it lies, and is what Lightning's own collection would say."""

import torch
from lightning.pytorch.trainer.connectors.logger_connector.result import _ResultCollection

from seqmodels.checkpoints.step_results import StepResults


def logged(kind: type[_ResultCollection]) -> _ResultCollection:
    results = kind(training=True)
    for value in (1.0, 4.0):
        results.log("training_step", "train/loss", torch.tensor(value), on_step=True, on_epoch=False, prog_bar=True)
        results.log("on_train_epoch_end", "mean", torch.tensor(value), on_epoch=True)
    return results


def test_it_says_what_lightnings_says() -> None:
    for on_step in (True, False):
        assert logged(StepResults).metrics(on_step) == logged(_ResultCollection).metrics(on_step)


def test_a_metric_is_left_alone_where_it_lies_already() -> None:
    results = logged(StepResults)
    metric = results["training_step.train/loss"]
    parts = metric._defaults  # which a move makes anew
    results.log("training_step", "train/loss", torch.tensor(2.0), on_step=True, on_epoch=False, prog_bar=True)
    assert metric._defaults is parts
    assert metric.value == 2


def test_it_goes_to_another_device() -> None:
    results = logged(StepResults)
    results.to("meta")
    assert {metric.value.device.type for metric in results.values()} == {"meta"}
