"""Where `predict` reads and writes is looked at before the first row; nothing is lost, one message says why."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seqmodels.predicting.state_file import locked
from seqmodels.runs.run import compose, train
from tests.conftest import Command
from tests.support.attempts import DIGITS
from tests.support.predicting import HEADER, pumps, table

__all__ = ["pumps"]

DAMAGED: dict[str, list[Any]] = {
    "kind": ["", 1, None],
    "model": [None, 3, []],
    "id": [4, ["pump"]],
    "ids": [None, [1, 2, 3], ["a", "a", "b"], ["a"], [["a"], "b", "c"], "abc"],
    "rows": ["many", -1, None, 1.5],
    "dates": ["no", 7],
    "times": [None, [1.0], ["1", "2", "3"], [True, False, True]],
    "last": [None, [None], [[1.0], "x", None], 5],
    "state": [None, [], [None, None], [torch.zeros(1)], [torch.zeros(3, 2, 8).int()] * 2, 7, ["a", "b"]],
}


@pytest.fixture
def words(pumps: Path) -> list[str]:
    """A prediction of three streams that leaves its state."""
    Path("in.csv").write_text(HEADER + "".join(table(20)))
    return [f"run={pumps}", "input=in.csv", "output=out.csv", "overwrite=true", "state=streams"]


def test_the_inside_of_a_state_file_is_looked_at(
    words: list[str], invoke: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert invoke("predict", *words) == 0
    good = torch.load("streams", weights_only=True)
    assert len(good["ids"]) == 3
    contents = [{key: value for key, value in good.items() if key != missing} for missing in good]
    contents += [good | {key: value} for key, values in DAMAGED.items() for value in values]
    for content in [*contents, [], 3, "text", None, torch.ones(3)]:
        torch.save(content, "streams")
        before = Path("streams").read_bytes()
        Path("out.csv").write_text("precious")
        capfd.readouterr()
        assert invoke("predict", *words) == 1, content
        errors = capfd.readouterr().err
        assert errors.startswith("error: state="), content
        assert "Traceback" not in errors, content
        assert Path("streams").read_bytes() == before
        assert Path("out.csv").read_text() == "precious"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("input=loop.csv", "input=loop.csv cannot be opened: Too many levels of symbolic links"),
        ("output=loop.csv", "output=loop.csv cannot be opened: Too many levels of symbolic links"),
        ("state=loop.csv", "state=loop.csv leads nowhere: Symlink loop"),
        ("input=~nobody.at.all/in.csv", "input=~nobody.at.all/in.csv cannot be opened: Could not determine home"),
        ("state=~nobody.at.all/in.csv", "state=~nobody.at.all/in.csv leads nowhere: Could not determine home"),
        ("input=in.csv/in.csv", "input=in.csv/in.csv: there is no such file"),
        ("output=/proc/out.csv", "output=/proc/out.csv cannot be written: No such file"),
        ("state=/proc/streams", "state=/proc/streams cannot be written: No such file"),
        ("state=/dev/null", "state=/dev/null is no file that can be replaced"),
        ("state=folder", "is no file that can be replaced"),
        ("state=fifo", "is no file that can be replaced"),
        ("state=nowhere/streams", "there is no folder"),
    ],
)
def test_places_are_looked_at_before_anything_else(
    words: list[str], word: str, message: str, invoke: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("loop.csv").symlink_to("pool.csv")
    Path("pool.csv").symlink_to("loop.csv")
    Path("folder").mkdir()
    os.mkfifo("fifo")
    before = sorted(Path.cwd().iterdir())
    assert invoke("predict", *words, word) == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert sorted(Path.cwd().iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_folder_that_may_not_be_written(
    words: list[str], invoke: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an ordinary user, whom the folder's owner lets read alone."""
    shared = Path(tempfile.mkdtemp())  # tmp_path is root's alone
    shared.chmod(0o755)
    monkeypatch.chdir(shared)
    before = os.geteuid()
    for word in ("state=streams", "output=new.csv"):
        os.seteuid(65534)
        try:
            given = ["run=anything", "input=/dev/null", "format=csv", "output=-", word]
            assert invoke("predict", *given) == 1
        finally:
            os.seteuid(before)
        errors = capfd.readouterr().err
        assert "cannot be written: Permission denied; choose a place where you may write" in errors
    shared.rmdir()


def test_two_predictions_do_not_share_a_state(
    words: list[str], invoke: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert invoke("predict", *words) == 0
    before = Path("streams").read_bytes()
    with locked(Path("streams").resolve()):
        Path("link").symlink_to("streams")
        for name in ("streams", "./streams", "link"):
            capfd.readouterr()
            assert invoke("predict", *words, f"state={name}", "output=other.csv") == 1
            assert "is in use by another prediction at this moment; wait for its end" in capfd.readouterr().err
    assert Path("streams").read_bytes() == before
    assert not Path("other.csv").exists()
    assert invoke("predict", *words) == 1  # times do not go forward, so the lock is gone
    assert "does not go forward" in capfd.readouterr().err


@pytest.mark.slow
def test_a_killed_prediction_leaves_its_state_free(words: list[str], invoke: Command) -> None:
    live = subprocess.Popen(
        [sys.executable, "-m", "seqmodels.predict", words[0], "input=-", "output=-", "state=streams"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert live.stdin
    assert live.stdout
    live.stdin.write((HEADER + table(1)[0]).encode())
    live.stdin.flush()
    live.stdout.readline()
    assert invoke("predict", *words) == 1
    live.kill()
    live.communicate()
    assert invoke("predict", *words) == 0


def test_an_image_in_a_circle_is_left_out_and_a_place_is_named(
    invoke: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*DIGITS, "trainer.max_steps=1", "logger=csv"]
    train(compose(words), "run", words)
    Path("scans").mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("scans/a.png")
    Path("scans/loop.png").symlink_to("loop.png")
    assert invoke("predict", "run=run", "input=scans", "output=out.csv") == 0
    assert len(Path("out.csv").read_text().splitlines()) == 2
    capfd.readouterr()
    assert invoke("predict", "run=run", "input=scans", "output=/proc/out.csv") == 1
    assert "output=/proc/out.csv cannot be written" in capfd.readouterr().err
