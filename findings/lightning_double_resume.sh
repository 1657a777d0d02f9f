#!/usr/bin/env bash
# Lightning 2.6.6: a training in precision="64-true" that is resumed goes on from weights rounded to float32.
#
# One would guess: a checkpoint of a float64 training holds float64 weights, so a resumed training repeats the bits of
#   one that was not interrupted.
# What happens: the file does hold them, but it is read into the module before the trainer makes that double. Each weight
#   is rounded to float32 on the way, and only then float64 again; every later step differs. No warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 lightning==2.6.6 numpy
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader


class Line(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch, index):
        return (self.layer(batch) - 1).square().mean()

    def on_train_start(self):
        self.first = self.layer.weight.detach().clone()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(epochs, checkpoint=None):
    torch.manual_seed(0)
    data = DataLoader(torch.linspace(-1, 1, 36, dtype=torch.float64).reshape(12, 3), batch_size=2)
    module = Line()
    quiet = {name: False for name in ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")}
    trainer = pl.Trainer(max_epochs=epochs, precision="64-true", accelerator="cpu", **quiet)
    trainer.fit(module, data, ckpt_path=checkpoint)
    return trainer, module


print("lightning", pl.__version__, "torch", torch.__version__)
half, module = trained(1)
half.save_checkpoint("half.ckpt")
saved = torch.load("half.ckpt", weights_only=True)["state_dict"]["layer.weight"]
assert saved.dtype == torch.float64
assert torch.equal(saved, module.layer.weight)

whole, resumed = trained(2)[1], trained(2, "half.ckpt")[1]
print("saved    ", saved.tolist())
print("went on  ", resumed.first.tolist(), resumed.first.dtype)
print("difference after the same two epochs", float((whole.layer.weight - resumed.layer.weight).detach().abs().max()))
assert resumed.first.dtype == torch.float64
assert torch.equal(resumed.first, saved.float().double()), "the weights are not those rounded to float32"
assert not torch.equal(resumed.first, saved), "a resumed training goes on from the saved weights now"
assert not torch.equal(whole.layer.weight, resumed.layer.weight)
print("as described")
PYTHON
