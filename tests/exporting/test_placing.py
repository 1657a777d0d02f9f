"""What an export leaves in its folder when it is killed, and who takes it away."""

import os
import signal
import time
from pathlib import Path

from seqmodels.exporting.placing import workshop


def test_what_a_killed_export_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with workshop(tmp_path) as place:
            (place / "half").write_text("x")
            (tmp_path / "begun").touch()
            time.sleep(60)
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    with workshop(tmp_path):
        assert len(list(tmp_path.glob(".export-*/half"))) == 1, "it is still at work"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with workshop(tmp_path) as place:
        (place / "whole").write_text("y")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "whole"]
