"""On a GPU: the same numbers as on the CPU, up to rounding. Skipped where there is none."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from seqmodels import load_run
from seqmodels.modules.cuda_graph import CudaGraphs
from seqmodels.modules.recorded import RecordedStep
from seqmodels.runs.evaluate import evaluate
from seqmodels.runs.run import compose, train
from tests.conftest import core_config, options
from tests.support.attempts import DIGITS, SINE, checkpoint, cut_and_resumed, same, whole

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

OF_CUDNN = {"rnn", "rnn_tf", "gru", "lstm", "lstm_tf", "lstm_orthogonal"}
"""Its kernels round more than ours."""


@pytest.mark.parametrize(
    "words",
    [
        ["+experiment=sine_rnn"],
        ["+experiment=sine_stream", "trainer.max_steps=50", "trainer.val_check_interval=50"],
        ["datamodule=digits", "datamodule.permutation=random", "datamodule.normalize=true", "optimizer.lr=0.01"],
        ["+experiment=co2_1", "trainer.max_epochs=10"],
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


def test_a_run_of_the_gpu_is_loaded_on_the_cpu_and_tested_on_either() -> None:
    run = train(compose([*SINE, "trainer=gpu"]))
    x = torch.randn(2, 9, 1)
    loaded = load_run(run.folder)
    assert {tensor.device.type for tensor in loaded.module.state_dict().values()} == {"cpu"}
    assert loaded.module(x)[0].isfinite().all()
    for device in ("cpu", "gpu"):
        found = evaluate(run.folder, words=[f"trainer.accelerator={device}"], output=device).metrics
        for name, value in found.items():
            assert value == pytest.approx(run.metrics[name], rel=1e-3, abs=1e-4), name


def test_mixed_precision_trains() -> None:
    words = ["datamodule=digits", "trainer=gpu", "trainer.max_epochs=15", "optimizer.lr=0.01"]
    assert train(compose([*words, "trainer.precision=bf16-mixed"])).metrics["test/acc"] > 0.85


def test_workers_and_gpu_go_together() -> None:
    words = ["+experiment=sine_stream", "trainer=gpu", "datamodule.num_workers=2", "trainer.max_steps=20"]
    assert train(compose([*words, "trainer.val_check_interval=20"])).metrics["train/loss_mean"] > 0


def test_no_batch_of_images_travels() -> None:
    """Once an epoch the order goes to the device, nothing else."""
    from torch.profiler import ProfilerActivity, profile

    def copies(epochs: int) -> int:
        words = ["datamodule=digits", "trainer=gpu", f"trainer.max_epochs={epochs}", "test=false", "callbacks=none"]
        cfg = compose([*words, "datamodule.val_size=0", "logger=none"])
        with profile(activities=[ProfilerActivity.CUDA]) as profiler:
            train(cfg)
        return sum("Memcpy HtoD" in event.name for event in profiler.events())

    copies(1)
    assert copies(11) - copies(1) <= 10 * 3  # an epoch has 23 batches


@pytest.mark.parametrize("told", [False, True], ids=["plain", "told of its steps"])
@pytest.mark.parametrize("core", sorted({*options("core")} - OF_CUDNN))
def test_a_core_agrees_with_the_cpu(core: str, told: bool) -> None:
    torch.manual_seed(0)
    model, x = instantiate(core_config(core))(input_size=3), torch.randn(4, 300, 3)
    steps: list[torch.Tensor] = []
    if told:
        reset = torch.zeros(4, 300, dtype=torch.bool)
        reset[[0, 1, 1], [0, 7, 150]] = True
        steps = [reset, *[torch.rand(4, 300) + 0.5] * model.takes_dt]
    y, state = model(x, None, *steps)
    gradients = torch.autograd.grad(y.pow(3).sum(), [p for p in model.parameters()])
    model.cuda()
    y_gpu, state_gpu = model(x.cuda(), None, *(one.cuda() for one in steps))
    gradients_gpu = torch.autograd.grad(y_gpu.pow(3).sum(), [p for p in model.parameters()])
    for ours, theirs in zip((y, *state, *gradients), (y_gpu, *state_gpu, *gradients_gpu), strict=True):
        scale = theirs.float().abs().max().item() + 1e-6
        torch.testing.assert_close(ours, theirs.cpu(), atol=1e-3 * scale, rtol=1e-3)


@pytest.mark.parametrize(
    "words",
    [
        SINE,
        [*SINE, "module.backprop_windows=3", "module.burn_in=7", "core.num_layers=2", "core.dropout=0.4"],
        [*SINE, "trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.1"],
        [*SINE, "module.initial_state=learned", "trainer.accumulate_grad_batches=2"],
        DIGITS,
        [*DIGITS, "trainer.precision=16-mixed", "optimizer.fused=false", "trainer.gradient_clip_val=0.1"],
    ],
    ids=["sine", "sine, TBPTT(5, 15)", "sine, bf16", "sine, learned", "digits", "digits, 16-mixed"],
)
def test_a_run_cut_off_twice_goes_on(words: list[str]) -> None:
    """The generators to the last bit; the losses up to what CUDA's sums leave open."""
    words = [*words, "trainer=gpu"]
    resumed, undisturbed = cut_and_resumed(words, [7, 13]), whole(words)
    ours, theirs = checkpoint(resumed), checkpoint(undisturbed)
    assert len(ours["rng"][0]["cuda"]) == torch.cuda.device_count()
    for key in ("rng", "position", "global_step"):
        assert same(ours[key], theirs[key]), key
    assert losses(resumed) == pytest.approx(losses(undisturbed), rel=1e-3)


def test_a_run_moves_from_the_gpu_to_the_cpu() -> None:
    resumed = cut_and_resumed([*SINE, "trainer=gpu"], [11], ["trainer=cpu"])
    assert losses(resumed) == pytest.approx(losses(whole([*SINE, "trainer=cpu"])), rel=1e-3)


def losses(folder: Path) -> list[float]:
    with (folder / "metrics.csv").open() as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]


@pytest.mark.parametrize("jobs_per_gpu", [1, 2])
def test_jobs_of_a_sweep_each_see_their_own_gpu(command: Callable[..., int], jobs_per_gpu: int) -> None:
    """Forked from a server that has not touched CUDA; as many at a time as the GPUs take."""
    sweep = ["-m", *SINE, "trainer=gpu", "callbacks=default", "seed=1,2,3", "hydra/launcher=parallel"]
    assert command(*sweep, f"hydra.launcher.jobs_per_gpu={jobs_per_gpu}") == 0
    results = [json.loads(path.read_text()) for path in Path("outputs").glob("*/sweep_*/*/results.json")]
    assert [result["status"] for result in results] == ["completed"] * 3
    assert {result["device"] for result in results} == {torch.cuda.get_device_name(0)}


def test_a_job_that_wants_more_gpus_than_there_are(
    command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    more = torch.cuda.device_count() + 1
    assert command("-m", *SINE, "trainer=gpu", f"trainer.devices={more}", "seed=1", "hydra/launcher=parallel") == 1
    assert f"the job wants {more} GPUs" in capfd.readouterr().err


def test_a_search_shares_the_gpus(tune: Callable[..., int]) -> None:
    """More workers than GPUs share them."""
    words = [*SINE, "trainer=gpu", "callbacks=checkpoints", "+search=sine_stream", "n_trials=4", "workers=2"]
    assert tune(*words) == 0
    results = [json.loads(path.read_text()) for path in Path("outputs").glob("*/study_*/*/results.json")]
    assert len(results) == 4


GRAPHS = "trainer.cuda_graphs=true"


@pytest.mark.parametrize(
    "words",
    [
        SINE,
        [*SINE, "module.backprop_windows=3", "module.carry=true", "core.num_layers=2"],
        [*SINE, "trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.1"],
        [*SINE, "module.initial_state=learned", "trainer.accumulate_grad_batches=2"],
        [*SINE, "trainer.precision=bf16-true", "optimizer.eps=0.0001"],
        DIGITS,  # dropout before the head, and a last batch that is not full
        *([*SINE, f"core={core}", "core.dropout=0.2"] for core in ("lru", "s4d", "mamba", "min_gru", "attention")),
        [*SINE, "core=tcn"],
    ],
    ids=lambda words: " ".join(words[-2:]),
)
def test_recorded_steps_are_the_plain_ones(words: list[str]) -> None:
    """The same losses with the same random numbers; two plain runs may differ by as much, where CUDA leaves it open."""
    words = [*words, "trainer=gpu"]
    plain, recorded = (train(compose([*words, f"trainer.cuda_graphs={way}"]), way).folder for way in ("false", "true"))
    assert losses(recorded) == pytest.approx(losses(plain), rel=1e-2 if "bf16" in str(words) else 1e-3)
    assert same(checkpoint(recorded)["rng"], checkpoint(plain)["rng"])


@pytest.mark.parametrize("words", [SINE, [*SINE, "core=lru", "core.dropout=0.2", "module.backprop_windows=2"], DIGITS])
def test_recorded_steps_go_on(words: list[str]) -> None:
    words = [*words, "trainer=gpu", GRAPHS]
    resumed, undisturbed = cut_and_resumed(words, [7, 13]), whole(words)
    for key in ("rng", "position", "global_step"):
        assert same(checkpoint(resumed)[key], checkpoint(undisturbed)[key]), key
    assert losses(resumed) == pytest.approx(losses(undisturbed), rel=1e-3)


def test_a_step_is_one_launch() -> None:
    """Of the recording; the update, the copies in and out and the checks of the first steps come beside it."""
    from torch.profiler import ProfilerActivity, profile

    cfg = compose([*SINE, "trainer=gpu", GRAPHS, "core=lru", "test=false", "callbacks=none", "logger=none"])
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        train(cfg)
    launches = sum("cudaGraphLaunch" in event.name for event in profiler.events())
    assert launches == cfg.trainer.max_steps


def test_what_no_graph_can_do_is_one_message() -> None:
    from tests.modules.test_regressor import regressor
    from tests.modules.test_tbptt import TRAINER, stream

    def of(spoilt: Callable[[torch.Tensor], torch.Tensor]) -> None:
        module = regressor().cuda()
        module.trainer = TRAINER
        module.stand_in = RecordedStep(module, CudaGraphs())
        plain = module.core.forward
        module.core.forward = lambda x, state=None: plain(spoilt(x), state)
        for window in stream(5, torch.float32):
            module.training_step(window.to(torch.device("cuda")))["loss"].backward()

    with pytest.raises(ValueError, match="cannot be recorded, since it waits for the GPU"):
        of(lambda x: x * (1 + 0 * x.sum().item()))
    with pytest.raises(ValueError, match="draws random numbers on the CPU"):
        of(lambda x: x + float(torch.rand(())))
    of(lambda x: x)  # a recording that failed leaves nothing behind
