"""One epoch of the MNIST LSTM: the tutorial's way, a bare loop over tensors in memory, and seqmodels.

    python benchmarks/mnist_epoch.py --root FOLDER_OF_MNIST --threads 2 --rounds 5
    python benchmarks/mnist_epoch.py --root FOLDER_OF_MNIST --whole         the whole process instead
    python benchmarks/mnist_epoch.py --root FOLDER_OF_MNIST --script FILE   also the tutorial's own script

All train on the 60,000 images with batches of 64. `tutorial` and `seqmodels --whole` evaluate on 2,000 images every 50
steps and on the test set at the end; without `--whole` only training steps and loading count.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from alternate import measure, report, table


def tutorial(root: str, threads: int) -> float:
    """A torchvision dataset, ToTensor image by image, a shuffling DataLoader, torch's default Adam."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import MNIST

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    train = MNIST(root, train=True, transform=transforms.ToTensor())
    test = MNIST(root, train=False)
    test_x, test_y = test.data.float() / 255, test.targets
    lstm, head = nn.LSTM(28, 64, batch_first=True), nn.Linear(64, 10)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=0.01)

    def accuracy(x: torch.Tensor, y: torch.Tensor) -> float:
        with torch.no_grad():
            return (head(lstm(x)[0][:, -1]).argmax(1) == y).float().mean().item()

    evaluating = 0.0
    epoch = time.perf_counter()
    for step, (x, y) in enumerate(DataLoader(train, batch_size=64, shuffle=True)):
        loss = nn.functional.cross_entropy(head(lstm(x.view(-1, 28, 28))[0][:, -1]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            before = time.perf_counter()
            print(step, loss.item(), accuracy(test_x[:2000], test_y[:2000]))
            evaluating += time.perf_counter() - before
    trained = time.perf_counter() - epoch - evaluating
    print(accuracy(test_x, test_y))
    return trained


def bare(root: str, threads: int) -> float:
    """The least there can be: uint8 tensors, one index a batch, fused Adam, no logging."""
    import torch
    from torch import nn
    from torchvision.datasets import MNIST

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    data = MNIST(root)
    lstm, head = nn.LSTM(28, 64, batch_first=True), nn.Linear(64, 10)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=0.01, fused=True)
    epoch = time.perf_counter()
    for rows in torch.randperm(60_000).split(64):
        x, y = data.data[rows].float().div_(255), data.targets[rows]
        loss = nn.functional.cross_entropy(head(lstm(x)[0][:, -1]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - epoch


def seqmodels(root: str, threads: int, whole: bool) -> float:
    """`python -m seqmodels.train +experiment=mnist_lstm` as it is; for the epoch alone, without validation."""
    words = ["+experiment=mnist_lstm", "trainer=cpu", f"threads={threads}", f"datamodule.root={root}"]
    with tempfile.TemporaryDirectory() as folder:
        if whole:
            command = [sys.executable, "-m", "seqmodels.train", *words, f"hydra.run.dir={folder}/run"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return 0.0
        return _epoch([*words, "datamodule.val_size=0", "trainer.val_check_interval=1.0"], Path(folder))


def _epoch(words: list[str], folder: Path) -> float:
    import lightning.pytorch as pl

    from seqmodels.runs.run import build, compose

    class Epoch(pl.Callback):
        """Listens to the optimiser: a callback with a hook in the step would have every step go Lightning's way."""

        def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
            trainer.optimizers[0].register_step_post_hook(self.look)
            self.start = time.perf_counter()

        def look(self, *_: Any) -> None:
            self.end = time.perf_counter()

    parts, epoch = build(compose(words), folder), Epoch()
    parts.trainer.callbacks.append(epoch)  # type: ignore[attr-defined]
    parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    return epoch.end - epoch.start


def script(file: str, root: str, threads: int) -> float:
    """A tutorial's own script that prints its `epoch_s` and `eval_s`."""
    words = [sys.executable, file, root, "--threads", str(threads)]
    out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    times = eval(out.split("TIMES ")[1].splitlines()[0])
    return times["epoch_s"] - times["eval_s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="the folder that holds MNIST/raw")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--whole", action="store_true", help="time the whole process, imports included")
    parser.add_argument("--script", default="", help="the tutorial's own script, to check `tutorial` against")
    parser.add_argument("--variant", default="")
    words = parser.parse_args()
    if words.variant == "script":
        report(script(words.script, words.root, words.threads))
    elif words.variant == "seqmodels":
        report(seqmodels(words.root, words.threads, words.whole))
    elif words.variant:
        report({"tutorial": tutorial, "bare": bare}[words.variant](words.root, words.threads))
    else:
        rest = [f"--root={words.root}", f"--threads={words.threads}", f"--script={words.script}"]
        rest += ["--whole"] * words.whole
        names = ["script"] * bool(words.script) + ["tutorial", "bare", "seqmodels"]
        table(measure(__file__, names, words.rounds, *rest, whole=words.whole), "tutorial")


if __name__ == "__main__":
    main()
