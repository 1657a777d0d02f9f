"""Folders of runs that were ended before they began, and folders that this user cannot write to."""

import os
import shutil
from pathlib import Path

import pytest

from seqmodels.cli.logging import log_to
from tests.conftest import Command
from tests.support.attempts import SINE, callback

SHORT = [*SINE, "trainer.max_steps=3", "test=false", "hydra.run.dir=run"]


@pytest.mark.parametrize("left", [["train.log"], ["train.log", ".hydra/overrides.yaml", ".hydra/.config.yaml.1f"]])
@pytest.mark.parametrize("more", [[], ["resume=auto"]], ids=["again", "auto"])
def test_a_run_that_was_killed_before_its_config_was_written(
    command: Command, capfd: pytest.CaptureFixture[str], left: list[str], more: list[str]
) -> None:
    for name in left:
        Path("run", name).parent.mkdir(parents=True, exist_ok=True)
        Path("run", name).write_text("[]")
    assert command("resume=run") == 1
    assert "resume=run was ended before the run began; give the run's own command again" in capfd.readouterr().err
    assert command(*SHORT, *more) == 0
    assert Path("run/results.json").exists()
    assert command(*SHORT) == 1
    assert "run holds a run already and will not be overwritten; choose another hydra.run.dir; resume=run goes on" in (
        capfd.readouterr().err
    )


def test_files_of_the_user_are_no_run(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    Path("run/notes.txt").write_text("mine")
    assert command(*SHORT) == 1
    assert "run holds files already and will not be overwritten" in capfd.readouterr().err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_a_log_that_cannot_be_written_names_its_file(mode: int, tmp_path: Path) -> None:
    """In a child that is nobody: root may write everywhere."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "train.log").touch(mode)
    (run / "train.log").chmod(mode)
    for place in (run, *tmp_path.parents[:2], tmp_path):
        place.chmod(0o755)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            log_to(run)
        except OSError as error:
            os._exit(0 if f"{run / 'train.log'} cannot be written: Permission denied" in str(error) else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    shutil.rmtree(run)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of TensorBoard's writer
def test_a_full_disk_names_the_folder_where_the_writer_names_no_file(
    command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    """TensorBoard's does not, and the log has no room for what it is told."""
    disk = [word.replace("attempts", "disks") for word in callback("SmallDisk", step=1, size=100)]
    words = [*SHORT, "logger=tensorboard", "callbacks=guards", "trust=[tests]", *disk]
    assert command(*words) == 1
    shown = capfd.readouterr().err
    assert f"error: {Path('run').absolute()} cannot be written: File too large (" in shown
    assert "Logging error" not in shown
