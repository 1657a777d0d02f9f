"""What `predict` says to wrong words, columns, rows and states, and that it touches nothing then."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from seqmodels import load_run
from seqmodels.predicting.predictor import Predictor
from tests.conftest import Command
from tests.support.predicting import HEADER, pumps, table

__all__ = ["pumps"]

ROWS = ["a,1,0.1,20,-\n", "b,1,0.2,21,-\n", "a,2,0.3,22,-\n"]
MISSING = "the cell is missing or infinite; datamodule.missing=mask reads the mean instead"


@pytest.fixture
def predict(pumps: Path, invoke: Command) -> Command:
    """`predict("input=...")` with the run, and its exit code."""
    return lambda *words: invoke("predict", f"run={pumps}", *words)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a,1.5,0.1,20\n", "4 cells where the header has 5: a,1.5,0.1,20"),
        (b"a,1.5,0.1,20,-,\n", "6 cells where the header has 5: a,1.5,0.1,20,-,"),
        (b"a,1.5,high,20,-\n", "flow: 'high' is not a number"),
        (b"a,1.5,,20,-\n", "flow: " + MISSING),
        (b"a,1.5,inf,20,-\n", "flow: " + MISSING),
        (b"a,1.5,0.1,-1e300,-\n", "heat: -1e+300 does not fit float32, in which numbers end at 3.4e+38; give it in"),
        (b"a,1.5,0.1,20," + 140_000 * b"x" + b"\n", "a cell of more than 131,072 characters; a quote that is opened"),
        (b"a,1,0.1,20,-\n", "the time 1 after 1 does not go forward"),
        (b"a,0.5,0.1,20,-\n", "the time 0.5 after 1 does not go forward"),
        (b"a,2024-05-01,0.1,20,-\n", "t: '2024-05-01' is not a number like the times before it"),
        (b"a,soon,0.1,20,-\n", "t: 'soon' is not a time; give numbers, or dates in ISO 8601"),
        (b"a,,0.1,20,-\n", "t: the time is missing"),
        (b",1.5,0.1,20,-\n", "pump: the id is missing, so it is not known which stream goes on"),
        (b"a,1.5,0.1,20,\xff\n", "byte 14 is not UTF-8; save the data as UTF-8"),
        (b'a,1.5,0.1,20,"-"-\n', "',' expected after '\"'; a cell that holds ',' or quotes must stand in quotes"),
        (b"a,1.5,3e38,3e38,-\n", "the prediction is [nan, nan]; the inputs are far from what was trained on"),
    ],
)
def test_malformed_rows(
    line: bytes, message: str, pumps: Path, predict: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["input=in.csv", "datamodule.missing=error", "state=streams"]
    if "prediction" in message:
        words.append(f"run={with_relu(pumps)}")
    rows = [row.encode() for row in ROWS]
    Path("in.csv").write_bytes(HEADER.encode() + b"".join(rows))
    assert predict(*words, "output=whole.csv", "state=") == 0
    whole = Path("whole.csv").read_text()

    Path("in.csv").write_bytes(HEADER.encode() + rows[0] + line + b"".join(rows[1:]))
    capfd.readouterr()
    assert predict(*words, "output=stopped.csv") == 1
    assert f"error: in.csv, row 2: {message}" in capfd.readouterr().err
    assert Path("stopped.csv").read_text() == "".join(whole.splitlines(keepends=True)[:2])
    assert torch.load("streams", weights_only=True)["rows"] == 1
    Path("rest.csv").write_bytes(HEADER.encode() + b"".join(rows[1:]))
    assert predict(*words, "input=rest.csv", "output=rest_out.csv") == 0
    rest = Path("rest_out.csv").read_text().splitlines(keepends=True)[1:]
    assert Path("stopped.csv").read_text() + "".join(rest) == whole

    capfd.readouterr()
    assert predict(*words, "output=skipped.csv", "errors=skip", "state=other") == 0
    errors = capfd.readouterr().err
    assert f"skipped: in.csv, row 2: {message}" in errors
    assert "3 rows, 2 streams" in errors
    assert "; 1 malformed row skipped" in errors
    assert Path("skipped.csv").read_text() == whole
    assert torch.load("other", weights_only=True)["rows"] == 4


def with_relu(pumps: Path) -> Path:
    """The run with an RNN that has no bounds, in place of its LSTM."""
    from seqmodels.runs.run import compose, train
    from tests.support.predicting import PUMPS

    signal = pumps.parent / "pumps.csv"
    words = [
        *PUMPS, f"datamodule.files=[{signal}]", f"datamodule.cache={pumps.parent}/cache", "core=rnn",
        "core.nonlinearity=relu", "trainer.max_epochs=1",
    ]  # fmt: skip
    return train(compose(words), "relu", words).folder


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"pump": "a", "t": 1.5, ', "is not JSON: Expecting property name"),
        ("[1, 2]", '[1, 2] is not an object; expected a line such as {"x": 0.5}'),
        ('{"pump": "a", "t": 1.5, "flow": 1}', "heat: " + MISSING),
        ('{"pump": "a", "t": 1.5, "flow": [1], "heat": 2}', "flow: [1] is not a number"),
        ('{"pump": "a", "flow": 1, "heat": 2}', "t: the time is missing"),
        ('{"t": 1.5, "flow": 1, "heat": 2}', "pump: the id is missing"),
        ('{"pump": "a", "t": true, "flow": 1, "heat": 2}', "t: 'True' is not a time"),
        ("[" * 100_000, "is not JSON: maximum recursion depth exceeded"),
    ],
)
def test_malformed_json_lines(line: str, message: str, predict: Command, capfd: pytest.CaptureFixture[str]) -> None:
    good = '{"pump": "a", "t": 1, "flow": 0.1, "heat": 20}'
    Path("in.jsonl").write_text(f"{good}\n{line}\n{good.replace('1,', '2,', 1)}\n")
    words = ["input=in.jsonl", "datamodule.missing=error"]
    assert predict(*words, "output=stopped.csv") == 1
    errors = capfd.readouterr().err
    assert "error: in.jsonl, row 2: " in errors
    assert message in errors
    assert predict(*words, "output=skipped.csv", "errors=skip") == 0
    assert len(Path("skipped.csv").read_text().splitlines()) == 3


def test_chunks_predict_what_stands_before_a_malformed_row(predict: Command) -> None:
    Path("in.csv").write_text(HEADER + "".join([*ROWS[:2], "a,9,hot,20,-\n", ROWS[2]]))
    assert predict("input=in.csv", "output=out.csv", "chunk=100", "state=streams") == 1
    assert len(Path("out.csv").read_text().splitlines()) == 3
    assert torch.load("streams", weights_only=True)["rows"] == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("in.csv", "", "in.csv is empty; expected a header, and rows below it"),
        ("in.csv", "a;b\n", "there is: a;b; its header looks as if it needed 'datamodule.delimiter=\";\"'"),
        ("in.csv", "Flow,heat\n1,2\n", "in.csv has no column 'flow', did you mean 'Flow'?; there is: Flow, heat"),
        ("in.csv", "flow,heat,flow\n1,2,3\n", "in.csv has 2 columns named 'flow'; names must differ"),
        ("in.jsonl", '{"speed": 1}\n', "in.jsonl has no column 'flow'; there is: speed"),
        ("in.txt", "flow,heat\n", "input=in.txt is of no known kind; it ends in .csv, .csv.gz, .jsonl, .ndjson"),
        ("in.parquet", "flow,heat\n", "in.parquet is not a readable Parquet file"),
        ("in.csv", "flow,heat\r1,2\r", "in.csv: its lines end with a carriage return alone; write them anew with tr "),
        ("in.csv", "flow,heat\xff\n", "in.csv: the header cannot be read: byte 10 is not UTF-8"),
    ],
)
def test_wrong_columns(name: str, text: str, message: str, predict: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path(name).write_bytes(text.encode("latin-1"))
    Path("old.csv").write_text("precious")
    assert predict(f"input={name}", "output=old.csv", "overwrite=true", "state=streams") == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert Path("old.csv").read_text() == "precious"
    assert not Path("streams").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["output=out.csv"], "input= is missing; give input=signal.csv, or - for standard input"),
        (["input=in.csv"], "output= is missing; give output=predictions.csv, or - for standard output"),
        (["input=no.csv", "output=out.csv"], "input=no.csv: there is no such file in"),
        (["input=folder", "format=csv", "output=out.csv"], "input=folder is a folder; name a file in it"),
        (["input=in.csv", "output=out.xlsx"], "output=out.xlsx is of no known kind; it ends in .csv, .jsonl, .ndjson"),
        (["input=in.csv", "output=no/out.csv"], "output=no/out.csv: there is no folder no; make it, or choose another"),
        (["input=in.csv", "output=old.csv"], "output=old.csv exists and will not be overwritten; overwrite=true"),
        (["input=in.csv", "output=in.csv", "overwrite=true"], "input=in.csv and output=in.csv are the same file"),
        (["input=in.csv", "output=link.csv", "overwrite=true"], "input=in.csv and output=link.csv are the same file"),
        (["input=in.csv", "output=out.csv", "state=in.csv"], "in.csv is the input; the state needs a file of its own"),
        (["input=in.csv", "output=out.csv", "state=no/s"], "s: there is no folder"),
        (["input=in.csv", "output=out.csv", "chunk=0"], "chunk=0 is too small; give an integer of at least 1"),
        (
            ["input=in.csv", "output=out.csv", "threads=many"],
            "threads=many is no such number; give an integer",
        ),
        (["input=-", "output=out.csv", "chunk=9"], "chunk=9 waits for many rows, and standard input is read as it"),
        (["input=in.csv", "output=out.csv", "keep=nose"], "in.csv has no column 'nose', did you mean 'note'?"),
        (["input=in.csv", "output=out.csv", "id=engine"], "'engine'; there is: pump, t, flow, heat, note; id= says"),
        (["input=in.csv", "output=out.csv", "keep=heat_pred"], "keep=heat_pred is what a prediction is called"),
        (["input=in.csv", "output=out.csv", "errors=ignore"], "errors=ignore is not known; choose stop or skip"),
        (["input=in.csv", "output=out.csv", "format=xml"], "format=xml is not known; choose csv or jsonl"),
        (["input=in.csv", "output=out.csv", "outptu=x"], "outptu is not a key of this command; did you mean output?"),
        (["input=in.csv", "output=out.csv", "datamodule.mising=mask"], "datamodule.mising is not known to"),
    ],
)
def test_wrong_words(words: list[str], message: str, predict: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text(HEADER + "".join(ROWS))
    Path("old.csv").write_text("precious")
    os.link("in.csv", "link.csv")
    Path("folder").mkdir()
    before = {path: path.is_file() and path.read_bytes() for path in Path.cwd().iterdir()}
    assert predict(*words) == 1
    errors = capfd.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert {path: path.is_file() and path.read_bytes() for path in Path.cwd().iterdir()} == before


def test_a_mistake_does_not_wait_for_torch() -> None:
    code = "import seqmodels.predict, sys; assert not {'torch', 'numpy', 'pyarrow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help(invoke: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke("predict", "--help") == 0
    assert "python -m seqmodels.predict run=outputs/" in capsys.readouterr().out


def test_an_output_is_replaced_where_that_is_said(predict: Command) -> None:
    Path("in.csv").write_text(HEADER + "".join(ROWS))
    Path("out.csv").write_text("old and long " * 1000)
    assert predict("input=in.csv", "output=out.csv", "overwrite=true") == 0
    assert len(Path("out.csv").read_text().splitlines()) == 4


def test_an_input_without_rows(predict: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text("\ufeff" + HEADER)
    assert predict("input=in.csv", "output=out.csv", "state=streams") == 0
    assert Path("out.csv").read_text() == "pump,t,t_pred,warm,heat_pred,wear_pred\n"
    assert "0 rows, 0 streams\n" in capfd.readouterr().err
    Path("in.jsonl").write_text("\n")
    assert predict("input=in.jsonl", "output=again.csv", "state=streams") == 0
    assert Path("again.csv").read_text() == "pump,t,t_pred,warm,heat_pred,wear_pred\n"
    assert torch.load("streams", weights_only=True)["rows"] == 0
    pq.write_table(pa.table({"flow": pa.array([], pa.float64()), "heat": pa.array([], pa.float64())}), "in.parquet")
    assert predict("input=in.parquet", "output=parquet.csv") == 0
    assert Path("parquet.csv").read_text() == "warm,heat_pred,wear_pred\n"


def test_an_input_without_ids_is_one_stream(predict: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text("flow,heat\r\n0.1,20\r\n0.2,21\r\n")
    assert predict("input=in.csv", "output=out.csv") == 0
    errors = capfd.readouterr().err
    assert "note: there is no column 'pump', so all rows are one stream" in errors
    assert "2 rows, 1 stream," in errors
    assert predict("input=in.csv", "output=quiet.csv", "quiet=true") == 0
    assert capfd.readouterr().err == ""
    assert Path("out.csv").read_bytes() == Path("quiet.csv").read_bytes()


def test_sparse_json_lines_where_values_may_be_missing(predict: Command, pumps: Path) -> None:
    Path("in.jsonl").write_text('{"flow": 0.1}\n{"heat": 21}\n')
    assert predict("input=in.jsonl", "output=out.jsonl", "warmup=0") == 0
    predictor = Predictor(load_run(pumps))
    expected = [predictor.step([0.1, None]), predictor.step([None, 21.0])]
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert torch.tensor([list(row.values()) for row in found]).equal(torch.tensor(expected))


def test_semicolons_and_decimal_commas(predict: Command) -> None:
    Path("a.csv").write_text("flow,heat\n0.5,20.25\ntrue,21\n")
    Path("b.csv").write_text("flow;heat\n0,5;20,25\n1;21\n")
    assert predict("input=a.csv", "output=a_out.csv") == 0
    assert predict("input=b.csv", "output=b_out.csv", "datamodule.delimiter=;", 'datamodule.decimal=","') == 0
    assert Path("a_out.csv").read_text() == Path("b_out.csv").read_text()
    Path("c.jsonl").write_text('{"flow": 0.5, "heat": 20.25}\n{"flow": "1,0", "heat": 21}\n')  # JSON has points
    assert predict("input=c.jsonl", "output=c_out.csv", 'datamodule.decimal=","') == 0
    assert Path("c_out.csv").read_text() == Path("a_out.csv").read_text()


def test_a_point_beside_decimal_commas_may_mean_thousands(predict: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text("flow;heat\n1.000;20,25\n")
    words = ["input=in.csv", "output=out.csv", "datamodule.delimiter=;", 'datamodule.decimal=","']
    assert predict(*words) == 1
    assert "row 1: flow: '1.000' is not a number" in capfd.readouterr().err


def test_a_state_that_does_not_fit(pumps: Path, predict: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text(HEADER + "".join(table(5)))
    words = ["input=in.csv", "output=out.csv", "overwrite=true", "state=streams"]
    assert predict(*words) == 0
    good = Path("streams").read_bytes()

    def refused(message: str, *more: str) -> None:
        before = Path("streams").read_bytes()
        Path("out.csv").write_text("precious")
        capfd.readouterr()
        assert predict(*words, *more) == 1
        assert message in capfd.readouterr().err
        assert Path("streams").read_bytes() == before
        assert Path("out.csv").read_text() == "precious"

    other = Path(shutil.copytree(pumps, "other"))
    saved = torch.load(other / "checkpoints" / "best.ckpt")
    saved["state_dict"]["head.bias"][0] += 1e-6
    torch.save(saved, other / "checkpoints" / "best.ckpt")
    refused("streams was left by other weights than these; give another file", "run=other")
    refused("holds streams told apart by the column 'pump', but this input has one stream without an id", "id=")
    bit = good.index(b"times")  # in what the checksum is of
    for damaged in (b"", b"nonsense", good[: len(good) // 2], good[:bit] + b"u" + good[bit + 1 :]):
        Path("streams").write_bytes(damaged)
        refused("and is left as it is; give another file, or one that does not exist yet to begin anew")
    torch.save({"weights": torch.ones(3)}, "streams")
    refused("streams cannot be read (no prediction left it)")
    shutil.copy(pumps / "checkpoints" / "best.ckpt", "streams")
    refused("streams cannot be read (no prediction left it)")


def test_a_state_that_cannot_be_saved_is_as_it_was(
    predict: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in.csv").write_text(HEADER + "".join(ROWS[:2]))
    Path("more.csv").write_text(HEADER + ROWS[2])
    assert predict("input=in.csv", "output=a.csv", "state=streams") == 0
    before = Path("streams").read_bytes()
    monkeypatch.setattr(secrets, "token_hex", lambda size: "new")
    Path(".streams.new").symlink_to("/dev/full")  # where the new one is written first
    assert predict("input=more.csv", "output=b.csv", "state=streams") == 1
    assert "streams cannot be written and is as it was before" in capfd.readouterr().err
    assert Path("streams").read_bytes() == before
    assert len(Path("b.csv").read_text().splitlines()) == 2
