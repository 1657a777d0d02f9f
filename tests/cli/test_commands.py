"""The commands as a user starts them: processes of their own."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqmodels.cli.command import run_command

PYTHON = [sys.executable, "-m", "seqmodels.train"]
SCRIPT = [str(Path(sys.executable).with_name("seqmodels-train"))]
NO_TORCH = "import sys; sys.modules['torch'] = None; sys.argv[0] = 'train'; from seqmodels.train import main; main()"


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    env.pop("HYDRA_FULL_ERROR", None)
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env=env, check=False)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--help"], 0, "python -m seqmodels.train +experiment=mnist_lstm"),
        (["--cfg", "job"], 0, "_target_: seqmodels.datamodules.images.datamodule.ImageSequences"),
        (["sede=3"], 1, "sede"),
        (["core=lstn"], 1, "core/lstn"),
    ],
)
def test_help_config_and_typos_do_not_wait_for_torch(words: list[str], code: int, expected: str) -> None:
    """Importing torch would fail in this process."""
    done = run(sys.executable, "-c", NO_TORCH, *words)
    assert done.returncode == code, done.stderr
    assert expected in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reads_what_is_printed(unbuffered: str) -> None:
    """Printing fails at once, or where what was held back is printed at the end."""
    reads, writes = os.pipe()
    os.close(reads)
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "seqmodels.evaluate", "--help"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True, env=env, check=False)
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")


def test_another_pipe_that_breaks_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    assert run_command(command) == 1
    assert "error: [Errno 32] Broken pipe" in capsys.readouterr().err


def test_help_names_every_group() -> None:
    shown = run(*PYTHON, "--help").stdout
    for group in (
        "digits, formal_language, image_sequence, labelled_series, mnist, recall, series, sine",
        "core: attention, cfc, delta_product, gated_delta_net, gru, indrnn",
        "experiment: adding_irnn, adding_lru, adding_lstm, co2_1",
        "debug: fast",
        "trainer: cpu",
    ):
        assert group in shown
    assert shown.count("python -m seqmodels.train ") >= 6


def test_the_console_script_trains_from_any_folder() -> None:
    done = run(*SCRIPT, "+experiment=sine_rnn", "test=false", "callbacks=none")
    assert done.returncode == 0, done.stderr
    assert "train/loss_mean  0.264" in done.stdout
    (results,) = Path("outputs").glob("sine_rnn/*/results.json")
    assert json.loads(results.read_text())["status"] == "completed"
    assert (results.parent / ".hydra" / "config.yaml").exists()


def test_sigint_to_the_process() -> None:
    words = [
        *PYTHON,
        "+experiment=sine_stream",
        "trainer=cpu",
        "trainer.max_steps=1000000",
        "trainer.log_every_n_steps=1",
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not list(Path("outputs").glob("*/*/metrics.csv")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    (results,) = Path("outputs").glob("*/*/results.json")
    assert json.loads(results.read_text())["status"] == "interrupted"
    assert (results.parent / "checkpoints" / "last.ckpt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["sine_stream", "mnist_lstm"])
def test_two_processes_train_together(experiment: str) -> None:
    """The same numbers as one process, up to rounding, and one run folder."""
    small = [
        "trainer.max_steps=30",
        "trainer.val_check_interval=30",
        "trainer.log_every_n_steps=1",
        "callbacks.animation.windows=0",
    ]
    if experiment == "mnist_lstm":
        small += [
            "datamodule=digits",
            "datamodule.eval_batch_size=100",
            "datamodule.val_size=181",
            "trainer.max_epochs=2",
        ]
        small += ["trainer.val_check_interval=10"]
    metrics = []
    for trainer in ("cpu", "ddp_cpu"):
        done = run(*PYTHON, f"+experiment={experiment}", f"trainer={trainer}", f"hydra.run.dir={trainer}", *small)
        assert done.returncode == 0, done.stderr
        results = json.loads(Path(trainer, "results.json").read_text())
        metrics.append(results["metrics"])
    assert results["device"].startswith("2 processes on cpu")
    assert metrics[1].keys() == metrics[0].keys()
    for name in ("val/loss", "test/loss"):
        assert metrics[1][name] == pytest.approx(metrics[0][name], rel=1e-3)
    assert {path.name for path in Path().iterdir()} == {"cpu", "ddp_cpu"}
    assert done.stdout.count("  folder") == 2
