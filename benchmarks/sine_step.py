"""Steps per second on sine windows: a bare PyTorch loop over windows made before, and seqmodels with everything on.

python benchmarks/sine_step.py --streams 1 --window 10 --rounds 5      the tutorial's window
python benchmarks/sine_step.py --streams 64 --window 20 --core LSTM --hidden 64      as sine_stream
python benchmarks/sine_step.py --streams 64 --steps 50000 --memory     seqmodels alone; memory over time
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from alternate import measure, report, table

WARMUP = 200


def overrides(words: argparse.Namespace) -> list[str]:
    return [
        *(
            "datamodule=sine",
            "module=regressor",
            f"core={words.core.lower()}",
            f"core.hidden_size={words.hidden}",
        ),
        *(
            f"datamodule.num_streams={words.streams}",
            f"datamodule.window={words.window}",
            "datamodule.noise_std=0.1",
        ),
        *(
            "datamodule.frequency=[0.5,2]",
            "datamodule.phase=[0,6.28]",
            "datamodule.val_windows=0",
            "threads=1",
        ),
        *(
            "trainer=cpu",
            f"trainer.max_steps={words.steps}",
            f"trainer.log_every_n_steps={words.log_every}",
            "test=false",
        ),
    ]


def bare(words: argparse.Namespace) -> float:
    """nn.RNN or nn.LSTM, head on all steps, fused Adam, the state carried and detached."""
    import torch
    from hydra.utils import instantiate
    from torch import nn

    from seqmodels.runs.run import compose

    torch.set_num_threads(1)
    torch.manual_seed(1)
    data = instantiate(compose(overrides(words)).datamodule)
    windows = [data.splits["train"].window(i) for i in range(200)]
    rnn, head = getattr(nn, words.core)(1, words.hidden, batch_first=True), nn.Linear(words.hidden, 1)
    optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.001, fused=True)
    state, started = None, 0.0
    for step in range(words.steps):
        if step == WARMUP:
            started = time.perf_counter()
        window = windows[step % len(windows)]
        y, state = rnn(window.x, state)
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        loss = nn.functional.mse_loss(head(y), window.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - started) / (words.steps - WARMUP)


def lightning(words: argparse.Namespace) -> float:
    """The same loop as a bare LightningModule: what Lightning itself costs, without callbacks and loggers."""
    import lightning.pytorch as pl
    import torch
    from hydra.utils import instantiate
    from torch import Tensor, nn

    from seqmodels.runs.run import compose

    torch.set_num_threads(1)
    torch.manual_seed(1)
    data = instantiate(compose(overrides(words)).datamodule)
    windows = [tuple(data.splits["train"].window(i)[:2]) for i in range(200)]

    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            while True:
                yield from windows

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = (
                getattr(nn, words.core)(1, words.hidden, batch_first=True),
                nn.Linear(words.hidden, 1),
            )
            self.carried: Any = None

        def training_step(self, batch: Any) -> Tensor:
            if self.global_step == WARMUP:
                self.started = time.perf_counter()
            y, state = self.rnn(batch[0], self.carried)
            self.carried = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
            return nn.functional.mse_loss(self.out(y), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.001, fused=True)

    module = Module()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=words.steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(Endless(), batch_size=None, collate_fn=lambda batch: batch))
    return (time.perf_counter() - module.started) / (words.steps - WARMUP)


def seqmodels(words: argparse.Namespace) -> float:
    """The default callbacks and loggers, windows made on the way."""
    import lightning.pytorch as pl
    import psutil

    from seqmodels.runs.run import build, compose

    class Clock(pl.Callback):
        """Listens to the optimiser: a callback with a hook in the step would have every step go Lightning's way."""

        started, steps = 0.0, 0

        def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
            trainer.optimizers[0].register_step_post_hook(self.count)

        def count(self, *_: Any) -> None:
            self.steps += 1
            if self.steps == WARMUP:
                self.started = time.perf_counter()
            if words.memory and self.steps % 5000 == 0:
                print(f"step {self.steps}: {psutil.Process().memory_info().rss / 2**20:.1f} MiB", flush=True)

        def on_train_end(self, *_: Any) -> None:
            self.seconds = time.perf_counter() - self.started

    with tempfile.TemporaryDirectory() as folder:
        parts, clock = build(compose(overrides(words)), Path(folder)), Clock()
        parts.trainer.callbacks.append(clock)  # type: ignore[attr-defined]
        parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    return clock.seconds / (words.steps - WARMUP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("streams", 1),
        ("window", 10),
        ("hidden", 32),
        ("steps", 3000),
        ("log-every", 50),
        ("rounds", 5),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--core", default="RNN", choices=["RNN", "LSTM", "GRU"])
    parser.add_argument("--memory", action="store_true", help="print the process's memory every 5,000 steps")
    parser.add_argument("--variant", default="")
    words = parser.parse_args()
    if words.memory:
        print(f"{seqmodels(words) * 1e3:.3g} ms a step")
    elif words.variant:
        report({"bare": bare, "lightning": lightning, "seqmodels": seqmodels}[words.variant](words))
    else:
        rest = [
            f"--{name.replace('_', '-')}={value}"
            for name, value in vars(words).items()
            if name not in ("memory", "variant")
        ]
        table(
            measure(__file__, ["bare", "lightning", "seqmodels"], words.rounds, *rest),
            "bare",
            "ms a step",
            1e3,
        )


if __name__ == "__main__":
    main()
