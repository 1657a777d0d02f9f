"""The classifier: read-out, lengths, and metrics weighted by samples."""

import json
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from seqmodels import load_run
from seqmodels.cores.recurrent import LSTM
from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.modules.classifier import SequenceClassifier, read_out, weights_of
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.run import compose, train


def classifier(**options: object) -> SequenceClassifier:
    torch.manual_seed(0)
    core, adam = partial(LSTM, hidden_size=8), partial(torch.optim.Adam, lr=0.01)
    return SequenceClassifier(core, adam, input_size=8, output_size=10, **options).eval()


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_padding_does_not_count(readout: str) -> None:
    module, lengths = classifier(readout=readout), torch.tensor([3, 8, 1, 5])
    x = torch.randn(4, 8, 8)
    logits, _ = module(x, lengths=lengths)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(logits[row], module(x[row : row + 1, :length])[0][0])
    changed = torch.where(torch.arange(8)[None, :, None] < lengths[:, None, None], x, 1e6)
    torch.testing.assert_close(module(changed, lengths=lengths)[0], logits)


def test_read_out() -> None:
    y = torch.arange(12.0).view(1, 4, 3)
    assert read_out(y, "last").tolist() == [[9, 10, 11]]
    assert read_out(y, "mean").tolist() == [[4.5, 5.5, 6.5]]


def test_logits_can_be_read_in_pieces() -> None:
    module, x = classifier(), torch.randn(4, 8, 8)
    _, state = module(x[:, :5])
    torch.testing.assert_close(module(x[:, 5:], state)[0], module(x)[0])


def test_normalisation_is_in_the_module() -> None:
    plain, normal = classifier(), classifier(input_stats=(0.3, 0.2))
    x = torch.rand(4, 8, 8)
    torch.testing.assert_close(normal(x)[0], plain((x - 0.3) / 0.2)[0])
    assert normal.state_dict()["input_mean"] == torch.tensor(0.3)


def test_a_batch_may_bring_lengths() -> None:
    module = classifier()
    x, y, lengths = torch.randn(4, 8, 8), torch.arange(4), torch.tensor([1, 2, 3, 8])
    torch.testing.assert_close(module.predict_step((x, y, lengths)), module(x, lengths=lengths)[0].softmax(-1))


def test_metrics_weigh_batches_by_their_samples() -> None:
    data, module = ImageSequences("digits", val_size=180, eval_batch_size=350), classifier()
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    data.setup()
    data.splits["test"].x, data.splits["test"].y = data.splits["test"].x[:353], data.splits["test"].y[:353]
    trainer.test(module, datamodule=data, verbose=False)
    x, y = data.sequences(data.splits["test"].x), data.splits["test"].y
    logits = module(x)[0]
    assert trainer.callback_metrics["test/loss"].item() == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-5)
    accuracy = (logits.argmax(-1) == y).float().mean().item()
    assert trainer.callback_metrics["test/acc"].item() == pytest.approx(accuracy, rel=1e-6)


def test_it_learns() -> None:
    result = train(compose(["datamodule=digits", "trainer=cpu", "trainer.max_epochs=15", "optimizer.lr=0.01"]))
    assert result.metrics["test/acc"] > 0.9
    assert result.monitor == result.metrics["val/acc"]


@pytest.mark.parametrize(
    "wrong", [{"readout": "first"}, {"dropout": 1.0}, {"label_smoothing": 1.5}, {"head_init": "x"}]
)
def test_wrong_arguments_are_named(wrong: dict) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"^{name}={value}"):
        classifier(**wrong)


def out_of_balance(path: str, train: int = 190, rare: int = 10) -> None:
    """Noise of 12 steps; the rare class is a little higher."""
    dice = np.random.default_rng(0)
    rows = [
        f"{number},{'rare' if number < rare else 'common'},{value + 0.8 * (number < rare)}"
        for number in range(train + rare)
        for value in dice.normal(size=12)
    ]
    Path(path).write_text("id,label,x\n" + "\n".join(rows) + "\n")


UNBALANCED = [
    "datamodule=labelled_series", "datamodule.files=[s.csv]", "datamodule.id=id", "datamodule.label=label",
    "datamodule.inputs=[x]", "datamodule.test_fraction=0.5", "datamodule.val_fraction=0", "core=gru",
    "core.hidden_size=8", "module.readout=mean", "trainer=cpu", "trainer.max_epochs=8", "optimizer.lr=0.02",
    "test=last", "logger=none", "callbacks=[checkpoints]",
]  # fmt: skip


def test_classes_out_of_balance(caplog: pytest.LogCaptureFixture) -> None:
    """190 to 10: naming the frequent class is right 19 times of 20, and finds no rare one."""
    out_of_balance("s.csv")
    plain = train(compose(UNBALANCED), "plain")
    words = [*UNBALANCED, "module.class_weights=balanced"]
    with caplog.at_level("INFO"):
        balanced = train(compose(words), "balanced", words)
    results = json.loads(Path("balanced/results.json").read_text())
    assert results["class_counts"] == [95, 5]
    assert results["baselines"] == {"majority": {"acc": 0.95, "acc_balanced": 0.5}}
    assert balanced.metrics["test/acc_balanced"] > plain.metrics["test/acc_balanced"] + 0.15
    assert re.search(r"acc_balanced 0\.\d+, majority 0\.5: [\d.]+ points more\n", caplog.text)
    assert load_run("balanced").module.class_weights.tolist() == pytest.approx([100 / 190, 10])
    assert evaluate("balanced").metrics == {n: v for n, v in balanced.metrics.items() if n.startswith("test/")}


def test_what_class_weights_are() -> None:
    x, y = torch.randn(4, 8, 8), torch.tensor([0, 0, 0, 7])
    module = classifier(class_weights=[2.0, *[1.0] * 9])
    module.trainer = SimpleNamespace(log_every_n_steps=0, global_step=0)
    losses = F.cross_entropy(module(x)[0], y, reduction="none")
    torch.testing.assert_close(module.training_step((x, y)), (2 * losses[:3].sum() + losses[3]) / 7)
    assert weights_of("balanced", [30, 10], 2).tolist() == pytest.approx([40 / 60, 40 / 20])
    assert classifier().class_weights is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("balanced", "^class_weights=balanced, but this data does not tell"),
        ("rare", "^class_weights=rare is not known; choose balanced, null or a list of 10 numbers"),
        ([1.0, 2.0], r"^class_weights=\[1.0, 2.0\] is not known; choose balanced"),
        ([0.0, *[1.0] * 9], "^class_weights=0.0 is too small"),
        ([float("nan"), *[1.0] * 9], "^class_weights=nan is too small"),
    ],
)
def test_class_weights_that_fit_no_class(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier(class_weights=given)
