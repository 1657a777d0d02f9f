"""How a process ends."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_it_leaves_with_its_code_where_a_stream_was_closed_before(closed: str) -> None:
    code = "import sys; from seqmodels.system.process import leave; leave(3)"
    done = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {closed}', sys.executable, code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_imports_are_frozen_once_and_later_garbage_is_collected() -> None:
    code = """
import gc, sys
from seqmodels.system.process import uncollected
with uncollected():
    assert not gc.isenabled()
    sys.modules["torch"] = sys
assert gc.isenabled()
frozen = gc.get_freeze_count()
assert frozen > 0
with uncollected():
    assert gc.isenabled()
assert gc.get_freeze_count() == frozen
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
