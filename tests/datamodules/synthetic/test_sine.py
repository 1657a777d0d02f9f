"""The sine source: windows are pure functions of their index, rows never change places."""

import itertools
import math

import numpy as np
import pytest
import torch

from seqmodels.datamodules.synthetic.sine import SineStream
from seqmodels.datamodules.window import Window
from tests.support.data import same

MANY = {
    "num_streams": 6,
    "window": 8,
    "dt": 0.2,
    "frequency": [0.5, 2.0],
    "phase": [0.0, 6.28],
    "noise_std": 0.3,
}


def first(data: SineStream, n: int) -> list[Window]:
    return list(itertools.islice(data.train_dataloader(), n))


def test_the_tutorials_windows() -> None:
    data = SineStream(window=10, span=math.pi, endpoint=True)
    for k, window in enumerate(first(data, 60)):
        steps = np.linspace(k * np.pi, (k + 1) * np.pi, 10)
        np.testing.assert_allclose(window.x[0, :, 0], np.sin(steps), atol=1e-6)
        np.testing.assert_allclose(window.y[0, :, 0], np.cos(steps), atol=1e-6)
        assert window.mask.all()
        assert window.reset.tolist() == [k == 0]


def test_windows_join_without_a_gap() -> None:
    data = SineStream(**{**MANY, "noise_std": 0.0})
    x = torch.cat([window.x for window in first(data, 5)], 1)[..., 0].double()
    frequency, phase = data.splits["train"].frequency, data.splits["train"].phase
    time = np.arange(40) * 0.2
    np.testing.assert_allclose(x, np.sin(frequency * time + phase), atol=1e-6)
    assert frequency.min() >= 0.5
    assert frequency.max() <= 2
    assert len(set(frequency[:, 0])) == 6


def test_precision_does_not_fade_on_a_long_stream() -> None:
    data = SineStream(dt=0.01, span=None, window=100)
    i = 10_000_000
    np.testing.assert_allclose(
        data.splits["train"].window(i).x[0, :, 0], np.sin((i * 100 + np.arange(100)) * 0.01), atol=1e-6
    )


def test_horizon_looks_ahead() -> None:
    data = SineStream(**{**MANY, "noise_std": 0.0, "target_shift": None, "horizon": 3})
    windows = first(data, 3)
    x, y = (torch.cat([getattr(window, name) for window in windows], 1) for name in "xy")
    torch.testing.assert_close(y[:, :-3], x[:, 3:])


def test_noise_is_on_the_input_only() -> None:
    noisy, clean = first(SineStream(**MANY), 200), first(SineStream(**{**MANY, "noise_std": 0.0}), 200)
    difference = torch.stack([a.x - b.x for a, b in zip(noisy, clean, strict=True)])
    assert difference.std().item() == pytest.approx(0.3, rel=0.03)
    assert abs(difference.mean().item()) < 0.01
    assert all(torch.equal(a.y, b.y) for a, b in zip(noisy, clean, strict=True))


def test_a_window_is_a_function_of_its_index_alone() -> None:
    data = SineStream(**MANY)
    late = data.splits["train"].window(7)
    assert same(late, first(SineStream(**MANY), 8)[7])
    assert same(late, data.splits["train"].window(7))
    assert not torch.equal(late.x, SineStream(**MANY, seed=2).splits["train"].window(7).x)


def test_held_out_streams_are_others_and_begin_anew() -> None:
    data = SineStream(**MANY, val_windows=4, test_windows=3)
    (val,), (test,) = data.val_dataloader(), data.test_dataloader()
    val_windows, again, test_windows = list(val), list(val), list(test)
    assert (len(val_windows), len(test_windows)) == (4, 3)
    assert all(same(a, b) for a, b in zip(val_windows, again, strict=True))
    assert val_windows[0].reset.all()
    assert not val_windows[1].reset.any()
    waves = [{*split.frequency[:, 0], *split.phase[:, 0]} for split in data.splits.values()]
    assert len(set.union(*waves)) == sum(map(len, waves))


def joined(windows: list[Window]) -> tuple[torch.Tensor, torch.Tensor]:
    """x and y of neighbouring windows as one piece, (B, steps)."""
    x, y = (torch.cat([getattr(window, name) for window in windows], 1)[..., 0] for name in "xy")
    return x, y


def test_moved_borders_cut_the_same_signal() -> None:
    """Noise included: with the borders where they were, the same steps hold the same bits."""
    windows = first(SineStream(**MANY, random_window=3), 200)
    lengths = [window.x.shape[1] for window in windows]
    assert set(lengths) >= set(range(4, 13))  # 8 - 2 * 3 = 2 and 8 + 2 * 3 = 14 are rare
    assert min(lengths) >= 1
    assert all(window.mask.shape == window.x.shape[:2] and window.mask.all() for window in windows)
    assert [bool(window.reset.any()) for window in windows] == [True] + [False] * 199
    for moved, plain in zip(joined(windows), joined(first(SineStream(**MANY), 202)), strict=True):
        assert abs(moved.shape[1] - 200 * 8) <= 3
        assert torch.equal(moved, plain[:, : moved.shape[1]])


@pytest.mark.parametrize("workers", [0, 2])
def test_moved_borders_are_functions_of_seed_and_index(workers: int) -> None:
    windows = first(SineStream(**MANY, random_window=3, num_workers=workers), 20)
    alone = SineStream(**MANY, random_window=3)
    assert all(same(window, alone.splits["train"].window(i)) for i, window in enumerate(windows))
    other = SineStream(**MANY, random_window=3, seed=2)
    assert [w.x.shape for w in windows] != [other.splits["train"].window(i).x.shape for i in range(20)]


def test_only_training_borders_move() -> None:
    data, plain = SineStream(**MANY, random_window=3), SineStream(**MANY)
    for moved, usual in zip(data.val_dataloader()[0], plain.val_dataloader()[0], strict=True):
        assert same(moved, usual)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dt": None}, "span=None and dt=None: .*; give datamodule.dt=0.1"),
        ({"span": 1.0}, "span=1.0 and dt=0.2: .*; give datamodule.span=null"),
        ({"dt": 0.0}, "dt=0.0 is too small; give a number above 0"),
        ({"horizon": 2}, "horizon=2: .*; give datamodule.target_shift=null"),
        ({"num_streams": 0}, "num_streams=0 is too small"),
        ({"window": 0}, "window=0 is too small"),
        ({"window": 1, "endpoint": True}, "endpoint=True needs window of at least 2"),
        ({"frequency": [2.0, 1.0]}, r"frequency=\[2.0, 1.0\] is not a range"),
        ({"noise_std": -1.0}, "noise_std=-1.0 is too small"),
        ({"random_window": -1}, "random_window=-1 is too small"),
        ({"random_window": 4}, "random_window=4 could leave a window of 8 steps without any; give at most 3"),
        ({"random_window": 1, "endpoint": True}, "random_window=1 needs datamodule.endpoint=false"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SineStream(**{**MANY, **wrong})
    with pytest.raises(ValueError, match=r"^batch=-1 is too small"):
        SineStream(**MANY).start_from(0, -1)
