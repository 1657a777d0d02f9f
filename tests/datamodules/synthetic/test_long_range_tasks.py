"""Adding and copying: what a sample is, that it is a function of its index, and what is reached without a model."""

import math
from functools import partial
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.recurrent import LSTM
from seqmodels.datamodules.synthetic.adding import AddingProblem
from seqmodels.datamodules.synthetic.copy_memory import CopyMemory
from seqmodels.datamodules.synthetic.generated import GeneratedSequences, below, uniform
from seqmodels.modules.labeller import SequenceLabeller
from seqmodels.modules.regressor import StreamRegressor
from tests.support.data import same, sharing

SIZES: dict[str, Any] = {"train_size": 90, "val_size": 33, "test_size": 21, "batch_size": 12, "eval_batch_size": 10}
TASKS: list[Any] = [partial(AddingProblem, **SIZES, steps=9), partial(CopyMemory, **SIZES, delay=4, symbols=3)]
both = pytest.mark.parametrize("task", TASKS, ids=["adding", "copy"])


def samples(data: GeneratedSequences, part: str, *rows: int) -> Any:
    return data.splits[part].__getitems__(torch.tensor(rows))


def test_the_numbers_are_those_of_splitmix64() -> None:
    """The first five of seed 1234567, as the published implementations give them."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    published.append(16408922859458223821)
    for split in (1, 2, 5):  # numbers a sample
        rows = np.arange(-(-5 // split))
        found = uniform(1234567, rows, split).ravel()[:5]
        assert found.tolist() == [(number >> 11) / 2**53 for number in published]


@pytest.mark.parametrize("n", [1, 2, 3, 8, 50, 375, 2**20 + 1])
def test_whole_numbers_stay_below(n: int) -> None:
    found = below(n, np.array([0.0, 0.5, 1 - 2**-53]))
    assert found.tolist() == [0, n // 2, n - 1]


@both
def test_a_sample_is_a_function_of_seed_part_and_index(task: Any) -> None:
    data = task(seed=5)
    whole = samples(data, "train", *range(90))
    for rows in ([7], [89, 0, 7, 7], [3, 4, 5]):
        part = samples(task(seed=5, batch_size=30, val_size=0), "train", *rows)
        assert same(part, tuple(tensor[rows] if len(tensor) else tensor for tensor in whole))
    assert not torch.equal(samples(task(seed=6), "train", *range(90))[0], whole[0])
    parts = [samples(data, part, *range(21))[0].flatten(1) for part in ("train", "val", "test")]
    if isinstance(data, AddingProblem):  # of 8 ** 3 words to copy some come twice
        assert len(torch.cat(parts).unique(dim=0)) == 63
    assert not any(torch.equal(a, b) for a, b in ((parts[0], parts[1]), (parts[1], parts[2]), (parts[0], parts[2])))


@both
def test_a_part_may_be_empty_and_validation_repeats(task: Any) -> None:
    data = task(val_size=0)
    assert data.val_dataloader() == []
    (test,) = data.test_dataloader()
    assert sum(len(batch[0]) for batch in test) == 21
    assert all(same(a, b) for a, b in zip(test, test, strict=True))


@pytest.mark.parametrize("steps", [2, 3, 9, 100])
def test_what_is_added(steps: int) -> None:
    data = AddingProblem(steps=steps, test_size=4000)
    x, y, reset, mask, *_ = samples(data, "test", *range(4000))
    value, marker = x.unbind(-1)
    half = steps // 2
    assert x.shape == (4000, steps, 2)
    assert value.min() >= 0
    assert value.max() <= 1
    assert value.mean() == pytest.approx(0.5, abs=0.02)
    assert ((marker == 0) | (marker == 1)).all()
    assert (marker[:, :half].sum(1) == 1).all()
    assert (marker[:, half:].sum(1) == 1).all()
    for part in (marker[:, :half], marker[:, half:]):  # each place as likely
        expected = 4000 / part.shape[1]
        assert ((part.sum(0) - expected) ** 2 / expected).sum() < part.shape[1] + 5 * math.sqrt(2 * part.shape[1])
    torch.testing.assert_close(y[:, -1, 0], (value * marker).sum(1))
    assert reset.all()
    assert mask[:, -1].all()
    assert not mask[:, :-1].any()


def test_what_is_copied() -> None:
    data = CopyMemory(delay=7, symbols=4, alphabet=5, test_size=3000)
    x, labels, scored = samples(data, "test", *range(3000))
    assert x.shape == (3000, 15, 7)
    assert data.steps == 15
    assert (x.sum(-1) == 1).all()
    read = data.read_labels(x)
    assert torch.equal(F.one_hot(read, 7), x.long())
    assert read[:, :4].unique().tolist() == [0, 1, 2, 3, 4]
    assert (read[:, 4:10] == 5).all()
    assert (read[:, 10] == 6).all()
    assert (read[:, 11:] == 5).all()
    assert torch.equal(labels[:, 11:], read[:, :4])
    assert (labels[:, :11] == 5).all()
    assert torch.equal(scored, labels != 5)
    assert data.class_names == ["0", "1", "2", "3", "4", "blank", "delimiter"]
    counts = torch.bincount(read[:, :4].flatten()).float()
    assert ((counts - 2400) ** 2 / 2400).sum() < 5 + 5 * math.sqrt(10)


@pytest.mark.parametrize("steps", [2, 21])
def test_a_constant_gets_the_baseline_of_adding(steps: int) -> None:
    """1/6, and not the 0.1767 that is often printed: that would be five standard errors away."""
    data = AddingProblem(steps=steps, test_size=20_000)
    errors = (samples(data, "test", *range(20_000)).y[:, -1, 0].double() - 1).square()
    baseline = data.facts()["baselines"]["constant"]["loss"]
    assert baseline == pytest.approx(1 / 6)
    assert abs(errors.mean().item() - baseline) < 3.5 * errors.std().item() / math.sqrt(20_000)
    module = StreamRegressor(partial(LSTM, hidden_size=2), torch.optim.SGD, input_size=2, output_size=1)
    saying(module, torch.ones(1))
    assert measured(module, data, "test/loss") == pytest.approx(errors.mean().item(), rel=1e-5)


@pytest.mark.parametrize(("delay", "symbols", "alphabet"), [(1, 1, 2), (20, 10, 8), (5, 3, 9)])
def test_a_guess_gets_the_baseline_of_copy(delay: int, symbols: int, alphabet: int) -> None:
    """The blank for certain until the answer, then every symbol as likely."""
    data = CopyMemory(delay, symbols, alphabet, test_size=50)
    _, labels, scored = samples(data, "test", *range(50))
    logits = torch.full((*labels.shape, alphabet + 2), -torch.inf)
    logits[~scored] = torch.where(torch.arange(alphabet + 2) == alphabet, 0.0, -100.0)
    logits[scored] = torch.where(torch.arange(alphabet + 2) < alphabet, 0.0, -100.0)
    loss = F.cross_entropy(logits.mT, labels).item()
    assert data.facts()["baselines"]["memoryless"]["loss"] == pytest.approx(loss, rel=1e-6)
    assert loss == pytest.approx(symbols * math.log(alphabet) / (delay + 2 * symbols), rel=1e-6)


def saying(module: Any, output: Tensor) -> None:
    """Make the module say this, whatever it reads."""
    with torch.no_grad():
        module.head.weight.zero_()
        module.head.bias.copy_(output)


def measured(module: Any, data: Any, metric: str) -> float:
    import lightning.pytorch as pl

    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.test(module, datamodule=data, verbose=False)
    return trainer.callback_metrics[metric].item()


@both
def test_wrong_arguments_are_named(task: Any) -> None:
    for name in ("train_size", "batch_size", "eval_batch_size"):
        with pytest.raises(ValueError, match=f"^{name}=0 is too small; give an integer of at least 1"):
            task(**{name: 0})
    for name in ("val_size", "test_size", "num_workers", "overfit_batches"):
        with pytest.raises(ValueError, match=f"^{name}=-1 is too small; give an integer of at least 0"):
            task(**{name: -1})
    with pytest.raises(ValueError, match=r"^batch_size=12 is .* cannot be shared by 5; .* datamodule.batch_size=15$"):
        sharing(task(), 0, 5).train_dataloader()


@pytest.mark.parametrize("wrong", [{"delay": 0}, {"symbols": 0}, {"alphabet": 1}])
def test_a_wrong_size_of_copy_is_named(wrong: dict[str, int]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name}={value} is too small"):
        CopyMemory(**wrong)


def test_a_wrong_size_of_adding_is_named() -> None:
    with pytest.raises(ValueError, match=r"^steps=1 is too small; give an integer of at least 2"):
        AddingProblem(steps=1)


@pytest.mark.parametrize("burn_in", [0, 2])
@pytest.mark.parametrize(("carry", "backprop_windows"), [(False, 1), (True, 1), (True, 3)])
def test_a_regressor_learns_from_the_sequence_alone(carry: bool, backprop_windows: int, burn_in: int) -> None:
    """Whatever is carried from batch to batch, the gradient is that of each sequence's last error."""
    torch.manual_seed(0)
    make = partial(LSTM, hidden_size=4)
    module = StreamRegressor(
        make, torch.optim.SGD, 2, 1, carry=carry, backprop_windows=backprop_windows, burn_in=burn_in
    ).double()
    module.trainer = SimpleNamespace(log_every_n_steps=0, global_rank=0, global_step=0)  # type: ignore[assignment]
    for window in islice(AddingProblem(**SIZES, steps=9).train_dataloader(), 4):
        window = window._replace(x=window.x.double(), y=window.y.double())
        parameters = list(module.parameters())
        ours = torch.autograd.grad(module.training_step(window)["loss"], parameters)
        with torch.no_grad():
            _, state = module.core(window.x[:, :burn_in]) if burn_in else (None, None)
        y, _ = module.core(window.x[:, burn_in:], state)
        theirs = torch.autograd.grad((module.head(y[:, -1]) - window.y[:, -1]).square().mean(), parameters)
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, other, atol=1e-9, rtol=1e-7)  # the loss divides by a float32


@pytest.mark.parametrize("carry", [True, False])
def test_a_regressor_measures_every_sequence_once(carry: bool) -> None:
    """In batches of unequal size as well: 33 in four of 8 or 9."""
    torch.manual_seed(0)
    module = StreamRegressor(partial(LSTM, hidden_size=4), torch.optim.SGD, 2, 1, carry=carry, burn_in=1)
    data = AddingProblem(**{**SIZES, "test_size": 33}, steps=9)
    x, y, *_ = samples(data, "test", *range(33))
    with torch.no_grad():
        expected = (module(x)[0][:, -1] - y[:, -1]).square().mean().item()
    assert len({len(batch.x) for batch in data.test_dataloader()[0]}) == 2
    assert measured(module, data, "test/loss") == pytest.approx(expected, rel=1e-5)


def test_a_labeller_measures_every_step_once() -> None:
    torch.manual_seed(0)
    module = SequenceLabeller(partial(LSTM, hidden_size=4), torch.optim.SGD, 10, 10)
    data = CopyMemory(**SIZES, delay=4, symbols=3)
    x, labels, scored = samples(data, "test", *range(21))
    with torch.no_grad():
        logits, _ = module(x)
    right = (logits.argmax(-1) == labels).float()
    for metric, expected in (
        ("loss", F.cross_entropy(logits.flatten(0, 1), labels.flatten())),
        ("acc", right.mean()),
        ("acc_scored", right[:, -3:].mean()),
    ):
        assert measured(module, data, f"test/{metric}") == pytest.approx(expected.item(), rel=1e-5), metric
    torch.testing.assert_close(module.predict_step((x, labels, scored)).sum(-1), torch.ones(21, 10))


def test_a_labeller_can_read_in_pieces() -> None:
    module = SequenceLabeller(partial(LSTM, hidden_size=4), torch.optim.SGD, 3, 5, input_stats=(0.5, 2.0))
    x = torch.randn(2, 9, 3)
    whole, end = module(x)
    first, state = module(x[:, :4])
    second, state = module(x[:, 4:], state)
    assert whole.shape == (2, 9, 5)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    for mine, other in zip(state, end, strict=True):
        torch.testing.assert_close(mine, other)
    plain = SequenceLabeller(partial(LSTM, hidden_size=4), torch.optim.SGD, 3, 5)
    plain.load_state_dict({**module.state_dict(), "input_mean": torch.tensor(0.0), "input_std": torch.tensor(1.0)})
    torch.testing.assert_close(plain((x - 0.5) / 2.0)[0], whole)
