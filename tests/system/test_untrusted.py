"""Reading what lies in a folder ends, whatever lies there."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from seqmodels.checkpoints.io import read, read_tensors
from seqmodels.config.yaml_files import read_yaml
from seqmodels.system.untrusted import open_regular, read_bytes, refuse_links
from seqmodels.tables.paths import expand
from tests.conftest import Command
from tests.support.report_runs import make_run

pytestmark = pytest.mark.timeout(30)


def test_only_regular_files_are_read() -> None:
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for name in ("pipe", "folder", "/dev/zero"):
        with pytest.raises(OSError, match=r"regular file|directory"):
            open_regular(Path(name))
    Path("file").write_bytes(b"abcd")
    Path("link").symlink_to("file")
    assert read_bytes(Path("link"), 4) == b"abcd"
    with pytest.raises(OSError, match="file has more than 3 bytes"):
        read_bytes(Path("file"), 3)


@pytest.mark.parametrize("name", ["results.json", "metrics.csv", ".hydra/config.yaml", ".hydra/hydra.yaml"])
def test_a_report_of_pipes_ends(name: str, invoke: Command, capfd: pytest.CaptureFixture[str]) -> None:
    for run in ("runs/a", "runs/b"):
        make_run(Path(run), 0.7)
    path = Path("runs/a", name)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert invoke("report", "runs") == 0
    assert Path("runs/report.csv").is_file()


def test_a_pipe_in_place_of_data_or_of_tensors_is_refused() -> None:
    for name in ("data.csv", "last.ckpt"):
        os.mkfifo(name)
    with pytest.raises(OSError, match=r"data.csv is no regular file"):
        expand(["data.csv"])
    with pytest.raises(ValueError, match=r"last.ckpt is no regular file"):
        read(Path("last.ckpt"))


def test_a_checkpoint_that_unpacks_to_any_size_is_refused() -> None:
    torch.save({"state_dict": {}}, "plain.ckpt")
    assert read_tensors(Path("plain.ckpt")) == {"state_dict": {}}
    with zipfile.ZipFile("plain.ckpt") as plain, zipfile.ZipFile("bomb.ckpt", "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in plain.namelist():
            bomb.writestr(name, plain.read(name))
        bomb.writestr("plain/data/9", b"\0" * 50_000_000)
    with pytest.raises(ValueError, match="it is compressed"):
        read_tensors(Path("bomb.ckpt"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: " + "[" * 100_000, "nested more than 50 deep"),  # libyaml ends the process
        (
            "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 40)),
            "holds more",
        ),
        ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)), "holds more than"),
        ("a: " + ":".join(["1"] * 200_000), "a number with too many digits"),
        ("a: " + "x" * 2**20, "has more than 1,048,576 bytes"),
    ],
    ids=["deep", "merged", "aliases", "number", "long"],
)
def test_a_small_yaml_that_grows_is_refused(text: str, message: str) -> None:
    Path("config.yaml").write_text(text)
    with pytest.raises((ValueError, OSError), match=message):
        read_yaml(Path("config.yaml"))


def test_links_of_ones_own_are_no_matter() -> None:
    Path("disk/run/wandb/run-1").mkdir(parents=True)
    Path("disk/run/a").touch()
    Path("disk/run/b").symlink_to("a")
    Path("disk/run/wandb/run-1/debug.log").symlink_to("/tmp")  # W&B's own, which are never written again
    Path("link").symlink_to("disk/run")
    refuse_links(Path("link"))
    Path("disk/run/c").symlink_to("../..")
    with pytest.raises(OSError, match=r"run/c is a link to .*; nothing was written"):
        refuse_links(Path("link"))
    shutil.rmtree("disk")
    refuse_links(Path("gone"))
