"""Weights & Biases and MLflow as a run leaves them, read back from their own files."""

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqmodels.exceptions import Stopped
from seqmodels.runs.run import compose, resume, train
from tests.support.attempts import OWN, SINE, TRUST, callback

Command = Callable[..., int]
QUICK = [*SINE, "trainer.max_steps=12", "callbacks=[guards,checkpoints]"]
WANDB = [*QUICK, "logger=wandb", "logger.wandb.offline=true"]
MLFLOW = [*QUICK, "logger=mlflow"]


def interrupted_and_resumed(words: list[str]) -> Path:
    """The folder of a run that a signal stopped after 8 of its 12 steps, and that went on."""
    folder = interrupted(words)
    assert json.loads((folder / "results.json").read_text())["steps"] == 8
    logger = [word for word in words if word == "logger=mlflow"]  # which would send, and is not offline
    assert resume(folder, logger, trust=OWN) is not None
    return folder


def interrupted(words: list[str]) -> Path:
    words = [*words, *callback("Signalled", name="SIGUSR1", step=7)]
    with pytest.raises(Stopped):
        train(compose(words), "run", words)
    return Path("run")


def rows(folder: Path, metric: str) -> dict[int, float]:
    """A column of metrics.csv: the value at each step where it was logged."""
    from csv import DictReader

    with (folder / "metrics.csv").open() as file:
        return {int(row["step"]): float(row[metric]) for row in DictReader(file) if row[metric]}


@pytest.fixture(scope="session")
def mlflow_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs: making its tables takes MLflow longer than all that is tested with them."""
    from mlflow.tracking import MlflowClient

    database = tmp_path_factory.mktemp("mlflow") / "empty.db"
    MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


class TestWandB:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("wandb", reason='wandb is not installed: pip install -e ".[wandb]"')

    def test_a_resumed_run_is_one_run_over_there(self) -> None:
        folder = interrupted_and_resumed(WANDB)
        attempts = [list(_records(path)) for path in _files(folder, "wandb/offline-*/*.wandb")]
        assert len(attempts) == 2
        identity = (folder / ".hydra" / "wandb").read_text()
        assert {r.run.run_id for records in attempts for r in records if r.HasField("run")} == {identity}
        assert [_only(records, "exit").exit_code for records in attempts] == [1, 0]
        logged = _history([record for records in attempts for record in records], "train/loss")
        assert logged == pytest.approx(rows(folder, "train/loss"))
        assert len(logged) == 12
        config = {update.key: update.value_json for update in _first(attempts[0], "config").update}
        assert config["core"] == '"LSTM"'
        assert config["core.hidden_size"] == "8"
        assert json.loads((folder / "results.json").read_text())["metrics"]["test/r2"] == pytest.approx(
            json.loads(_summary(attempts[1])["test/r2"])
        )

    def test_jobs_in_one_process_are_runs_of_their_own(self, command: Command) -> None:
        assert command("-m", *WANDB, "seed=1,2", "hydra.sweep.dir=sweep_1", "test=false") == 0
        files = _files(Path(), "sweep_1/*/wandb/offline-*/*.wandb")
        runs = [_first(list(_records(path)), "run") for path in files]
        assert len({run.run_id for run in runs}) == 2
        assert {run.run_group for run in runs} == {"sweep_1"}
        assert {run.project for run in runs} == {"sine_stream"}

    def test_what_is_missing_is_said(self, command: Command, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lightning.pytorch.loggers.wandb._WANDB_AVAILABLE", False)
        assert command(*WANDB) == 1
        assert 'logger=wandb needs wandb: pip install -e ".[wandb]"' in capfd.readouterr().err

    def test_without_an_account(self, command: Command, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody is asked, whatever this machine knows
        monkeypatch.setenv("HOME", str(Path.cwd()))
        monkeypatch.delenv("WANDB_API_KEY", raising=False)
        monkeypatch.delenv("WANDB_MODE", raising=False)
        assert command(*QUICK, "logger=wandb") == 1
        shown = capfd.readouterr().err
        assert "error: logger=wandb: " in shown
        assert "logger.wandb.offline=true" in shown


class TestMLflow:
    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
        pytest.importorskip("mlflow", reason='mlflow is not installed: pip install -e ".[mlflow]"')
        pytest.importorskip("sqlalchemy", reason="mlflow-skinny alone writes no local database")
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        Path("outputs").mkdir()
        shutil.copy(request.getfixturevalue("mlflow_tables"), "outputs/mlflow.db")

    def test_a_resumed_run_is_one_run_over_there(self) -> None:
        folder = interrupted_and_resumed(MLFLOW)
        (run,) = _mlflow_runs()
        assert run.info.run_id == (folder / ".hydra" / "mlflow").read_text()
        assert run.info.status == "FINISHED"
        assert run.data.params["core.hidden_size"] == "8"
        assert run.data.metrics.keys() >= {"train/loss", "val/r2", "test/r2"}
        history = _mlflow_client().get_metric_history(run.info.run_id, "train/loss")
        assert {metric.step: metric.value for metric in history} == pytest.approx(rows(folder, "train/loss"))

    def test_a_run_that_fails_has_failed_there_too(self, command: Command) -> None:
        assert command(*MLFLOW, "optimizer=sgd", "optimizer.lr=1e30", "hydra.run.dir=run") == 1
        (run,) = _mlflow_runs()
        assert run.info.status == "FAILED"

    def test_another_store_does_not_know_the_run(self, command: Command, capfd: Any) -> None:
        (interrupted(MLFLOW) / ".hydra" / "mlflow").write_text("0123456789abcdef0123456789abcdef")
        assert command("resume=run", "logger=mlflow", TRUST) == 1
        shown = capfd.readouterr().err
        assert "outputs/mlflow.db); choose another store" in shown
        assert "Traceback" not in shown

    def test_what_is_missing_is_said(self, command: Command, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lightning.pytorch.loggers.mlflow._MLFLOW_AVAILABLE", False)
        assert command(*MLFLOW) == 1
        assert 'logger=mlflow needs mlflow: pip install -e ".[mlflow]"' in capfd.readouterr().err

    @pytest.mark.slow
    def test_many_jobs_at_once_in_a_new_store(self) -> None:
        Path("outputs/mlflow.db").unlink()
        script = (
            "import sys; from seqmodels.loggers.mlflow import MLflow; logger = MLflow(sys.argv[1], 'many')\n"
            "for step in range(50): logger.log_metrics({'loss': step}, step)\n"
            "logger.finalize('success')"
        )
        jobs = [subprocess.Popen([sys.executable, "-c", script, f"job_{number}"]) for number in range(4)]
        assert [job.wait(timeout=300) for job in jobs] == [0, 0, 0, 0]
        runs = _mlflow_runs("many")
        assert len(runs) == 4
        for run in runs:
            assert run.info.status == "FINISHED"
            assert len(_mlflow_client().get_metric_history(run.info.run_id, "loss")) == 50


@pytest.mark.slow
@pytest.mark.parametrize(("words", "package"), [(WANDB, "wandb"), (MLFLOW, "mlflow")])
def test_of_two_processes_one_logs(words: list[str], package: str) -> None:
    pytest.importorskip(package, reason=f'{package} is not installed: pip install -e ".[{package}]"')
    pytest.importorskip("sqlalchemy", reason="mlflow-skinny alone writes no local database")
    done = subprocess.run(
        [sys.executable, "-m", "seqmodels.train", *words, "trainer=ddp_cpu", "hydra.run.dir=run"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    if package == "wandb":
        (path,) = Path().glob("run/wandb/offline-*/*.wandb")
        assert len(_history(list(_records(path)), "train/loss")) == 12
    else:
        (run,) = _mlflow_runs()
        assert len(_mlflow_client().get_metric_history(run.info.run_id, "train/loss")) == 12


def _files(folder: Path, pattern: str) -> list[Path]:
    """W&B's files, whole: its process writes the end of one behind `finish`, and all before it ends itself."""
    import wandb

    wandb.teardown()
    return sorted(folder.glob(pattern))


def _records(path: Path) -> Iterator[Any]:
    """W&B's file: records in pieces, each behind 7 bytes with its length and kind, none across a border of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, record = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if left < 7 or kind == 0:
            at += left
            continue
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield Record.FromString(record)
            record = b""


def _first(records: list[Any], kind: str) -> Any:
    return next(getattr(record, kind) for record in records if record.HasField(kind))


def _only(records: list[Any], kind: str) -> Any:
    (found,) = (getattr(record, kind) for record in records if record.HasField(kind))
    return found


def _items(items: Any) -> dict[str, str]:
    return {item.key or "/".join(item.nested_key): item.value_json for item in items}


def _history(records: list[Any], metric: str) -> dict[int, float]:
    logged = [_items(record.history.item) for record in records if record.HasField("history")]
    return {int(row["trainer/global_step"]): float(row[metric]) for row in logged if metric in row}


def _summary(records: list[Any]) -> dict[str, str]:
    return {
        key: value
        for record in records
        if record.HasField("summary")
        for key, value in _items(record.summary.update).items()
    }


def _mlflow_client() -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{Path('outputs', 'mlflow.db').absolute()}")


def _mlflow_runs(experiment: str = "sine_stream") -> list[Any]:
    client = _mlflow_client()
    return list(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))
