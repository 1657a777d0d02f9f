"""Endless sine waves: the input is the wave, the target the same wave shifted in phase or in time.

input    sin(ω t + φ) + noise
target   sin(ω t + φ + target_shift)         target_shift = π/2 makes it the cosine
or       sin(ω (t + horizon dt) + φ)         forecasting the wave itself `horizon` steps ahead
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from seqmodels.config.ranges import LONGEST, above, at_least, finite, size
from seqmodels.datamodules.order import epoch_seed
from seqmodels.datamodules.streams import StreamData
from seqmodels.datamodules.window import Window


class SineStream(StreamData):
    """Windows of parallel noisy sine streams; each stream keeps its row, its frequency and its phase.

    Validation and test read streams of their own, drawn from the same ranges, from their beginning.

    Attributes:
        name: "sine". input_size, output_size: 1.
        endless: the training stream has no end; the trainer's max_steps ends it.
    """

    name = "sine"
    input_size = output_size = 1
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
        **options: Any,
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
            test_windows: windows of the test, 0 for none.
            options: as in `StreamData`; the seed is that of frequencies, phases and noise.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        super().__init__(num_streams, **options)
        size(LONGEST, window=window)
        finite(frequency=frequency, phase=phase, target_shift=target_shift)
        if horizon is not None:
            at_least(1, horizon=horizon)
        at_least(0, val_windows=val_windows, test_windows=test_windows, random_window=random_window)
        at_least(0.0, noise_std=noise_std)
        _check(window, random_window, span, dt, endpoint, target_shift, horizon)
        for name, bounds in (("frequency", frequency), ("phase", phase)):
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                raise ValueError(f"{name}={list(bounds)} is not a range; give [lowest, highest]")
        steps_between = window - 1 if endpoint else window
        self.dt = dt if dt is not None else span / steps_between  # type: ignore[operator]
        self.span = self.dt * steps_between
        self.window, self.random_window = window, random_window
        self.time_dtype = np.float32 if float32_time else np.float64
        self.noise_std = noise_std
        self.target_shift, self.horizon = target_shift, horizon
        self.endless = not self.overfit_batches
        self.longest = self.overfit_batches * window or None
        counts = {"train": None, "val": val_windows, "test": test_windows}
        for number, (split, count) in enumerate(counts.items()):
            generator = np.random.default_rng([self.seed, number])
            waves = (generator.uniform(low, high, (num_streams, 1)) for low, high in (frequency, phase))
            self.splits[split] = SineWindows(self, number, count, *waves)

    def summary(self) -> str:
        streams = "1 stream" if self.num_streams == 1 else f"{self.num_streams} streams"
        task = f"phase {self.target_shift:+.3g}" if self.horizon is None else f"{self.horizon} steps ahead"
        window = f"{self.window}{f' ± {self.random_window}' if self.random_window else ''}"
        return f"{self.name}: {streams}, windows of {window} steps, dt {self.dt:.4g}, {task}"


def _check(
    window: int,
    random_window: int,
    span: float | None,
    dt: float | None,
    endpoint: bool,
    target_shift: float | None,
    horizon: int | None,
) -> None:
    """What contradicts each other."""
    if 2 * random_window >= window:
        raise ValueError(
            f"random_window={random_window} could leave a window of {window} steps without any; "
            f"give at most {(window - 1) // 2}"
        )
    if random_window and endpoint:
        raise ValueError(
            f"random_window={random_window} needs datamodule.endpoint=false: where neighbours share a step, borders "
            f"cannot move"
        )
    if endpoint and window < 2:
        raise ValueError(f"endpoint={endpoint} needs window of at least 2 steps; window={window}")
    if (span is None) == (dt is None):
        remedy = "datamodule.dt=0.1" if dt is None else "datamodule.span=null"
        raise ValueError(f"span={span} and dt={dt}: exactly one of them says how long a step is; give {remedy}")
    if (target_shift is None) == (horizon is None):
        remedy = "datamodule.horizon=1" if horizon is None else "datamodule.target_shift=null"
        raise ValueError(
            f"target_shift={target_shift} and horizon={horizon}: exactly one of them is the target; give {remedy}"
        )
    above(0, **{name: value for name, value in (("span", span), ("dt", dt)) if value is not None})


AHEAD = 2**15
"""Numbers of the signal that are made at once: a window alone costs as much in calls as in sines."""


class SineWindows:
    """The streams of one split."""

    def __init__(
        self, source: SineStream, number: int, count: int | None, frequency: np.ndarray, phase: np.ndarray
    ) -> None:
        """
        Args:
            source: says what is the same in all splits.
            number: of the split, 0 for the training.
            count: how many windows there are; None if they never end.
            frequency, phase: (B, 1) of the streams.
        """
        self.source, self.number, self.count = source, number, count
        self.frequency, self.phase = frequency, phase
        self.random_window = source.random_window if number == 0 else 0
        self._steps = np.arange(source.window) * source.dt
        self._key = np.array([source.seed, number], np.uint64)
        rows = source.num_streams
        self._ahead = max(1, min(64, AHEAD // (rows * source.window)))
        self._made: tuple[int, np.ndarray, np.ndarray] = (-1, self._steps, self._steps)
        self._everything = torch.ones(rows, source.window + 2 * self.random_window, dtype=torch.bool)
        self._fresh, self._going_on = torch.ones(rows, dtype=torch.bool), torch.zeros(rows, dtype=torch.bool)

    def window(self, i: int) -> Window:
        """Window i of all streams, x and y (B, T, 1); a pure function of i."""
        if self.random_window:
            steps = self.source.window
            first, end = self._border(i), self._border(i + 1)
            block = first // steps
            parts = zip(*(self._block(k) for k in range(block, (end - 1) // steps + 1)), strict=True)
            offset = block * steps
            x, y = (np.concatenate(part, 1)[:, first - offset : end - offset] for part in parts)
        else:
            x, y = self._block(i)
        return Window(
            torch.from_numpy(x.astype(np.float32)).unsqueeze(-1),
            torch.from_numpy(y.astype(np.float32)).unsqueeze(-1),
            self._fresh if i == 0 else self._going_on,
            self._everything[:, : x.shape[1]],
        )

    def _border(self, i: int) -> int:
        """The step at which window i begins."""
        width = 2 * self.random_window + 1
        jitter = epoch_seed(self.source.seed, i) % width - self.random_window if i else 0
        return i * self.source.window + jitter

    def _block(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps i T to (i + 1) T of the signal and of its target, each (B, T): windows that stay."""
        first, steps = i - i % self._ahead, self.source.window
        if self._made[0] != first:
            self._made = (first, *self._sines(first))
        x, y = (part[:, (i - first) * steps : (i - first + 1) * steps] for part in self._made[1:])
        if self.source.noise_std:
            counter = np.array([0, i, 0, 0], np.uint64)  # as an array: numpy takes 6 µs to make one of a list's numbers
            noise = np.random.Generator(np.random.Philox(key=self._key, counter=counter))
            x = x + self.source.noise_std * noise.standard_normal(x.shape)
        return x, y

    def _sines(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        """The signal without its noise, and its target, each (B, ahead * T) from window `first` on."""
        source = self.source
        numbers = np.arange(first, first + self._ahead)[:, None]
        time = (numbers * source.span + self._steps).astype(source.time_dtype).astype(np.float64).ravel()
        angle = self.frequency * time + self.phase
        if source.horizon is None:
            return np.sin(angle), np.sin(angle + source.target_shift)
        return np.sin(angle), np.sin(angle + self.frequency * (source.horizon * source.dt))
