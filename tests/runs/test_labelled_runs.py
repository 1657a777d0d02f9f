"""Training on labelled sequences, from the command to the figures, cut off and resumed, tested again on other files."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import seed_everything

from seqmodels import load_run
from seqmodels.callbacks.figures.classification import Shown, curve_figure
from seqmodels.runs.run import compose, train
from tests.conftest import Command
from tests.support.attempts import assert_same_run, cut_and_resumed, whole
from tests.support.labelled import WORDS, write

PLAIN = "~callbacks.classification"
"""Figures take longer than such trainings."""

LEARNING = [*WORDS, "trainer.max_epochs=12", "optimizer.lr=0.02", "core.hidden_size=16"]
EXACT = [*WORDS, PLAIN, "trainer.max_epochs=3", "trainer.val_check_interval=4", "trainer.log_every_n_steps=1",
         "datamodule.batch_size=8", "core.hidden_size=8", "module.dropout=0.3",
         "checkpoint.every_n_steps=2"]  # fmt: skip


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_padding_changes_no_prediction(readout: str) -> None:
    """The accuracy and the loss of padded batches are those of sequences read one by one."""
    write("a.csv", 60)
    result = train(compose([*LEARNING, PLAIN, f"module.readout={readout}", "test=last"]))
    assert result.metrics["test/acc"] > 0.8
    run = load_run(result.folder, "last")
    run.datamodule.setup("test")
    rows = run.datamodule.splits["test"]
    with torch.no_grad():
        alone = torch.cat([run.module(steps[None])[0] for steps in rows.steps.split(rows.lengths.tolist())])
    accuracy = (alone.argmax(-1) == rows.labels).float().mean().item()
    loss = torch.nn.functional.cross_entropy(alone, rows.labels).item()
    assert result.metrics["test/acc"] == pytest.approx(accuracy)
    assert result.metrics["test/loss"] == pytest.approx(loss, rel=1e-5)


def test_from_the_command_to_a_test_on_other_files(command: Command, invoke: Command) -> None:
    write("a.csv", 30)
    assert command(*LEARNING, "name=gait", "datamodule.missing=mask", "datamodule.batch_size=12") == 0
    (run,) = Path("outputs", "gait").iterdir()
    results = json.loads((run / "results.json").read_text())
    assert (results["datamodule"], results["classes"]) == ("labelled:a", ["down", "flat", "up"])
    assert {path.stem for path in (run / "figures").iterdir()} == {"samples", "mistakes", "confusion"}

    Path("a.csv").unlink()
    write("b.csv", 9, first=100)
    assert invoke("evaluate", f"run={run}", "datamodule.test_files=[b.csv]", "output=again") == 0
    again = json.loads(Path("again", "results.json").read_text())
    assert (again["datamodule"], again["sequences"]) == ("labelled:b", {"test": 9})
    assert again["metrics"]["test/acc"] > 0.5
    mean = load_run(run).module.input_mean
    assert mean.tolist() == pytest.approx([100, 0], abs=1)


def test_files_of_the_archives(command: Command) -> None:
    for part in ("TRAIN", "TEST"):
        lines = [f"{label}\t{label}\t{2 * label}\tNaN" for label in (1, -1)] * 4
        Path(f"Sign_{part}.tsv").write_text("\n".join(lines))
    words = ["datamodule=labelled_series", "datamodule.files=[Sign_TRAIN.tsv]", "datamodule.test_files=[Sign_TEST.tsv]"]
    words += [PLAIN, "trainer=cpu", "name=sign", "trainer.max_epochs=20", "optimizer.lr=0.05"]
    assert command(*words, "datamodule.batch_size=4") == 0
    (run,) = Path("outputs", "sign").iterdir()
    results = json.loads((run / "results.json").read_text())
    assert results["metrics"]["test/acc"] == 1
    assert (results["classes"], results["columns"]) == (["-1", "1"], ["0"])
    assert load_run(run).module.head.out_features == 2


def test_cut_off_twice() -> None:
    write("a.csv", 60)
    assert_same_run(cut_and_resumed(EXACT, [5, 13]), whole(EXACT))


@pytest.mark.slow
@pytest.mark.parametrize("words", [["datamodule.num_workers=2"], ["trainer.accumulate_grad_batches=2"]])
def test_cut_off_twice_in_every_way(words: list[str]) -> None:
    write("a.csv", 60)
    assert_same_run(cut_and_resumed([*EXACT, *words], [2, 7]), whole([*EXACT, *words]))


@pytest.mark.slow
def test_two_ranks_share_the_batches(command: Command) -> None:
    """Each metric is over all sequences, whoever read them."""
    write("a.csv", 64)
    words = [*EXACT, "module.dropout=0", "trainer.max_epochs=2", "logger=csv"]
    folders = []
    for name, ranks in (("one", []), ("two", ["trainer=ddp_cpu"])):
        assert command(*[word for word in words if word != "trainer=cpu" or not ranks], *ranks, f"name={name}") == 0
        folders += Path("outputs", name).iterdir()
    one, two = (json.loads((folder / "results.json").read_text()) for folder in folders)
    assert two["device"].startswith("2 processes")
    assert two["metrics"]["test/loss"] == pytest.approx(one["metrics"]["test/loss"], rel=1e-4)


def test_a_resumed_run_refuses_other_data(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.csv", 30)
    assert command(*EXACT, "name=gait", "trainer.max_steps=4") == 0
    (run,) = Path("outputs", "gait").iterdir()
    write("a.csv", 33)
    assert command(f"resume={run}", "trainer.max_steps=8") == 1
    assert "the files are not what the training read (sequences 24 then, 27 now)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["datamodule.files=[]"], "datamodule.files=[] leaves open which of your data to read"),
        (["datamodule.files=[b.csv]"], "b.csv matches no file in"),
        (["datamodule.inputs=[x,z]"], "a.csv has no column 'z'"),
        (["datamodule.label=null"], "a.csv is a table: say which of its columns to read, datamodule.label=..."),
        (["datamodule.label=y", "datamodule.inputs=[x]"], "but sequence 0 is"),
        (
            ["datamodule.val_fraction=0.9"],
            "datamodule.val_fraction=0.9 and datamodule.test_fraction=0.1 take 12 of 12",
        ),
        (["datamodule.missing=drop"], "datamodule.missing=drop is not known; choose error, mask or ffill"),
        (["module=regressor"], "StreamRegressor does regression, but the data 'labelled:a' is for classification"),
    ],
)
def test_mistakes_get_one_message(
    words: list[str], message: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.csv", 12)
    assert command(*WORDS, *words) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_curves_are_drawn_in_their_own_lengths() -> None:
    seed_everything(0, verbose=False)
    shown = [Shown(torch.randn(length, 2), 0, length % 2, 0.7, 0.3) for length in (1, 5, 9, 4, 2, 8)]
    figure = curve_figure(shown, ["down", "up"], ["x", "y"], "six")
    drawn = [axes for axes in figure.axes if axes.lines]
    assert [[len(line.get_xdata()) for line in axes.lines] for axes in drawn] == [[len(s.x)] * 2 for s in shown]
    assert [axes.get_title() for axes in drawn[:2]] == ["up, not down\n70%", "up, not down\n70%"]
    assert [axes.title.get_color() for axes in drawn[2:4]] == ["crimson", "black"]
    assert torch.equal(torch.as_tensor(drawn[2].lines[1].get_ydata()), shown[2].x[:, 1])
    assert [text.get_text() for text in figure.legends[0].texts] == ["x", "y"]


def test_curves_of_another_magnitude_do_not_lie_flat() -> None:
    x = torch.stack([torch.linspace(-1e-3, 1e-3, 5), torch.linspace(500, 100, 5), torch.full((5,), 7.0)], 1)
    shown = [Shown(part, 0, 0, 0.7, 0.7) for part in x.split([3, 2])]
    figure = curve_figure(shown, ["down", "up"], ["_x", "y", "z"], "two")
    first = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    np.testing.assert_allclose(first, [[0, 0.25, 0.5], [1, 0.75, 0.5], [0, 0, 0]], atol=1e-6)
    assert figure.get_suptitle() == "two; each column from its lowest to its highest"
    assert [text.get_text().strip() for text in figure.legends[0].texts] == ["_x", "y", "z"]


@pytest.mark.slow
def test_gun_point_is_learned(tmp_path: Path) -> None:
    """Two movements of a hand, 50 to learn from and 150 to be told apart; the defaults stay at a guess."""
    if importlib.util.find_spec("sktime") is None:
        pytest.skip('the files ship with sktime, pip install -e ".[labelled]"')
    assert train(compose(["+experiment=ucr", "callbacks=none"]), tmp_path / "run").metrics["test/acc"] > 0.9
