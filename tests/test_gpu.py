"""On a GPU: the same numbers as on the CPU, up to rounding. Skipped where there is none."""

import pytest
import torch

from seqmodels.run import compose, train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


@pytest.mark.parametrize(
    "words",
    [
        ["+experiment=sine_rnn"],
        ["+experiment=sine_stream", "trainer.max_steps=50", "trainer.val_check_interval=50"],
        ["datamodule=digits", "datamodule.permutation=random", "datamodule.normalize=true", "module.optimizer.lr=0.01"],
    ],
    ids=lambda words: words[0],
)
def test_a_run_agrees_with_the_cpu(words: list[str]) -> None:
    results = [train(compose([*words, f"trainer.accelerator={device}"])) for device in ("cpu", "gpu")]
    on_cpu, on_gpu = (result.metrics for result in results)
    assert on_gpu.keys() == on_cpu.keys()
    for name, value in on_cpu.items():
        assert on_gpu[name] == pytest.approx(value, rel=0.02, abs=0.01), name
    checkpoint = torch.load(results[1].folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    assert checkpoint["global_step"] > 0


def test_mixed_precision_trains() -> None:
    words = ["datamodule=digits", "trainer=gpu", "trainer.max_epochs=15", "module.optimizer.lr=0.01"]
    assert train(compose([*words, "trainer.precision=bf16-mixed"])).metrics["test/acc"] > 0.85


def test_workers_and_gpu_go_together() -> None:
    words = ["+experiment=sine_stream", "trainer=gpu", "datamodule.num_workers=2", "trainer.max_steps=20"]
    assert train(compose([*words, "trainer.val_check_interval=20"])).metrics["train/loss"] > 0
