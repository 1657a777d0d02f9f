"""One table of cores by what else varies, where that is one thing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqmodels.report import report
from seqmodels.reporting.crossing import Crossing, crossings
from seqmodels.reporting.folders import runs_below
from seqmodels.reporting.groups import tables_of
from tests.support.report_runs import make_run

LSTM, GRU = "seqmodels.cores.recurrent.LSTM", "seqmodels.cores.recurrent.GRU"


def one(value: float, core: str, language: str, seed: int = 1, **changes: Any) -> Path:
    folder = Path("runs", f"{core.rpartition('.')[2]}_{language}_{seed}_{'_'.join(map(str, changes.values()))}")
    data = {"results": {"datamodule": language}, "datamodule__language": language}
    return make_run(folder, value, seed, core___target_=core, **data, **changes)


def found() -> Sequence[Crossing]:
    return crossings(tables_of(runs_below([Path("runs")])[0]))


def four() -> None:
    for seed in (1, 2, 3):
        one(0.7 + seed / 10, LSTM, "parity", seed, optimizer__lr=0.01)
        one(0.5, LSTM, "words_s3", seed, optimizer__lr=0.01)
        one(0.99, GRU, "parity", seed, optimizer__lr=0.003)
        one(1.0, GRU, "words_s3", seed, optimizer__lr=0.003)


def test_cores_by_languages_though_each_core_has_its_learning_rate() -> None:
    four()
    (crossing,) = found()
    assert crossing.title == "test/acc by core and language"
    assert crossing.lines == [
        ["core", "parity", "words_s3"],
        ["gru", "0.980 ± 0.000", "0.990 ± 0.000"],
        ["lstm", "0.890 ± 0.100", "0.490 ± 0.000"],
    ]
    assert "of 3 runs each" in crossing.caption
    report(["runs"])
    assert "| lstm | 0.890 ± 0.100 | 0.490 ± 0.000 |" in Path("runs/report.md").read_text()
    assert "<td>lstm</td><td>0.890 ± 0.100</td>" in Path("runs/report.html").read_text()


def test_a_variant_of_a_core_is_a_row_of_its_own() -> None:
    four()
    for language in ("parity", "words_s3"):
        for gate in ("true", "false"):
            one(0.4, "mine.Gated", language, core__gate=gate)
    (crossing,) = found()
    assert crossing.key == "language"
    assert {row[0] for row in crossing.lines[1:]} == {"gru", "lstm", "gated, gate=true", "gated, gate=false"}
    assert "of 1 to 3 runs each" in crossing.caption


def test_no_table_where_more_varies_or_a_part_is_missing() -> None:
    four()
    one(0.6, GRU, "parity", optimizer__lr=0.1)
    assert not [crossing for crossing in found() if crossing.key == "language"], "two learning rates of one core"


def test_a_cell_without_runs_stays_empty() -> None:
    one(0.8, LSTM, "parity")
    one(0.0099, LSTM, "words_s3")
    one(0.9, GRU, "parity")
    (crossing,) = found()
    assert crossing.lines[1:] == [["gru", "0.890", "-"], ["lstm", "0.790", "0.000"]]


def test_one_core_alone_is_crossed_with_nothing() -> None:
    one(0.8, LSTM, "parity")
    one(0.9, LSTM, "words_s3")
    assert not found()
