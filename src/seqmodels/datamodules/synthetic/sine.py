"""Endless sine waves: the input is the wave, the target the same wave shifted in phase or in time.

input    sin(ω t + φ) + noise
target   sin(ω t + φ + target_shift)         target_shift = π/2 makes it the cosine
or       sin(ω (t + horizon dt) + φ)         forecasting the wave itself `horizon` steps ahead
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch.utils.data import DataLoader

from seqmodels.datamodules.base import check_at_least
from seqmodels.datamodules.loaders import Windows, epoch_seed, window_loader
from seqmodels.datamodules.window import Window, rank_rows

_STAGES = ("train", "val", "test")


class SineStream(pl.LightningDataModule):
    """Windows of parallel noisy sine streams; each stream keeps its row, its frequency and its phase.

    Validation and test read streams of their own, drawn from the same ranges, from their beginning.

    Attributes:
        name: "sine". input_size, output_size: 1.
        endless: the training stream has no end; the trainer's max_steps ends it.
    """

    name = "sine"
    task = "regression"
    notice: str | None = None
    input_size = output_size = 1
    input_stats = None
    input_names, target_names = ("x",), ("y",)

    def __init__(
        self,
        num_streams: int = 1,
        window: int = 10,
        random_window: int = 0,
        span: float | None = None,
        dt: float | None = None,
        endpoint: bool = False,
        float32_time: bool = False,
        frequency: Sequence[float] = (1.0, 1.0),
        phase: Sequence[float] = (0.0, 0.0),
        noise_std: float = 0.0,
        target_shift: float | None = math.pi / 2,
        horizon: int | None = None,
        val_windows: int = 20,
        test_windows: int = 20,
        num_workers: int = 0,
        overfit_batches: int = 0,
        seed: int = 1,
    ) -> None:
        """
        Args:
            num_streams: B, over all processes.
            window: T, steps.
            random_window: r, the most steps by which the border between two training windows is moved, drawn evenly
                from -r to r as a pure function of seed and index. It removes artefacts of the phase, where a period of
                the signal and the window keep meeting at the same place. It does not remove the bias of truncation:
                the gradient still reaches no further than the windows do.
            span: time from the start of one window to the start of the next. Give this or `dt`.
            dt: time between two steps.
            endpoint: the last step of a window is the first of the next one, as in np.linspace.
            float32_time: round time to float32 before anything is computed from it, as the tutorials do; the error
                grows with the stream.
            frequency: [lowest, highest] angular frequency ω in radians per unit of time, drawn uniformly.
            phase: [lowest, highest] φ in radians, drawn uniformly.
            noise_std: standard deviation of the Gaussian noise on the input; the target has none.
            target_shift: in radians; null with `horizon`.
            horizon: steps to forecast; null with `target_shift`.
            val_windows: windows of a validation, 0 for none.
            test_windows: windows of the test.
            num_workers: processes that make windows.
            overfit_batches: above 0, train on the first so many windows again and again.
            seed: of frequencies, phases and noise.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        super().__init__()
        check_at_least(1, num_streams=num_streams, window=window)
        check_at_least(
            0,
            val_windows=val_windows,
            test_windows=test_windows,
            num_workers=num_workers,
            overfit_batches=overfit_batches,
            random_window=random_window,
        )
        if 2 * random_window >= window:
            raise ValueError(
                f"random_window={random_window} could leave a window of {window} steps without any; "
                f"give at most {(window - 1) // 2}"
            )
        if random_window and endpoint:
            raise ValueError(
                f"random_window={random_window} needs endpoint=false: where neighbours share a step, "
                f"borders cannot move"
            )
        if (span is None) == (dt is None):
            raise ValueError(f"span={span} and dt={dt}: give exactly one of them, the other null")
        if (target_shift is None) == (horizon is None):
            raise ValueError(
                f"target_shift={target_shift} and horizon={horizon}: give exactly one of them, the other null"
            )
        if not (span or dt or 0) > 0:
            raise ValueError(f"{'span' if dt is None else 'dt'}={span or dt} is not a time; give a number above 0")
        if noise_std < 0:
            raise ValueError(f"noise_std={noise_std} is negative; give 0 for no noise")
        if endpoint and window < 2:
            raise ValueError(f"endpoint={endpoint} needs window of at least 2 steps; window={window}")
        for name, bounds in (("frequency", frequency), ("phase", phase)):
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                raise ValueError(f"{name}={list(bounds)} is not a range; give [lowest, highest]")

        steps_between = window - 1 if endpoint else window
        self.dt = dt if dt is not None else span / steps_between  # type: ignore[operator]
        self.span = self.dt * steps_between
        self.num_streams = num_streams
        self.window = window
        self.random_window = random_window
        self.time_dtype = np.float32 if float32_time else np.float64
        self.noise_std = noise_std
        self.horizon = horizon
        self.target_shift = target_shift
        self.overfit_batches = overfit_batches
        self.stops = {"train": overfit_batches or None, "val": val_windows, "test": test_windows}
        self.endless = not overfit_batches
        self.num_workers = num_workers
        self.seed = seed
        self._start = 0
        self._waves: dict[str, list[np.ndarray]] = {}
        for number, stage in enumerate(_STAGES):
            generator = np.random.default_rng([seed, number])
            self._waves[stage] = [generator.uniform(low, high, (num_streams, 1)) for low, high in (frequency, phase)]
        self._steps = np.arange(window) * self.dt
        self._everything = torch.ones(num_streams, window + 2 * random_window, dtype=torch.bool)
        self._first = torch.ones(num_streams, dtype=torch.bool), torch.zeros(num_streams, dtype=torch.bool)

    def make_window(self, stage: str, i: int) -> Window:
        """Window i of all streams of a stage, x and y (num_streams, T, 1); a pure function of its arguments."""
        if self.random_window and stage == "train":
            first, end = self._border(i), self._border(i + 1)
            block = first // self.window
            parts = zip(*(self._block(stage, k) for k in range(block, (end - 1) // self.window + 1)), strict=True)
            offset = block * self.window
            x, y = (np.concatenate(part, 1)[:, first - offset : end - offset] for part in parts)
        else:
            x, y = self._block(stage, i)
        fresh, going_on = self._first
        return Window(
            torch.from_numpy(x.astype(np.float32)).unsqueeze(-1),
            torch.from_numpy(y.astype(np.float32)).unsqueeze(-1),
            fresh if i == 0 else going_on,
            self._everything[:, : x.shape[1]],
        )

    def _border(self, i: int) -> int:
        """The step at which training window i begins."""
        width = 2 * self.random_window + 1
        return i * self.window + (epoch_seed(self.seed, i) % width - self.random_window if i else 0)

    def _block(self, stage: str, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps i T to (i + 1) T of the signal and of its target, each (num_streams, T): windows that stay."""
        frequency, phase = self._waves[stage]  # each (num_streams, 1)
        time = (i * self.span + self._steps).astype(self.time_dtype).astype(np.float64)
        angle = frequency * time + phase
        x = np.sin(angle)
        if self.horizon is None:
            y = np.sin(angle + self.target_shift)
        else:
            y = np.sin(angle + frequency * (self.horizon * self.dt))
        if self.noise_std:
            noise = np.random.Generator(np.random.Philox(key=[self.seed, _STAGES.index(stage)], counter=[0, i, 0, 0]))
            x += self.noise_std * noise.standard_normal(x.shape)
        return x, y

    def start_from(self, epoch: int, batch: int) -> None:
        """Let the next training loader begin at a batch of an epoch; the epochs after it begin at their start.

        Args:
            epoch: 0 for the endless stream; with overfit_batches any, since all epochs are the same.
            batch: number of the window.

        Raises:
            ValueError: a number is negative.
        """
        check_at_least(0, epoch=epoch, batch=batch)
        self._start = batch

    def train_dataloader(self) -> DataLoader[Window]:
        start, self._start = self._start, 0
        return self._loader("train", start)

    def val_dataloader(self) -> list[DataLoader[Window]]:
        return [self._loader("val")] if self.stops["val"] else []

    def test_dataloader(self) -> list[DataLoader[Window]]:
        return [self._loader("test")] if self.stops["test"] else []

    def predict_dataloader(self) -> list[DataLoader[Window]]:
        return self.test_dataloader()

    def transfer_batch_to_device(self, batch: Window, device: torch.device, dataloader_idx: int) -> Window:
        return batch.to(device)

    def _loader(self, stage: str, start: int = 0) -> DataLoader[Window]:
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        rows = rank_rows(self.num_streams, rank, ranks)
        windows = Windows(partial(self.make_window, stage), self.stops[stage], rows, start)
        return window_loader(windows, self.num_workers)

    def summary(self) -> str:
        """One line for the start of a run."""
        streams = "1 stream" if self.num_streams == 1 else f"{self.num_streams} streams"
        task = f"phase {self.target_shift:+.3g}" if self.horizon is None else f"{self.horizon} steps ahead"
        window = f"{self.window}{f' ± {self.random_window}' if self.random_window else ''}"
        return f"{self.name}: {streams}, windows of {window} steps, dt {self.dt:.4g}, {task}"

    def facts(self) -> dict[str, Any]:
        """What results.json keeps of the data beside its name."""
        return {}
