"""Predictions from files: what the model says, row for row, in every format, in one piece or in several."""

import csv
import gzip
import json
import math
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hydra.utils import instantiate

from seqmodels import load_run
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.predicting.latency import Latency
from seqmodels.predicting.predictor import Predictor
from seqmodels.predicting.rows.parquet import ParquetRows
from seqmodels.predicting.state_file import StateFile
from seqmodels.runs.load import LoadedRun
from seqmodels.runs.run import compose, train
from seqmodels.tables.cells import as_numbers, as_texts
from seqmodels.tables.formats import Marks
from seqmodels.tables.times import as_times
from tests.conftest import Command, core_config, options
from tests.support.attempts import SINE
from tests.support.predicting import HEADER, pumps, table

__all__ = ["pumps"]


def written(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def signal() -> list[str]:
    """Lines of signal.csv."""
    lines = table(300)
    Path("signal.csv").write_text(HEADER + "".join(lines))
    return lines


def test_a_row_for_a_row_and_the_text_as_it_stood(pumps: Path, signal: list[str], invoke: Command) -> None:
    assert invoke("predict", f"run={pumps}", "input=signal.csv", "output=out.csv", "keep=[note,t]") == 0
    found = written("out.csv")
    assert list(found[0]) == ["pump", "t", "note", "t_pred", "warm", "heat_pred", "wear_pred"]
    assert [(row["pump"], row["t"], row["note"]) for row in found] == [
        (row["pump"], row["t"], row["note"]) for row in csv.DictReader([HEADER, *signal])
    ]


def test_the_predictions_are_the_modules(pumps: Path, signal: list[str], invoke: Command) -> None:
    """Against the module over each whole stream, with holes filled and the state dropped at the gap by hand."""
    assert invoke("predict", f"run={pumps}", "input=signal.csv", "output=out.csv") == 0
    module, found = load_run(pumps).module, written("out.csv")
    rows = list(csv.DictReader([HEADER, *signal]))
    checked = 0
    for pump in "abc":
        mine = [number for number, row in enumerate(rows) if row["pump"] == pump]
        times = [float(rows[number]["t"]) for number in mine]
        values: list[list[float]] = []
        gap = next(place for place in range(1, len(mine)) if times[place] - times[place - 1] > 1.5)
        for place, number in enumerate(mine):
            row = rows[number]
            assert row["flow"] or place not in (0, gap)  # else there is nothing to repeat
            values.append([float(row["flow"]) if row["flow"] else values[-1][0], float(row["heat"])])
        with torch.no_grad():
            parts = [module(torch.tensor([part]))[0][0] for part in (values[:gap], values[gap:])]
        expected = torch.cat(parts)
        got = torch.tensor([[float(found[n]["heat_pred"]), float(found[n]["wear_pred"])] for n in mine])
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
        checked += len(mine)
    assert checked == len(rows)


def test_two_halves_are_the_whole_bit_for_bit(pumps: Path, signal: list[str], invoke: Command) -> None:
    assert invoke("predict", f"run={pumps}", "input=signal.csv", "output=whole.csv") == 0
    for number, part in enumerate((signal[:129], signal[129:])):  # the second begins with a hole
        Path("part.csv").write_text(HEADER + "".join(part))
        assert invoke("predict", f"run={pumps}", "input=part.csv", f"output={number}.csv", "state=pumps.state") == 0
    _, *rest = Path("1.csv").read_text().splitlines(keepends=True)
    assert Path("0.csv").read_text() + "".join(rest) == Path("whole.csv").read_text()
    saved = torch.load("pumps.state", weights_only=True)
    assert saved["rows"] == 300
    assert sorted(saved["ids"]) == ["a", "b", "c"]


def test_interleaving_changes_no_bit(pumps: Path, signal: list[str], invoke: Command) -> None:
    assert invoke("predict", f"run={pumps}", "input=signal.csv", "output=all.csv") == 0
    for pump in "abc":
        Path("one.csv").write_text(HEADER + "".join(line for line in signal if line.startswith(pump)))
        assert invoke("predict", f"run={pumps}", "input=one.csv", "output=one_out.csv", "overwrite=true") == 0
        assert written("one_out.csv") == [row for row in written("all.csv") if row["pump"] == pump]


def test_all_formats_say_the_same(pumps: Path, signal: list[str], invoke: Command) -> None:
    rows = list(csv.DictReader([HEADER, *signal]))
    columns = {
        "pump": [row["pump"] for row in rows],
        "t": [int(float(row["t"])) for row in rows],
        "flow": [float(row["flow"]) if row["flow"] else None for row in rows],
        "heat": [float(row["heat"]) for row in rows],
    }
    records = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    Path("signal.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    pq.write_table(pa.table({**columns, "t": pa.array(columns["t"], pa.int32())}), "signal.parquet", row_group_size=70)
    for kind in ("csv", "jsonl", "parquet"):
        assert invoke("predict", f"run={pumps}", f"input=signal.{kind}", f"output={kind}.jsonl") == 0
    found = {
        kind: [json.loads(line) for line in Path(f"{kind}.jsonl").read_text().splitlines()]
        for kind in ("csv", "jsonl", "parquet")
    }
    assert found["jsonl"] == found["parquet"]
    assert found["csv"] == [{**row, "t": f"{row['t']:.2f}"} for row in found["jsonl"]]  # text stays text
    assert invoke("predict", f"run={pumps}", "input=signal.csv", "output=out.csv") == 0
    assert [float(row["heat_pred"]) for row in written("out.csv")] == [row["heat_pred"] for row in found["csv"]]


def test_a_packed_file_is_read_as_it_is_in_training(
    pumps: Path, signal: list[str], invoke: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = gzip.compress((HEADER + "".join(signal)).encode())
    Path("signal.CSV.gz").write_bytes(packed)
    for given in ("input=signal.csv", "input=signal.CSV.gz"):
        assert invoke("predict", f"run={pumps}", given, "output=out.csv", "overwrite=true", "chunk=50") == 0
        rows = written("out.csv")
    assert invoke("predict", f"run={pumps}", "input=signal.csv", "output=plain.csv", "chunk=50") == 0
    assert rows == written("plain.csv")
    for number, content in enumerate((packed[:-9], b"flow,heat", packed[:100] + b"no" + packed[102:])):
        Path(f"{number}.csv.gz").write_bytes(content)
        capsys.readouterr()
        assert invoke("predict", f"run={pumps}", f"input={number}.csv.gz", "output=out.csv", "overwrite=true") == 1
        said = capsys.readouterr().err
        assert f"{number}.csv.gz is damaged, or gzip has not packed it" in said
        assert "Traceback" not in said


def test_dates_in_parquet_and_numbers_as_they_were_written(pumps: Path, invoke: Command) -> None:
    moments = np.datetime64("2024-05-01T00:00:00", "ns") + np.arange(3) * np.timedelta64(1, "s")
    columns = {"t": pa.array(moments), "flow": [0.1, 0.2, 0.3], "heat": [20, 21, 22], "pump": [7, 7, 8]}
    pq.write_table(pa.table(columns), "signal.parquet")
    assert invoke("predict", f"run={pumps}", "input=signal.parquet", "output=a.jsonl") == 0
    first, *_ = (json.loads(line) for line in Path("a.jsonl").read_text().splitlines())
    assert (first["pump"], first["t"]) == (7, "2024-05-01 00:00:00")
    Path("signal.jsonl").write_text('{"pump": 7, "t": 1.10, "flow": 0.1, "heat": 20.0}\n')
    assert invoke("predict", f"run={pumps}", "input=signal.jsonl", "output=b.jsonl") == 0
    assert Path("b.jsonl").read_text().startswith('{"pump": 7, "t": 1.10, "t_pred": 3.1, "warm": false, "heat_pred": ')


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_what_is_missing_in_parquet_is_what_it_is_in_training(kind: str) -> None:
    marks = Marks(missing_values=(-99.9,))
    heat = pa.array(np.array([-99.9, 1.5, np.nan], kind))
    pq.write_table(pa.table({"heat": heat, "since": pa.array([1500, 2500, None], pa.duration("ms"))}), "in.parquet")
    rows = [row for _, row in ParquetRows(Path("in.parquet"), marks).rows(["heat", "since"])]
    trained = [as_numbers(heat, marks), as_times(pa.array([1500, 2500, None], pa.duration("ms")))]
    np.testing.assert_array_equal(np.array(rows, float).T, np.array(trained))
    np.testing.assert_array_equal(np.array(rows, float), [[np.nan, 1.5], [1.5, 2.5], [np.nan, np.nan]])


@pytest.mark.parametrize("size", [2, 7, 1000])
def test_chunks_are_equal_but_for_rounding(pumps: Path, invoke: Command, size: int) -> None:
    lines = table(700)
    lines[20], lines[40] = "b,99,0.1,twenty,late\n", "a,99,0.1\n"
    Path("signal.csv").write_text(HEADER + "".join(lines))
    words = [f"run={pumps}", "input=signal.csv", "errors=skip", "keep=note"]
    assert invoke("predict", *words, "output=exact.csv", "state=exact.state") == 0
    assert invoke("predict", *words, "output=chunks.csv", "state=chunks.state", f"chunk={size}") == 0
    std = load_run(pumps).module.target_std.tolist()
    exact, chunks = written("exact.csv"), written("chunks.csv")
    assert len(exact) == len(chunks) == 698
    for one, other in zip(exact, chunks, strict=True):
        assert (one["pump"], one["t"], one["note"]) == (other["pump"], other["t"], other["note"])
        for name, scale in zip(("heat_pred", "wear_pred"), std, strict=True):
            assert abs(float(one[name]) - float(other[name])) <= 1e-5 * scale
    states = [torch.load(f"{name}.state", weights_only=True) for name in ("exact", "chunks")]
    for key in ("ids", "times", "last", "rows"):
        assert states[0][key] == states[1][key]
    for ours, theirs in zip(states[0]["state"], states[1]["state"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("missing", ["mask", "ffill", "error"])
def test_missing_inputs_mean_what_they_did_in_training(pumps: Path, missing: str) -> None:
    run = load_run(pumps, overrides=[f"datamodule.missing={missing}"])
    (mean, _), predictor = run.module.input_mean.tolist(), Predictor(run)
    by_hand = Predictor(load_run(pumps))
    if missing == "error":
        with pytest.raises(ValueError, match=r"flow: the cell is missing or infinite; datamodule\.missing=mask reads"):
            predictor.step([None, 20.0])
        assert predictor.streams == {}
        return
    first = (mean, 20.0)  # nothing to repeat yet
    assert predictor.step([None, 20.0]) == by_hand.step(first)
    assert predictor.step([0.5, 21.0]) == by_hand.step([0.5, 21.0])
    instead = mean if missing == "mask" else 0.5
    for hole in (math.nan, -math.inf, None, 1e39):
        assert predictor.step([hole, 22.0]) == by_hand.step([instead, 22.0])


def test_a_stream_begins_anew_behind_a_gap(pumps: Path) -> None:
    predictor, fresh = Predictor(load_run(pumps)), Predictor(load_run(pumps))
    predictor.step([0.1, 20.0], "a", "2024-05-01 00:00:00")
    near = predictor.step([0.2, 21.0], "a", "2024-05-01T00:00:01.000000001Z")
    behind = predictor.step([None, 21.0], "a", "2024-05-01 00:00:03")
    mean = load_run(pumps).module.input_mean.tolist()[0]
    assert behind == fresh.step([mean, 21.0])
    assert near != fresh.step([0.2, 21.0], "another")
    with pytest.raises(ValueError, match="the time 2024-05-01 00:00:03 after 2024-05-01 00:00:03 does not go forward"):
        predictor.step([0.2, 21.0], "a", "2024-05-01 01:00:03+01:00")


def test_a_run_without_series(invoke: Command) -> None:
    words = [*SINE, "trainer.max_steps=6"]
    train(compose(words), "run", words)
    Path("x.csv").write_text("x\n0.5\n\n0.25\n")
    assert invoke("predict", "run=run", "input=x.csv", "output=y.csv") == 0
    predictor = Predictor(load_run("run"))
    expected = [np.float32(predictor.step([value])[0]) for value in (0.5, 0.25)]
    assert Path("y.csv").read_text() == "y_pred\n" + "".join(f"{value!s}\n" for value in expected)


@pytest.mark.parametrize("name", options("core"))
def test_every_core_goes_on_from_a_file(name: str, pumps: Path) -> None:
    torch.manual_seed(1)
    core = instantiate(core_config(name))
    start = "learned" if core(input_size=2).uses_initial_state else "zeros"
    module = StreamRegressor(core, torch.optim.SGD, 2, 2, initial_state=start)
    run = load_run(pumps)
    run = LoadedRun(run.folder, run.cfg, module.eval(), run.datamodule, run.checkpoint)
    rows = np.random.default_rng(1).normal(size=(40, 2)).tolist()
    whole = Predictor(run)
    expected = [whole.step(row, id) for row in rows for id in ("a", "b")]
    found = []
    for part in (rows[:13], rows[13:]):
        predictor = Predictor(run)
        file = StateFile(Path.cwd() / "state", predictor, None)
        file.load()
        found += [predictor.step(row, id) for row in part for id in ("a", "b")]
        file.save(len(part))
    assert found == expected


@pytest.mark.slow
def test_ten_thousand_streams(pumps: Path) -> None:
    run = load_run(pumps)
    predictor = Predictor(run)
    first = [predictor.step([0.1, 20.0], f"pump {number}") for number in range(10_000)]
    assert all(one == first[0] for one in first)
    StateFile(Path.cwd() / "state", predictor, "pump").save(10_000)
    again = Predictor(run)
    StateFile(Path.cwd() / "state", again, "pump").load()
    assert again.step([0.2, 21.0], "pump 9999") == predictor.step([0.2, 21.0], "pump 0")
    assert Path("state").stat().st_size < 10_000 * 500


def test_latencies_are_counted_in_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    took = np.random.default_rng(1).lognormal(-9, 1, 5000)
    latency, now = Latency(), 100.0
    for seconds in took:
        monkeypatch.setattr("time.perf_counter", lambda seconds=seconds: now + seconds)
        latency.add(now)
    for share in (0.5, 0.99):
        assert latency.quantile(share) == pytest.approx(np.quantile(took, share), rel=0.03)
    assert latency.rows == 5000


PARQUET_IDS = {
    "bytes": pa.array([b"a", b"b", b"a"]),
    "fixed": pa.array([b"ab", b"cd", b"ab"], pa.binary(2)),
    "dictionary of bytes": pa.array([b"a", b"b", b"a"]).dictionary_encode(),
    "floats": pa.array([1.0, 2.5, 1.0]),
    "whole floats": pa.array([1.0, 2.0, 1.0], pa.float32()),
    "float32": pa.array([0.1, 0.2, 0.1], pa.float32()),
    "integers": pa.array([1, 2, 1]),
    "truths": pa.array([True, False, True]),
    "decimals": pa.array([Decimal("1.50"), Decimal("2.00"), Decimal("1.50")]),
    "moments": pa.array([datetime(2024, 5, 1), datetime(2024, 5, 2), datetime(2024, 5, 1)]),
    "texts": pa.array([" a", "b", " a"], pa.large_string()),
}


@pytest.mark.parametrize("kind", PARQUET_IDS)
def test_streams_of_a_parquet_are_called_as_in_training(kind: str, pumps: Path, invoke: Command) -> None:
    ids = PARQUET_IDS[kind]
    table = pa.table({"pump": ids, "t": [1, 1, 2], "flow": [0.1, 0.2, 0.3], "heat": [20.0, 21.0, 22.0]})
    pq.write_table(table, "in.parquet")
    assert invoke("predict", f"run={pumps}", "input=in.parquet", "output=out.csv", "state=streams", "keep=[pump]") == 0
    values, codes = as_texts(ids)
    assert torch.load("streams", weights_only=True)["ids"] == values
    assert [row["pump"] for row in written("out.csv")] == [values[code] for code in codes]


def test_a_prediction_says_of_when_it_is_and_whether_its_stream_is_warm(pumps: Path, invoke: Command) -> None:
    """Two rows ahead; anew behind the gap; in one piece, in two, and in windows."""
    lines = [f"a,{t},0.1,20,-\n" for t in (1, 2, 3, 4, 14, 15, 16)]
    Path("in.csv").write_text(HEADER + "".join(lines))
    words = [f"run={pumps}", "warmup=2"]
    assert invoke("predict", *words, "input=in.csv", "output=whole.csv") == 0
    found = written("whole.csv")
    assert [float(row["t_pred"]) for row in found] == [3, 4, 5, 6, 16, 17, 18]
    assert [row["warm"] for row in found] == ["false", "false", "true", "true", "false", "false", "true"]
    assert invoke("predict", *words, "input=in.csv", "output=chunks.csv", "chunk=5") == 0
    assert [(row["t_pred"], row["warm"]) for row in written("chunks.csv")] == [
        (row["t_pred"], row["warm"]) for row in found
    ]
    parts = []
    for number, part in enumerate((lines[:3], lines[3:])):
        Path("part.csv").write_text(HEADER + "".join(part))
        assert invoke("predict", *words, "input=part.csv", f"output={number}.csv", "state=streams") == 0
        parts += written(f"{number}.csv")
    assert parts == found
    assert invoke("predict", f"run={pumps}", "warmup=0", "input=in.csv", "output=plain.csv") == 0
    assert "warm" not in written("plain.csv")[0]
    moments = [line.replace(f",{t},", f",2024-05-0{t}T00:00:00,") for t, line in enumerate(lines[:2], 1)]
    Path("dates.csv").write_text(HEADER + "".join(moments))
    day = ["datamodule.gaps=ignore", "datamodule.time_step=86400"]
    assert invoke("predict", *words, "input=dates.csv", "output=dates_out.csv", *day) == 0
    assert [row["t_pred"] for row in written("dates_out.csv")] == ["2024-05-03 00:00:00", "2024-05-04 00:00:00"]
    no_step = ["datamodule.gaps=ignore", "datamodule.time_step=null"]
    assert invoke("predict", *words, "input=in.csv", "output=steps.csv", *no_step) == 0
    assert [row["t_pred"] for row in written("steps.csv")][:3] == ["", "4", "5"]  # as far apart as the last two


def test_a_state_of_an_earlier_version_goes_on(pumps: Path, invoke: Command) -> None:
    Path("in.csv").write_text(HEADER + "".join(f"a,{t},0.1,20,-\n" for t in range(1, 6)))
    Path("more.csv").write_text(HEADER + "a,6,0.1,20,-\n")
    assert invoke("predict", f"run={pumps}", "input=in.csv", "output=a.csv", "state=streams") == 0
    saved = torch.load("streams", weights_only=True)
    torch.save({key: value for key, value in saved.items() if key not in ("read", "steps")}, "streams")
    assert invoke("predict", f"run={pumps}", "input=more.csv", "output=b.csv", "state=streams", "warmup=5") == 0
    assert written("b.csv")[0]["warm"] == "true"
