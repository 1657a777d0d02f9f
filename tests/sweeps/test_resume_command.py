"""`resume=` and `init_from=` as words of the command: which run is meant, what may stand beside, what is refused."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seqmodels.config.overrides import quoted
from seqmodels.sweeps.folder import command_to_resume, last_sweep_of
from tests.support.attempts import DIGITS, SINE, TRUST, assert_same_run, callback, whole

Command = Callable[..., int]
QUICK = [*SINE, "trainer.max_steps=6", "test=false", "scheduler=none"]


def files(folder: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and path.name != "lock"}


def results(folder: Path | str) -> dict:
    return json.loads(Path(folder, "results.json").read_text())


def test_the_same_command_again_goes_on(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """`resume=auto`: a new run, then the rest of it, then nothing more."""
    words = [*SINE, "resume=auto", TRUST]
    stopped = callback("Signalled", name="SIGUSR1", step=10)
    assert command(*words, *stopped) == 138
    (run,) = Path("outputs").glob("*/*")
    assert f"stopped by SIGUSR1; go on with: resume={run.absolute()}" in capfd.readouterr().err
    assert results(run)["status"] == "interrupted"
    saved = {path: path.read_bytes() for path in (run / ".hydra").glob("*.yaml")}
    assert command(*words, *stopped) == 0
    assert list(Path("outputs").glob("*/*")) == [run]
    assert results(run)["status"] == "completed"
    assert results(run)["steps"] == 24
    assert {path: path.read_bytes() for path in (run / ".hydra").glob("*.yaml")} == saved
    assert (run / "train.log").read_text().count("  model   ") == 2
    assert_same_run(run, whole(SINE))
    before = files(str(run))
    assert command(*words, *stopped) == 0
    assert f"{run} is finished, there is nothing to resume" in capfd.readouterr().out
    assert files(str(run)) == before
    assert command(*SINE, TRUST, "resume=auto", "seed=2") == 0  # another command, another run
    assert len(list(Path("outputs").glob("*/*"))) == 2


def test_a_run_in_a_folder_of_ones_own_goes_on(command: Command) -> None:
    words = [*QUICK, r"hydra.run.dir='it\'s, mine=1'", "resume=auto"]
    assert command(*words) == 0
    (Path("it's, mine=1") / "results.json").unlink()
    assert command(*words) == 0
    assert results("it's, mine=1")["steps"] == 6
    assert command("resume=it's, mine=1") == 0


def test_a_finished_run_is_extended_on_demand(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    words = [*QUICK, "scheduler=step", "scheduler.step_size=2"]  # a schedule that is not laid out for a length
    assert command(*words, "hydra.run.dir=run") == 0
    assert command("resume=run", "test=last") == 0
    said = capfd.readouterr().out
    assert "is finished, there is nothing to resume; resume=run with a higher trainer.max_epochs=N" in said
    assert command("resume=run", "trainer.max_steps=12", "logger=csv", "checkpoint.every_n_steps=4") == 0
    assert results("run")["steps"] == 12
    config = torch.load("run/checkpoints/previous.ckpt", weights_only=True)["config"]
    assert config["callbacks"]["last"]["every_n_steps"] == 4
    (Path("run") / "results.json").unlink()
    assert command("resume=run") == 0  # the extension is remembered
    assert results("run")["steps"] == 12
    longer = whole([*words, "trainer.max_steps=12"])
    assert Path("run/metrics.csv").read_text() == (longer / "metrics.csv").read_text()
    capfd.readouterr()
    assert command(*words, "hydra.run.dir=run", "resume=auto") == 0  # its own command does not make it shorter again
    assert "is finished, there is nothing to resume" in capfd.readouterr().out
    assert command("resume=run", "++trainer.max_steps=18") == 0
    assert results("run")["steps"] == 18


@pytest.mark.slow
def test_whom_a_command_trusts_makes_no_other_run(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """Parts of a package of one's own, in a run and in a sweep; what is finished needs nobody's trust."""
    words = [*QUICK, *callback("AtStep", step=99)]
    assert command(*words, "resume=auto") == 0
    (run,) = Path("outputs").glob("*/*")
    (run / "results.json").unlink()
    assert command(*words, "resume=auto") == 1
    assert "trust=[tests.support.attempts.AtStep]" in capfd.readouterr().err
    assert command(*words, "resume=auto", TRUST) == 0
    assert list(Path("outputs").glob("*/*")) == [run]
    sweep = ["-m", *words, "seed=1,2", "hydra.sweep.dir=sweep"]
    assert command(*sweep) == 0
    assert command("resume=sweep") == 0
    jobs = sorted(path for path in Path("sweep").iterdir() if path.is_dir())
    (jobs[1] / "results.json").unlink()
    assert command("resume=sweep") == 1
    assert command("resume=sweep", TRUST) == 0
    (jobs[1] / "results.json").unlink()
    assert command(*sweep, "resume=auto", TRUST) == 0
    assert sorted(path for path in Path("sweep").iterdir() if path.is_dir()) == jobs
    assert [results(job)["status"] for job in jobs] == ["completed"] * 2


def test_what_cannot_be_read_is_not_the_run_of_this_command(command: Command) -> None:
    for path in ("outputs/other/2026/.hydra/config.yaml", "outputs/other/sweep_1/multirun.yaml"):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text("[")
    Path("outputs/other/2026/.hydra/overrides.yaml").write_text("{")
    assert command(*QUICK, "resume=auto") == 0
    assert command("-m", *QUICK, "seed=1,2", "trainer.max_steps=2", "hydra.sweep.dir=outputs/sine_stream/sweep_2") == 0
    again = ["-m", *QUICK, "seed=1,2", "trainer.max_steps=2"]
    assert last_sweep_of(again) == Path("outputs/sine_stream/sweep_2")
    assert command_to_resume(Path("outputs/sine_stream/sweep_2"), ["-m"])[:2] == [
        "-m", "hydra.sweep.dir='outputs/sine_stream/sweep_2'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["core=gru"], "core=gru would change the experiment of run"),
        (["core.hidden_size=9"], "core.hidden_size=9 would change the experiment"),
        (["seed=2"], "seed=2 would change the experiment"),
        (["datamodule.noise_std=0.5"], "datamodule.noise_std=0.5 would change the experiment"),
        (["+experiment=sine_rnn"], "would change the experiment"),
        (["trainer.max_steps=3"], "trainer.max_steps=3 does not extend"),
        (["trainer.max_steps=many"], "trainer.max_steps='many' has the wrong type"),
        (["trainer.max_steps=8,9"], "would change the experiment"),
        (["-m"], "goes on with one run; give it without -m"),
        (["--cfg", "job"], "--cfg shows nothing of a run"),
        (["trainer=nowhere"], "nowhere"),
        (["trainer.max_steps"], "trainer.max_steps"),
    ],
)
def test_what_may_not_stand_beside_resume(
    command: Command, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert command(*QUICK, "hydra.run.dir=run") == 0
    before = files("run")
    code = command("resume=run", *words)
    shown = capfd.readouterr()
    if words == ["trainer.max_steps"]:  # a word without a value says nothing
        assert code == 0
        return
    assert code == 1
    assert message in shown.err
    assert "Traceback" not in shown.err
    after = files("run")
    after[Path("run/train.log")] = before[Path("run/train.log")]
    assert after == before


def test_a_resume_that_fails_at_once_changes_nothing(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*DIGITS, "trainer.max_epochs=1", "hydra.run.dir=run") == 0
    before = files("run")
    assert command("resume=run", "trainer.max_epochs=2", "threads=0") == 1
    assert "threads=0 is too small; give an integer of at least 1" in capfd.readouterr().err
    after = files("run")
    assert {path: after[path] for path in before if path.name != "train.log"} == {
        path: before[path] for path in before if path.name != "train.log"
    }
    assert "test/acc" in results("run")["metrics"]


def test_a_schedule_cannot_be_extended(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*QUICK, "scheduler=cosine", "hydra.run.dir=run") == 0
    for _ in range(2):
        assert command("resume=run", "trainer.max_steps=12") == 1
        assert "cannot be extended; init_from=" in capfd.readouterr().err
        Path("run/results.json").unlink(missing_ok=True)  # nor when it is not finished


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: None, "resume=run is neither the folder of a run"),
        (lambda: _config("{"), "config.yaml cannot be read"),
        (lambda: _config("- 1"), "config.yaml holds no keys"),
        (lambda: _config("seed: 1\n"), "is not complete"),
        (lambda: _config("!!python/object/apply:os.system ['touch owned']"), "cannot be read"),
    ],
    ids=["nothing", "broken yaml", "a list", "half a config", "python in yaml"],
)
def test_folders_that_hold_no_run(
    command: Command, capfd: pytest.CaptureFixture[str], make: Callable[[], None], message: str
) -> None:
    make()
    assert command("resume=run") == 1
    shown = capfd.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert not Path("owned").exists()


def _config(text: str) -> None:
    Path("run/.hydra").mkdir(parents=True)
    Path("run/.hydra/config.yaml").write_text(text)


def test_two_processes_never_train_in_one_folder(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*QUICK, "hydra.run.dir=run") == 0
    (Path("run") / "results.json").unlink()
    code = "from filelock import FileLock; lock = FileLock('run/.hydra/lock').acquire(); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert command("resume=run") == 1
        assert "is being trained by another process" in capfd.readouterr().err
        other.kill()
    time.sleep(0.1)
    assert command("resume=run") == 0


def test_init_from_begins_a_new_run_with_trained_weights(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*DIGITS, "hydra.run.dir='a=b/run'") == 0
    best = torch.load("a=b/run/checkpoints/best.ckpt", weights_only=True)
    for source in ("a=b/run", "a=b/run/checkpoints/best.ckpt"):
        target = f"new{len(source)}"
        words = [
            *DIGITS,
            "optimizer.lr=0.0",
            "trainer.max_steps=1",
            f"init_from={source}",
            f"hydra.run.dir={target}",
        ]
        assert command(*words) == 0
        assert "from    the weights of a=b/run/checkpoints/best.ckpt" in capfd.readouterr().out
        last = torch.load(f"{target}/checkpoints/last.ckpt", weights_only=True)
        assert last["global_step"] == 1
        assert all(torch.equal(last["state_dict"][name], weight) for name, weight in best["state_dict"].items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["core.hidden_size=16"], "core.rnn.weight_hh_l0 is 32x8 there and 64x16 here"),
        (["core=gru"], "core.rnn.weight_hh_l0 is 32x8 there and 24x8 here"),
        (["core.num_layers=2"], "core.rnn.weight_hh_l1 is missing"),
        (["init_from=nowhere"], "init_from=nowhere is neither a checkpoint nor the folder of a run"),
        (["init_from=run/metrics.csv"], "run/metrics.csv cannot be read"),
    ],
)
def test_weights_that_do_not_fit(
    command: Command, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert command(*DIGITS, "trainer.max_steps=2", "hydra.run.dir=run") == 0
    source = [] if words[0].startswith("init_from") else ["init_from=run"]
    assert command(*DIGITS, *source, *words) == 1
    shown = capfd.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err


def test_a_checkpoint_that_no_run_wrote(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*QUICK, "hydra.run.dir=run") == 0
    Path("run/results.json").unlink()
    for path in Path("run/checkpoints").iterdir():
        torch.save({"state_dict": torch.load(path, weights_only=True)["state_dict"]}, path)
    assert command("resume=run") == 1
    shown = capfd.readouterr().err
    assert "last.ckpt cannot be read: it lacks position, rng" in shown
    assert "Traceback" not in shown


def test_paths_with_what_hydra_does_not_like_are_quoted() -> None:
    assert quoted(["seed=1", "init_from=a b/c=d,[e]'f"], "init_from") == ["seed=1", r"init_from='a b/c=d,[e]\'f'"]
    assert quoted(["init_from='done'"], "init_from") == ["init_from='done'"]
    assert quoted(["seed=1"], "init_from") == ["seed=1"]
