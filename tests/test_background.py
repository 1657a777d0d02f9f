"""The suite itself, started as a script or a scheduler starts it: its signals still mean what its tests send."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

TESTS = ["tests/predicting/test_predict_live.py::test_stopped_while_it_waits", "tests/parallel/test_pool.py"]
SIGNALS = f"{' '.join(TESTS)} -k 'stopped or signal or ctrl_c'"


@pytest.mark.slow
@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("script", ["{} & wait $!", "nohup {}"])
def test_in_the_background_and_without_a_terminal(script: str, processes: int) -> None:
    suite = f"{sys.executable} -m pytest -n {processes} -p no:cacheprovider {SIGNALS}"
    ended = subprocess.run(["sh", "-c", script.format(suite)], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout
