"""Learning curves on common steps, the heat map's grid, and what is drawn of it."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from seqmodels.reporting.curves import POINTS, average, read_curves
from seqmodels.reporting.figures import DRAWN, comparison, learning_curves
from seqmodels.reporting.folders import runs_below
from seqmodels.reporting.groups import Table, tables_of
from seqmodels.reporting.heat_map import grids, heat_map
from tests.support.report_runs import make_run

HERE = Path("outputs")


def table() -> Table:
    (found,) = tables_of(runs_below([HERE])[0])
    return found


def sweep(*lrs: float, sizes: tuple[int, ...] = (16, 32), seeds: int = 1) -> None:
    for lr in lrs:
        for size in sizes:
            for seed in range(seeds):
                value = lr * size + seed
                changes = {"optimizer__lr": lr, "core__hidden_size": size}
                make_run(HERE / f"{lr}_{size}_{seed}", value, seed, **changes)


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_the_mean_and_deviation_at_common_steps() -> None:
    curve = average([(array(1, 2, 3), array(1, 2, 3)), (array(1, 2, 3), array(3, 2, 5))])
    assert curve is not None
    assert curve.n == 2
    assert curve.steps.tolist() == [1, 2, 3]
    assert curve.mean.tolist() == [2, 2, 4]
    assert curve.sd is not None
    assert curve.sd.tolist() == pytest.approx([2**0.5, 0, 2**0.5])


def test_other_steps_are_interpolated_and_nothing_lies_beyond_the_common_part() -> None:
    curve = average([(array(0, 10, 20), array(0, 10, 20)), (array(5, 15, 40), array(1, 1, 1))])
    assert curve is not None
    assert curve.steps.tolist() == [5, 10, 15, 20]
    assert curve.mean.tolist() == [3, 5.5, 8, 10.5]


def test_runs_without_common_steps_have_no_mean() -> None:
    assert average([(array(0, 1), array(1, 1)), (array(5, 6), array(1, 1))]) is None
    assert average([]) is None


def test_one_run_has_no_band_and_long_curves_are_thinned_but_keep_their_ends() -> None:
    steps = np.arange(10_000.0)
    curve = average([(steps, steps)])
    assert curve is not None
    assert curve.sd is None
    assert len(curve.steps) <= POINTS
    assert (curve.steps[0], curve.steps[-1]) == (0, 9999)


def test_damaged_rows_are_passed_over() -> None:
    run = make_run(HERE / "a")
    text = (
        "step,epoch,train/loss,val/acc\n1,0,1.5,\n2,0,nan,0.5\n3,0,x,0.6\n4,0\nz,0,1,1\n5,0,2.5,0.7\n5,0,3.5,0.8\n6,0,1"
    )
    (run / "metrics.csv").write_text(text)
    curves = read_curves(run, ["train/loss", "val/acc", "absent"])
    assert {name: (x.tolist(), y.tolist()) for name, (x, y) in curves.items()} == {
        "train/loss": ([1, 5], [1.5, 3.5]),
        "val/acc": ([2, 3, 5], [0.5, 0.6, 0.8]),
    }


@pytest.mark.parametrize("content", ["", "\0\0\n1", "epoch\n1\n", "step,train/loss\n"])
def test_no_curve_is_no_error(content: str) -> None:
    run = make_run(HERE / "a")
    (run / "metrics.csv").write_text(content)
    assert learning_curves(table()) == ""
    (run / "metrics.csv").unlink()
    assert learning_curves(table()) == ""


def test_the_figures_speak_of_every_group_they_draw() -> None:
    curve = [(step, 10.0 ** (1 - step), step / 10) for step in range(1, 8)]
    for seed in (1, 2):
        make_run(HERE / f"a{seed}", 0.5 + seed / 10, seed, curve=curve)
        make_run(HERE / f"b{seed}", 0.6 + seed / 10, seed, optimizer__lr=1, curve=curve)
    drawn = learning_curves(table())
    for words in ("lr=1 (n=2)", "lr=0.01 (n=2)", "train/loss", "val/acc", "step"):
        assert words in drawn
    assert "mathdefault" not in drawn, "the labels of the logarithmic axis are plain numbers"
    points = comparison(table())
    for words in ("lr=1", "lr=0.01", "val/acc (higher is better)"):
        assert words in points


def test_only_the_best_groups_are_drawn() -> None:
    curve = [(1, 1.0, 0.1), (2, 0.5, 0.2)]
    for number in range(DRAWN + 3):
        make_run(HERE / f"{number}", number / 10, optimizer__lr=number, curve=curve)
    legend = re.findall(r"lr=(\d+) \(n=1\)", learning_curves(table()))
    assert sorted(map(int, legend)) == list(range(3, DRAWN + 3))


def test_a_grid_of_two_numbers() -> None:
    sweep(0.001, 0.1, 1e-5, seeds=2)
    (grid,) = grids(table())
    assert (grid.x, grid.y) == ("hidden_size", "lr")
    assert grid.columns == ["16", "32"]
    assert [float(value) for value in grid.rows] == [1e-5, 0.001, 0.1]
    assert len(grid.cells) == 6
    value = grid.cells[2, 1].value
    assert value is not None
    assert value.mean == pytest.approx(0.1 * 32 + 0.5)
    drawn = heat_map(table(), grid)
    assert drawn.count("3.7") >= 1, "the mean of 3.2 and 4.2 stands in its cell"


def test_one_grid_for_each_choice_of_the_others() -> None:
    for view in ("rows", "pixels"):
        for lr in (0.1, 0.2):
            for size in (16, 32):
                changes = {"datamodule__view": view, "optimizer__lr": lr, "core__hidden_size": size}
                make_run(HERE / f"{view}{lr}{size}", lr * size, **changes)
    assert {grid.rest for grid in grids(table())} == {"view=rows", "view=pixels"}


def test_no_grid_where_most_of_it_would_be_empty() -> None:
    for number in range(8):
        make_run(HERE / f"{number}", 0.5, optimizer__lr=number / 7, core__hidden_size=number)
    assert grids(table()) == []


def test_no_grid_from_one_number_and_a_word() -> None:
    for view in ("rows", "pixels"):
        for lr in (0.1, 0.2):
            make_run(HERE / f"{view}{lr}", lr, datamodule__view=view, optimizer__lr=lr)
    assert grids(table()) == []


@pytest.mark.parametrize("value", [0.0, 1e300, -1e-300, 1e307])
def test_extreme_values_can_be_drawn(value: float) -> None:
    curve = [(1, abs(value), value), (2, abs(value) / 2, value)]
    for seed in (1, 2, 3):
        for lr in (1.0, 2.0):
            for size in (1, 2):
                changes = {"optimizer__lr": lr, "core__hidden_size": size}
                make_run(HERE / f"{lr}{size}{seed}", value / seed, seed, curve=curve, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "<svg" in comparison(table())
        assert "<svg" in learning_curves(table())
        assert "<svg" in heat_map(table(), grids(table())[0])
