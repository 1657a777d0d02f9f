"""A run's folder from a stranger: nothing in it is executed."""

import os
import pickle
import shutil
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from seqmodels.checkpoints.io import read_tensors
from seqmodels.config.migrate import migrated
from seqmodels.runs.load import load_run
from seqmodels.runs.run import compose, resume, train
from seqmodels.runs.trust import check_targets, known, senders_said
from tests.conftest import Command, options
from tests.support.attempts import SINE
from tests.test_old_runs import ARCHIVE

QUICK = [*SINE, "trainer.max_steps=6", "test=false"]


class Payload:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch owned",)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(compose(QUICK), tmp_path_factory.mktemp("trained") / "run", QUICK).folder


@pytest.fixture
def run(trained: Path) -> Path:
    """A run that was cut off at its end, as a stranger sends it."""
    shutil.copytree(trained, "run")
    Path("run/results.json").unlink()
    return Path("run").absolute()


def test_no_message_says_how_to_run_a_pickle() -> None:
    """torch's own recommends weights_only=False."""
    torch.save({"state_dict": Payload()}, "evil.ckpt")
    with pytest.raises(ValueError, match=r"^it holds more than tensors and plain values, so nothing in it was loaded$"):
        read_tensors(Path("evil.ckpt"))
    assert not Path("owned").exists()


def change(run: Path, key: str, value: object) -> None:
    """Put something into the saved config, as a stranger could."""
    path = run / ".hydra" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    *sections, last = key.split(".")
    node = config
    for section in sections:
        node = node.setdefault(section, {})
    node[last] = value
    path.write_text(yaml.safe_dump(config))


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.call",
        "builtins.eval",
        "hydra.utils.get_object",
        "torch.os.system",  # a module that torch has imported
        "torch.hub.load",
        "torch.load",
        "torch.utils.collect_env.run",
        "torch.utils.cpp_extension.load_inline",
        "lightning.pytorch.callbacks.LambdaCallback",  # a callback of Lightning's, but it takes code
        "lightning.pytorch.loggers.CSVLogger",
        "lightning.pytorch.trainer.trainer.os.system",
        "seqmodels.cli.command.os._exit",
        "seqmodels.runs.results.subprocess.run",
        "seqmodels.runs.run.train",
        "torch.optim.Adam.__init__.__globals__",
        "torchmetrics.utilities.imports.importlib.import_module",
        "evil.Payload",
        "seqmodels",
        "",
        None,
        ["os", "system"],
    ],
)
@pytest.mark.parametrize("place", ["callbacks.extra", "core", "optimizer", "trainer.profiler", "datamodule.notes"])
def test_a_config_cannot_name_what_is_not_a_part_of_a_run(target: object, place: str) -> None:
    config = {"callbacks": {"extra": {}}, place: {}}
    node = config
    for section in place.split("."):
        node = node.setdefault(section, {})
    node |= {"_target_": target, "_args_": ["touch owned"]}
    with pytest.raises(ValueError, match=r"asks for .*_target_=.* so nothing was executed"):
        check_targets(config, ["torch", "os", "evil"], "it")  # a package is no name
    assert not Path("owned").exists()


def test_the_remedy_trusts_what_was_asked_for_and_no_more() -> None:
    asked = {"optimizer": {"_target_": "torch.load"}, "core": {"_target_": "lab.cores.Mine"}}
    with pytest.raises(ValueError, match=r"_target_='torch.load' and .* trust=\[torch.load,lab.cores.Mine\]$"):
        check_targets(asked, [], "it")
    check_targets(asked, ["torch.load", "lab.cores.Mine"], "it")


PROFILER = {"_target_": "lightning.pytorch.profilers.SimpleProfiler"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("callbacks.extra", {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "outside"}),
        ("callbacks.extra", {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "run/../outside"}),
        ("callbacks.extra", {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "filename": "../x"}),
        ("callbacks.extra", {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "_args_": ["train/loss"]}),
        ("trainer.profiler", PROFILER | {"dirpath": "outside", "filename": "x"}),
        ("trainer.profiler", PROFILER | {"filename": "/tmp/x"}),
        ("trainer.profiler", PROFILER | {"dirpath": "${name}", "filename": "x"}),
        ("trainer.model_registry", "team/model"),
        ("datamodule.cache", "/outside"),
    ],
)
def test_nothing_is_written_outside_the_run(run: Path, key: str, value: object) -> None:
    change(run, key, value)
    change(run, "trainer.max_steps", 8)
    before = sorted(Path.cwd().rglob("*"))
    with pytest.raises(ValueError, match=rf"^{key}.*, as the run's folder says, .*; .*(add trust=|say )"):
        resume(run)
    assert sorted(Path.cwd().rglob("*")) == before


def test_what_stays_inside_is_no_matter_and_what_is_trusted_goes_where_it_wants(run: Path) -> None:
    change(run, "trainer.max_steps", 8)
    change(run, "trainer.profiler", PROFILER | {"dirpath": str(run / "profile"), "filename": "x"})
    assert resume(run) is not None
    assert list((run / "profile").iterdir())
    change(run, "trainer.max_steps", 10)
    change(run, "trainer.profiler", PROFILER | {"dirpath": "outside", "filename": "x"})
    (run / "results.json").unlink()
    assert resume(run, trust=[PROFILER["_target_"]]) is not None
    assert list(Path("outside").iterdir())


@pytest.mark.parametrize(
    "more",
    [
        {"name": "${oc.env:HIDDEN}"},
        {"name": "x${ oc.env : HIDDEN }"},
        {"name": "${oc.decode:'${oc.env:HIDDEN}'}"},
        {"name": "${${monitor}:HIDDEN}", "monitor": "oc.env"},
        {"name": "${mode}${monitor}", "mode": "$", "monitor": "{oc.env:HIDDEN}"},  # which resolving would put together
        {"name": "${monitor}", "monitor": "${oc.env:HIDDEN}"},
    ],
)
def test_the_environment_is_not_read(run: Path, more: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "secret")
    for key, value in more.items():
        change(run, key, value)
    for reads in (resume, load_run):
        with pytest.raises(ValueError, match=r"(name|monitor)=.* so nothing was executed; say .*=VALUE") as error:
            reads(run)  # type: ignore[operator]
        assert "secret" not in str(error.value)


def test_what_was_said_beside_a_resume_reads_no_environment(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "secret")
    (run / ".hydra" / "resumed.yaml").write_text("- ['datamodule.noise_std=${oc.env:HIDDEN}']\n")
    with pytest.raises(ValueError, match=r"datamodule.noise_std=\$\{oc.env:HIDDEN\}, as the config of .* says"):
        resume(run)


def test_the_command_may_say_it_or_trust_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADS", "8")
    change(run, "threads", "${oc.decode:${oc.env:THREADS}}")
    with pytest.raises(ValueError, match=r"threads=.*oc\.env"):
        resume(run)
    assert resume(run, ["threads=1"]) is not None
    change(run, "name", "${oc.env:THREADS}")
    change(run, "threads", 1)
    assert load_run(run, trust=["oc.env"]).cfg.name == "8"


def test_references_that_double_each_other_come_to_an_end(run: Path) -> None:
    names = {str(number): f"${{names.{number + 1}}}${{names.{number + 1}}}" for number in range(60)}
    change(run, "names", names | {"60": "x" * 100})
    with pytest.raises(ValueError, match="comes to more than 1,000,000 values by references"):
        resume(run)
    change(run, "names.60", "${names.0}")
    with pytest.raises(ValueError, match="refers to itself"):
        resume(run)


def test_a_server_is_not_told_anything(run: Path) -> None:
    """A run that logs to a server goes on logging there when the command says so."""
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    address = f"http://127.0.0.1:{server.getsockname()[1]}"
    logger = {"_target_": "seqmodels.loggers.mlflow.MLflow", "experiment_name": "x", "tracking_uri": address}
    change(run, "logger.mlflow", logger)
    change(run, "trainer.max_steps", 8)
    remedy = r"which sends to a server, so nothing was executed; if you know it, add trust=\[seqmodels.loggers.mlflow"
    with server, pytest.raises(ValueError, match=remedy):
        resume(run)
    assert senders_said(["seed=1", "logger=mlflow"]) == ["seqmodels.loggers.mlflow.MLflow"]
    assert senders_said(["logger=csv"]) == senders_said(["seed=1"]) == []


@pytest.mark.parametrize(
    "place", ["train.log", "figures", "checkpoints", "checkpoints/x.ckpt", "metrics.csv", ".hydra/lock", "evaluations"]
)
@pytest.mark.parametrize("leads", ["to a file", "to a folder", "nowhere", "into a pipe"])
def test_no_link_is_followed(run: Path, place: str, leads: str, command: Command, invoke: Command) -> None:
    Path("theirs").mkdir()
    Path("theirs/diary").write_text("dear diary")
    path = run / place
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if leads == "into a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(
            Path({"to a file": "theirs/diary", "to a folder": "theirs", "nowhere": "none"}[leads]).absolute()
        )
    before = sorted(Path.cwd().rglob("*"))
    assert command(f"resume={run}", "trainer.max_steps=8") == 1
    assert invoke("evaluate", f"run={run}") == 1
    assert sorted(Path.cwd().rglob("*")) == before
    assert Path("theirs/diary").read_text() == "dear diary"


def test_a_link_that_stays_inside_is_no_matter(run: Path) -> None:
    (run / "best").symlink_to("checkpoints/best.ckpt")
    Path("link").symlink_to(run)
    change(run, "trainer.max_steps", 8)
    assert resume("link") is not None


def test_targets_in_lists_and_behind_interpolations_are_found(run: Path) -> None:
    change(run, "callbacks.extra", {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "train/loss"})
    change(run, "hidden", "os.system")
    change(run, "callbacks.extra.setup", [{"deep": {"_target_": "${hidden}"}}])
    with pytest.raises(ValueError, match=r"callbacks.extra.setup\[0\].deep._target_='os.system'"):
        resume(run)


def test_a_module_beside_the_run_is_not_even_imported(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("evil.py").write_text("from pathlib import Path\nPath('owned').touch()\nclass Payload: pass\n")
    change(run, "callbacks.extra", {"_target_": "evil.Payload"})
    change(run, "trust", ["evil"])  # what the config itself trusts does not count
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"add trust=\[evil.Payload\]"):
        resume(run)
    assert not Path("owned").exists()
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_resumed_words_cannot_bring_it_in(run: Path) -> None:
    (run / ".hydra" / "resumed.yaml").write_text("- ['logger.extra={_target_: os.system}', 'trust=[os]']\n")
    with pytest.raises(ValueError, match=r"logger.extra._target_='os.system'"):
        resume(run)


def test_what_the_user_trusts_is_used(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("mine.py").write_text(
        "from lightning.pytorch import Callback\nclass Mine(Callback):\n"
        "    def on_fit_start(self, *args): open('used', 'w').close()\n"
    )
    change(run, "callbacks.extra", {"_target_": "mine.Mine"})
    change(run, "trainer.max_steps", 8)
    assert resume(run, trust=["mine.Mine"]) is not None
    assert Path("used").exists()


@pytest.mark.parametrize("name", ["last.ckpt", "previous.ckpt", "best.ckpt"])
def test_a_checkpoint_cannot_execute_code(run: Path, name: str) -> None:
    for path in (run / "checkpoints").iterdir():
        torch.save({"state_dict": Payload()}, path)
    with pytest.raises(ValueError, match=r"last.ckpt cannot be read"):
        resume(run)
    with pytest.raises(ValueError, match=rf"{name} cannot be read"):
        train(compose([*QUICK, f"init_from={run}/checkpoints/{name}"]))
    (run / "checkpoints" / name).write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ValueError, match=rf"{name} cannot be read"):
        train(compose([*QUICK, f"init_from={run}/checkpoints/{name}"]))
    assert not Path("owned").exists()


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_is_made_of_trusted_parts(name: str) -> None:
    from omegaconf import OmegaConf

    for extra in ("early_stopping", "animation", "live", "diagnostics"):
        cfg = compose([f"+experiment={name}", f"callbacks={extra}", "scheduler=one_cycle"])
        check_targets(OmegaConf.to_container(cfg, resolve=True), [], name)


def test_every_part_of_an_earlier_build_is_known() -> None:
    with tarfile.open(ARCHIVE) as archive:
        listed = archive.extractfile("./targets.txt")
        assert listed is not None
        targets = listed.read().decode().split()
    senders = {"seqmodels.loggers.mlflow.MLflow", "seqmodels.loggers.wandb.WandB", "seqmodels.sweeps.folder.Sweep"}
    assert {migrated({"_target_": target})["_target_"] for target in targets} - known() <= senders
