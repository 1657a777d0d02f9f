"""results.json writes and reads itself; what stands in a folder is not trusted to be what it should be."""

import dataclasses
import json
from pathlib import Path

import pytest

from seqmodels.runs.results import FILE, VERSION, Results

FULL = Results(
    status="completed", name="pump", monitor="val/loss", mode="min", datamodule="pump", metrics={"val/loss": 0.5},
    overrides=["core=gru"], seed=3, parameters=10, steps=4, seconds=1.5, device="cpu, 1 thread",
    versions={"torch": "2.15.0"}, git={"commit": "a", "dirty": False}, facts={"baselines": {"naive": {"mae": 1.0}}},
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    FULL.write(tmp_path)
    assert Results.read(tmp_path) == FULL
    content = json.loads((tmp_path / FILE).read_text())
    assert content["version"] == VERSION == 1
    assert content["baselines"] == {"naive": {"mae": 1.0}}
    assert "facts" not in content


def test_a_file_of_an_earlier_build_has_no_version(tmp_path: Path) -> None:
    FULL.write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    del content["version"]
    (tmp_path / FILE).write_text(json.dumps(content))
    assert Results.read(tmp_path) == dataclasses.replace(FULL, version=0)


@pytest.mark.parametrize("value", ["text", 3, True, None, [], {}, 1e400, 10**400])
def test_values_of_any_kind_are_read(value: object, tmp_path: Path) -> None:
    FULL.write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    for key in content:
        if key != "status":
            (tmp_path / FILE).write_text(json.dumps(content | {key: value}))
            assert Results.read(tmp_path).status == "completed"


@pytest.mark.parametrize("text", ["", "[1]", "null", "3", "{", '{"status": "well"}', '{"status": {}}', "[" * 100_000])
def test_what_is_no_record_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=r"^results.json"):
        Results.read(tmp_path)
