"""The classifier: read-out, lengths, and metrics weighted by samples."""

from functools import partial

import lightning.pytorch as pl
import pytest
import torch
from torch.nn import functional as F

from seqmodels.cores.recurrent import LSTM
from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.modules.classifier import SequenceClassifier, read_out
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
