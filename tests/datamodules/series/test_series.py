"""The windows of a person's own series: every step counts once, in its part, with its own past before it."""

import pickle
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from seqmodels.datamodules.series.datamodule import SeriesStream
from seqmodels.datamodules.window import Window
from tests.support.data import same
from tests.support.series_layouts import Layout, random_layout, windows

PLAIN = Layout([200, 60, 45], [[], [20], []], 2, 8, 3, 10, 0.2, 0.2, True)


def made(layout: Layout, **options: object) -> SeriesStream:
    path = Path("series.csv")
    layout.write(path, random.Random(0))
    return layout.datamodule(path, **options)


def check_lane(layout: Layout, part: str, lane: Window) -> list[float]:
    """Walk along one lane, x and y (steps,), reset and mask (steps,); returns the inputs that counted."""
    counted, since, previous = [], 0, None
    for x, y, reset, mask in zip(*(tensor.tolist() for tensor in lane[:4]), strict=True):
        inside = y == y
        if not inside:  # padding: it never counts, and the signal does not go on behind it
            assert not mask
            previous = None
            continue
        since = 0 if reset else since + 1
        assert reset or x == previous + 1, "a row of the same series follows, or the stream begins anew"
        assert y == -(x + layout.horizon)
        if mask:
            if not counted or counted[-1] != x - 1 or since == 0:
                warmup = 0 if part == "train" else layout.warmup
                assert since == min(warmup, layout.before(x)), "the state is warm"
            counted.append(x)
        previous = x
    return counted


def lanes(found: list[Window], window: int) -> list[Window]:
    """Each lane as one piece, with the flag of a reset at the step where it happens."""
    joined = []
    for lane in range(len(found[0].x)):
        flags = [w.reset[lane] & (torch.arange(window) == 0) for w in found]
        if found[0].step_reset.numel():
            flags = [flag | w.step_reset[lane] for flag, w in zip(flags, found, strict=True)]
        x, y, mask = (torch.cat([getattr(w, name)[lane] for w in found]) for name in ("x", "y", "mask"))
        joined.append(Window(x[:, 0], y[:, 0], torch.cat(flags), mask))
    return joined


@pytest.mark.parametrize(("packed", "layouts"), [(False, 45), (True, 20)])
def test_every_step_counts_exactly_once_in_its_part(packed: bool, layouts: int) -> None:
    """Against the plain rule, row by row, over random lengths, gaps, horizons, windows, lanes and fractions."""
    made_up = 0
    for seed in range(layouts):
        layout = random_layout(seed)
        try:
            data = made(layout, packed=packed)
        except ValueError as error:
            if re.search("num_streams|nothing is left|window=", str(error)):
                continue
            raise
        made_up += 1
        for part in ("train", "val", "test"):
            found = windows(data, part)
            assert all(w.x.shape == (layout.num_streams, layout.window, 1) for w in found)
            assert found[0].reset.all()
            assert all(w.x.isfinite().all() for w in found)
            counted = [x for lane in lanes(found, layout.window) for x in check_lane(layout, part, lane)]
            assert len(counted) == len(set(counted)), (seed, part)
            assert set(counted) == layout.steps(part), (seed, part)
    assert made_up > layouts / 2


def test_lanes_are_even_and_long_series_stay_in_place() -> None:
    data = made(Layout([200, 60, 45], [[], [20], []], 2, 8, 3, 10, 0.2, 0.2, False))
    found = windows(data, "train")
    per_lane = torch.stack([w.mask.any(1) for w in found]).sum(0)
    assert per_lane.max() - per_lane.min() <= 1
    first = [w.x[0, :, 0] for w in found[:5]]
    assert torch.equal(torch.cat(first), torch.arange(40.0))


def test_without_a_time_or_groups_a_file_is_a_series() -> None:
    for name, rows in (("b", 30), ("a", 50)):
        Path(f"{name}.csv").write_text("x,y\n" + "".join(f"{row},{-row}\n" for row in range(rows)))
    data = SeriesStream(["*.csv"], "x", "y", window=10, val_fraction=0.0, test_fraction=0.2, cache="cache")
    data.prepare_data()
    data.setup("fit")
    assert data.name == "series:a+1"
    assert (
        data.summary() == "series:a+1: steps 64 train (of 2 series), 16 test (of 2 series); 1 lane, windows of 10 steps"
    )
    assert data.val_dataloader() == []
    (x,) = lanes(windows(data, "train"), 10)
    assert x.x[x.mask].tolist() == [*range(40), *range(24)]


def test_files_of_their_own_are_read_whole() -> None:
    for name, rows in (("a", 50), ("v", 20), ("t", 30)):
        Path(f"{name}.csv").write_text("x,y\n" + "".join(f"{row},{-row}\n" for row in range(rows)))
    files = {"files": "a.csv", "val_files": ["v.csv"], "test_files": "t.csv"}
    data = SeriesStream(**files, inputs="x", targets="y", horizon=3, window=4, num_streams=2, cache="cache")
    data.prepare_data()
    data.setup("fit")
    assert data.facts()["parts"] == {"train": 47, "val": 17, "test": 27}
    counted = sorted(torch.cat([w.x[w.mask][:, 0] for w in windows(data, "test")]).tolist())
    assert counted == list(range(27))


def rewritten(path: Path, rows: slice, shift: float) -> None:
    """The same CSV with other numbers in some rows of its only series."""
    header, *lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    for row in cells[rows]:
        row[2], row[3] = str(float(row[2]) + shift), str(float(row[3]) * 3 - shift)
    path.write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")


@pytest.mark.parametrize("horizon", [0, 3])
def test_nothing_of_validation_and_test_reaches_training(horizon: int) -> None:
    layout = Layout([300], [[]], horizon, 8, 3, 10, 0.2, 0.2, False)
    before = made(layout, season=7)
    known, statistics = windows(before, "train"), before.statistics
    rewritten(Path("series.csv"), slice(180, 300), 5000)  # the rows from 180 on are targets of val and test
    after = layout.datamodule(Path("series.csv"), season=7)
    assert after.statistics == statistics
    assert all(same(a, b) for a, b in zip(windows(after, "train"), known, strict=True))
    rewritten(Path("series.csv"), slice(240, 300), 5000)
    last = layout.datamodule(Path("series.csv"), season=7)
    assert all(same(a, b) for a, b in zip(windows(last, "val"), windows(after, "val"), strict=True))
    rewritten(Path("series.csv"), slice(179, 180), 5000)  # the last row of training
    assert layout.datamodule(Path("series.csv"), season=7).statistics != statistics


@pytest.mark.parametrize("season", [1, 7])
def test_what_is_learned_from_the_training_rows(season: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against NumPy over all rows at once, with holes, a constant column, a gap and blocks of few rows."""
    monkeypatch.setattr("seqmodels.datamodules.series.statistics.ROWS", 16)
    generator = np.random.default_rng(0)
    x = generator.normal(1e4, 2, (200, 2))
    x[generator.random(200) < 0.1, 0] = np.nan
    time = np.arange(200) + 50 * (np.arange(200) >= 60)
    rows = [f"{t},{a},{b},0.1\n".replace("nan", "") for t, (a, b) in zip(time, x, strict=True)]
    Path("s.csv").write_text("t,a,b,c\n" + "".join(rows))
    options = {"time": "t", "gaps": "reset", "missing": "mask", "horizon": 1, "season": season, "cache": "cache"}
    data = SeriesStream("s.csv", ["a", "b", "c"], ["b", "a"], window=8, **options)  # type: ignore[arg-type]
    data.setup("fit")
    train = x[:160].astype(np.float32).astype(np.float64)
    assert data.input_stats is not None
    assert data.target_stats is not None
    mean, std = np.nanmean(train, 0), np.nanstd(train, 0)
    np.testing.assert_allclose(data.input_stats, [[*mean, np.float32(0.1)], [*std, 1]], rtol=1e-9)
    np.testing.assert_allclose(data.target_stats, [mean[::-1], std[::-1]], rtol=1e-9)
    pieces = [train[:60], train[60:]]
    differences = np.concatenate([np.abs(piece[season:] - piece[:-season]) for piece in pieces])
    np.testing.assert_allclose(data.target_scale, np.nanmean(differences, 0)[::-1], rtol=1e-9)
    plain = SeriesStream("s.csv", ["c"], ["a"], missing="mask", normalize=False, window=8, cache="cache")
    plain.setup("fit")
    assert (plain.input_stats, plain.target_stats, plain.target_scale) == (None, None, None)


def test_what_was_learned_is_found_again_and_not_learned_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(PLAIN, season=3)
    monkeypatch.setattr("seqmodels.datamodules.series.splits.fit_statistics", None)
    again = PLAIN.datamodule(Path("series.csv"), season=3)
    assert again.statistics == first.statistics
    with pytest.raises(TypeError):  # another season, so that there is something to learn
        PLAIN.datamodule(Path("series.csv"), season=4)


def test_no_scale_where_nothing_changes() -> None:
    Path("s.csv").write_text("a,b\n" + "1,2\n" * 40)
    data = SeriesStream("s.csv", ["a"], ["b"], horizon=1, window=4, cache="cache")
    data.setup("fit")
    assert data.target_scale is None
    facts = data.facts()
    assert facts["baselines"] == {"naive": {"mae": 0.0}}
    assert facts["mase_missing"] == {"b": "its training rows never differ from those 1 row before"}


@pytest.mark.parametrize(("horizon", "season"), [(1, 1), (3, 1), (1, 5), (5, 5), (7, 5), (12, 5)])
@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_baselines_step_by_step(horizon: int, season: int, holes: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a loop over the test's steps, in files of their own so that a series begins within the test."""
    monkeypatch.setattr("seqmodels.datamodules.series.baselines.ROWS", 8)
    generator = np.random.default_rng(horizon)
    y = np.round(generator.normal(0, 1, (60, 2)).cumsum(0), 3)
    y[generator.random(60) < holes, 0] = np.nan
    for name, part in (("train", y[:35]), ("test", y[35:])):
        rows = [f"{row},{a},{b}\n".replace("nan", "") for row, (a, b) in enumerate(part)]
        Path(f"{name}.csv").write_text("x,a,b\n" + "".join(rows))
    data = SeriesStream(
        "train.csv", ["x"], ["a", "b"], test_files="test.csv", horizon=horizon, season=season, missing="mask",
        val_fraction=0.0, window=4, cache="cache",
    )  # fmt: skip
    data.setup("fit")
    assert data.statistics is not None
    y, h, m = y[35:].astype(np.float32).astype(np.float64), horizon, season
    scale = np.array(data.target_scale)
    errors: dict[str, list[np.ndarray]] = {"naive": [], "seasonal_naive": []}
    for t in range(len(y) - h):
        if np.isnan(y[t + h]).any():
            continue
        for name in errors:
            source = t if name == "naive" else t + h - m * -(-h // m)
            source = t if source < 0 else source
            forecast = [
                next(
                    (y[row, k] for row in range(source, -1, -1) if not np.isnan(y[row, k])),
                    data.statistics.target_mean[k],
                )
                for k in range(2)
            ]
            errors[name].append(np.abs(np.array(forecast) - y[t + h]))
    found = data.facts()["baselines"]
    assert set(found) == ({"naive", "seasonal_naive"} if m > 1 else {"naive"})
    for name, values in found.items():
        assert values["mae"] == pytest.approx(np.mean(errors[name]), rel=1e-9)
        assert values["mase"] == pytest.approx(np.mean(np.array(errors[name]) / scale), rel=1e-9)
    counted = sum(int(w.mask.sum()) for w in windows(data, "test"))
    assert counted == len(errors["naive"])


@pytest.mark.parametrize("missing", ["mask", "ffill"])
def test_missing_cells(missing: str) -> None:
    """x is missing in rows 0, 4 and 5, y in rows 8 and 4; z stands for a further input."""
    x = ["", 1, 2, 3, "", "inf", 6, 7, 8, 9]
    y = [0, 1, 2, 3, "", 5, 6, 7, "NA", 9]
    rows = "".join(f"{a},{b},{i}\n" for i, (a, b) in enumerate(zip(x, y, strict=True)))
    Path("s.csv").write_text("x,y,z\n" + rows)
    data = SeriesStream(
        "s.csv", ["x", "z"], ["y"], missing=missing, val_fraction=0.0, test_fraction=0.0, window=10, cache="cache"
    )  # type: ignore[arg-type]
    data.setup("fit")
    (window,) = windows(data, "train")
    assert data.statistics is not None
    mean = np.float32(data.statistics.input_mean[0])
    filled = [mean, 1, 2, 3, *([3, 3] if missing == "ffill" else [mean, mean]), 6, 7, 8, 9]
    assert window.x[0, :, 0].tolist() == pytest.approx(filled)
    masked = {0, 4, 5, 8} if missing == "mask" else {0, 4, 8}
    assert window.mask[0].tolist() == [row not in masked for row in range(10)]
    assert window.y[0, [4, 8], 0].isnan().all()
    assert data.facts()["files"]["files"]["missing"] == {"x": 3, "z": 0, "y": 2}
    if missing == "mask":
        assert mean == pytest.approx(np.mean([1, 2, 3, 6, 7, 8, 9]))


def test_a_worker_is_sent_the_place_of_the_data_and_not_the_data() -> None:
    data = made(Layout([20_000], [[]], 0, 50, 2, 10, 0.1, 0.1, False))
    loader = data.train_dataloader()
    whole = loader.dataset[3]
    sent = pickle.dumps(loader.dataset)
    assert len(sent) < 4000
    assert same(pickle.loads(sent)[3], whole)


def test_a_checkpoint_replaces_the_training_files() -> None:
    layout = Layout([200], [[]], 2, 8, 1, 10, 0.2, 0.2, False)
    trained = made(layout, season=4)
    state = pickle.loads(pickle.dumps(trained.state_dict()))
    Path("new.csv").write_text(Path("series.csv").read_text())
    rewritten(Path("new.csv"), slice(0, 200), 100)
    Path("series.csv").unlink()
    arguments = {"files": "series.csv", "test_files": "new.csv", "inputs": "x", "targets": "y", "cache": "cache"}
    later = SeriesStream(**arguments, horizon=2, season=4)  # type: ignore[arg-type]
    later.load_state_dict(state)
    later.prepare_data()
    later.setup("test")
    assert (later.input_stats, later.target_scale) == (trained.input_stats, trained.target_scale)
    assert later.name == "series:new"
    assert sum(int(w.mask.sum()) for w in later.test_dataloader()[0]) == 198
    assert later.facts()["baselines"]["naive"]["mase"] > 0
    assert later.state_dict() == state
    with pytest.raises(FileNotFoundError, match=r"series.csv matches no file"):
        later.setup("fit")
    for changed, message in (
        ({"horizon": 3}, "^horizon=3 but the model was trained with horizon=2"),
        ({"season": 1}, "^season=1 but the model was trained with season=4"),
    ):
        with pytest.raises(ValueError, match=message):
            SeriesStream(**arguments, **({"horizon": 2, "season": 4} | changed)).load_state_dict(state)  # type: ignore[arg-type]


@pytest.mark.parametrize("when", ["after fit", "before fit", "before test"])
@pytest.mark.parametrize(
    ("change", "message"),
    [("rows", "200 rows then, 190 now"), ("values", r"means of the inputs \[[\d.]+\] then, \[[\d.]+\] now")],
)
def test_training_files_that_changed_are_noticed(when: str, change: str, message: str) -> None:
    layout = Layout([200], [[]], 2, 8, 1, 10, 0.2, 0.2, False)
    state = made(layout).state_dict()
    if change == "rows":
        layout.lengths = [190]
        layout.write(Path("series.csv"), random.Random(0))
    else:
        rewritten(Path("series.csv"), slice(50, 60), 100)
    data = SeriesStream("series.csv", "x", "y", horizon=2, window=8, val_fraction=0.2, test_fraction=0.2, cache="cache")

    def change_is_noticed() -> None:
        if when == "after fit":
            data.setup("fit")
            data.load_state_dict(state)
        else:
            data.load_state_dict(state)
            data.prepare_data()
            data.setup(when.removeprefix("before "))

    if (when, change) == ("before test", "values"):  # the training rows are not read again
        change_is_noticed()
    else:
        with pytest.raises(ValueError, match=f"^series:series: the files are not what the training read .*{message}"):
            change_is_noticed()


GOOD = {"files": ["s.csv"], "inputs": ["x"], "targets": ["y"]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"files": []}, r"^files=\[\] leaves open .* such as datamodule.files=\[data/\*.csv\]"),
        ({"inputs": []}, r"^inputs=\[\] leaves open"),
        ({"targets": []}, r"^targets=\[\] leaves open"),
        (
            {"inputs": ["x", "y", "x"]},
            r"^inputs=\['x', 'y', 'x'\] names a column twice; give each once, inputs=\[x,y\]$",
        ),
        (
            {"files": ["a.csv", "a.csv"]},
            r"^files=\['a.csv', 'a.csv'\] names a file twice; give each once, files=\[a.csv\]$",
        ),
        ({"inputs": ["x", "y"]}, r"^horizon=0 with 'y' among the inputs and the targets would only copy it"),
        ({"horizon": -1}, "^horizon=-1 is too small"),
        ({"window": 0}, "^window=0 is too small"),
        ({"num_streams": 0}, "^num_streams=0 is too small"),
        ({"season": 0}, "^season=0 is too small"),
        ({"warmup": -1}, "^warmup=-1 is too small"),
        ({"val_fraction": 1.5}, "^val_fraction=1.5 is out of range; give a number from 0 to 1"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "^val_fraction=0.5 and test_fraction=0.5 leave nothing"),
        ({"missing": "drop"}, "^missing=drop is not known; choose error, mask or ffill"),
        ({"gaps": "drop"}, "^gaps=drop is not known; choose error, reset, ignore or dt"),
        ({"time_step": 0.0}, "^time_step=0.0 is too small; give a number above 0"),
        ({"delimiter": ", "}, "^delimiter=', ' is not one character$"),
        ({"delimiter": r"\t"}, r"is not one character; a tab is \$'datamodule.delimiter=\"\\t\"'$"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeriesStream(**{**GOOD, **wrong})
    assert SeriesStream(**GOOD).input_size == 1  # nothing is read


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            3,
            {"horizon": 3},
            r"^s.csv has 3 rows, which is too short: with horizon=3 a series needs at least 4; .* datamodule.horizon=",
        ),
        (
            4,
            {"horizon": 3, "window": 1},
            r"^nothing is left for val: s.csv with 4 rows is cut with val_fraction=0.1.* datamodule.val_files=",
        ),
        (
            70,
            {"num_streams": 3},
            r"^num_streams=3 is too much for train, which has 2 windows of 50 steps; .*at most 2$",
        ),
        (
            60,
            {},
            r"^window=50 is longer than what any series has to train on; give at most 48, of which nothing is padding",
        ),
        (
            60,
            {"num_streams": 7, "window": 4},
            r"^num_streams=7 is too much for val, which has 6 steps; give at most 6$",
        ),
        (60, {"val_files": ["s.csv"]}, r"^s.csv is named by files and by val_files; a file belongs in one part"),
        (
            60,
            {"missing": "mask", "inputs": ["e"]},
            r"^column e has no value in the training part; .* of datamodule.inputs=",
        ),
    ],
)
def test_data_that_does_not_suffice(rows: int, options: dict, message: str) -> None:
    Path("s.csv").write_text("x,y,e\n" + "".join(f"{row},{row},\n" for row in range(rows)))
    data = SeriesStream(**{**GOOD, "cache": "cache", **options})
    with pytest.raises(ValueError, match=message):
        data.setup("fit")
