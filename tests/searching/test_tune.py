"""A search: its trials, what it leaves, how it goes on, and what ends a trial."""

import csv
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seqmodels.config.compose import compose
from seqmodels.runs.record import overrides_of, saved_config
from seqmodels.runs.results import read_results
from seqmodels.runs.run import resume
from tests.conftest import Command
from tests.support.attempts import TRUST, assert_same_run, callback
from tests.support.searching import RUN, STUDY, WORDS, folders, states, trials, write_search


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def test_what_a_search_leaves_and_that_it_continues_to_n_trials_in_total(
    tune: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(*WORDS) == 0
    told = capsys.readouterr().out
    runs = folders()
    assert states() == ["complete"] * 2
    for number, (trial, run) in enumerate(zip(trials(), runs, strict=True)):
        rows = rows_of(run / "metrics.csv")
        assert trial.value == pytest.approx(max(float(row["val/r2"]) for row in rows if row["val/r2"]), rel=1e-6)
        assert read_results(run).status == "completed"
        assert not any(name.startswith("test/") for name in read_results(run).metrics)
        assert overrides_of(run)[-2:] == [f"{key}={trial.params[key]}" for key in ("optimizer.lr", "core")]
        assert saved_config(run).optimizer.lr == trial.params["optimizer.lr"]
        assert told.count(f"\ntrial {number} ") == 1
    assert {path.name for path in (STUDY / "figures").iterdir()} == {"history.png", "importance.png", "parallel.png"}
    assert [float(row["val/r2"]) for row in rows_of(STUDY / "trials.csv")] == [trial.value for trial in trials()]
    journal = (STUDY / "journal.log").read_bytes()
    assert tune(*WORDS) == 0
    assert (STUDY / "journal.log").read_bytes() == journal
    assert tune(*WORDS, "n_trials=3", "trainer.accelerator=auto") == 0  # another device is not another search
    assert states() == ["complete"] * 3
    assert folders()[:2] == runs

    best = max(trials(), key=lambda trial: trial.value or 0)
    assert f"best    trial {best.number}, val/r2" in capsys.readouterr().out

    experiment = compose(["+experiment=best"], folders=[str(STUDY.absolute())])
    of_trial = saved_config(folders()[best.number])
    del of_trial.callbacks["pruning"]
    of_trial.test, of_trial.trainer.enable_progress_bar, of_trial.trainer.accelerator = "best", True, "auto"
    assert OmegaConf.to_container(experiment) == OmegaConf.to_container(of_trial)


def test_a_trial_that_was_stopped_goes_on_exactly(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    guarded = [*WORDS, "callbacks=[guards,checkpoints]", "n_trials=1", TRUST]
    signalled = [*guarded, *callback("Signalled", name="SIGTERM", step=5)]
    assert tune(*signalled) == 143
    assert "the same command goes on" in capsys.readouterr().out
    assert states() == ["running"]
    assert read_results(folders()[0]).status == "interrupted"
    assert tune(*signalled) == 0
    assert states() == ["complete"]
    assert tune(*guarded, "study=whole") == 0
    whole = STUDY.with_name("study_whole")
    for cut, not_cut, ours, theirs in zip(folders(), folders(whole), trials(), trials(whole), strict=True):
        assert_same_run(cut, not_cut)
        assert (ours.params, ours.value) == (theirs.params, theirs.value)
        assert ours.intermediate_values == theirs.intermediate_values


@pytest.mark.slow
def test_a_trial_that_the_study_was_not_told_of_is_told_now(tune: Command) -> None:
    """Killed between the end of the run and the line in the journal."""
    assert tune(*WORDS, "n_trials=2") == 0
    journal = STUDY / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if b'"op_code":6' in line)
    journal.write_bytes(b"".join(lines[:last]) + lines[last][:20])  # half a line, as a dying machine may leave it
    before = trials()[1]
    assert before.state.name == "RUNNING"
    metrics = (folders()[1] / "metrics.csv").read_bytes()
    assert tune(*WORDS, "n_trials=2") == 0
    assert states() == ["complete"] * 2
    assert trials()[1].value == max(before.intermediate_values.values())
    assert (folders()[1] / "metrics.csv").read_bytes() == metrics


def test_trials_that_fail_are_recorded_and_do_not_end_the_search(
    tune: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    write_search("""
  kind:
    type: categorical
    choices:
      good: []
      diverging: [optimizer.lr=1e30]
      wrong: [datamodule.window=-1]
      broken: ["+callbacks.bug._target_=tests.support.searching.Bug"]
""")
    assert tune(*WORDS, "n_trials=7", "sampler=random") == 0
    ended = {(trial.params["kind"], trial.state.name, trial.user_attrs.get("error", "")[:22]) for trial in trials()}
    assert ended == {
        ("good", "COMPLETE", ""),
        ("diverging", "FAIL", "val/r2 became nan at s"),
        ("wrong", "FAIL", "datamodule.window=-1 i"),
        ("broken", "FAIL", "KeyError: 'a bug'"),
    }
    told = capsys.readouterr().out
    assert "failed: datamodule.window=-1" in told
    assert "Traceback" not in told
    broken = next(run for run in folders() if "broken" in run.name)
    assert "Traceback" in (broken / "train.log").read_text()


def test_when_all_trials_fail_the_search_fails(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(*WORDS, "n_trials=2", "core.hidden_size=-1") == 1
    assert "no trial of 2 completed: 2 failed, the first: core.hidden_size=-1" in capsys.readouterr().err
    assert states() == ["fail"] * 2
    assert (STUDY / "figures" / "history.png").exists()


def test_a_trial_that_is_not_good_enough_is_pruned(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    write_search("\n  optimizer.lr: {type: categorical, choices: [0.05, 1e-9]}\n")
    pruning = ["pruner.n_startup_trials=1", "pruner.n_warmup_steps=1", "sampler=random", "n_trials=5", "seed=2"]
    assert tune(*WORDS, *pruning) == 0
    pruned = [trial for trial in trials() if trial.state.name == "PRUNED"]
    assert pruned
    assert all(trial.params["optimizer.lr"] == 1e-9 for trial in pruned)
    assert "pruned after 2 validations" in capsys.readouterr().out
    run = folders()[pruned[0].number]
    assert (read_results(run).status, read_results(run).steps) == ("pruned", 4)

    done = resume(run)  # by hand, later: a run like any other
    assert done is not None
    assert read_results(run).status == "completed"
    assert read_results(run).steps == 8


def test_a_word_of_the_command_fixes_what_was_searched(tune: Command) -> None:
    assert tune(*WORDS, "core=gru", "n_trials=1", "test=last") == 0
    (trial,) = trials()
    assert set(trial.params) == {"optimizer.lr"}
    assert trial.value == trial.intermediate_values[max(trial.intermediate_values)]  # of the weights it would test
    assert not any(name.startswith("test/") for name in read_results(folders()[0]).metrics)
    assert saved_config(folders()[0]).core._target_.endswith("GRU")
    assert [word for word in overrides_of(folders()[0]) if word in RUN] == RUN
    assert {path.name for path in Path().iterdir()} == {"mine", "outputs"}


def test_another_search_under_the_same_name_is_refused(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    write_search("\n  optimizer.lr: {type: float, low: 1e-3, high: 1e-1, log: true}\n", "other", "study: quick")
    assert tune(*WORDS, "n_trials=1") == 0
    before = (STUDY / "journal.log").read_bytes()
    others = [word for word in WORDS if word != "+search=quick"]
    for words, message in (
        ([*WORDS, "core.hidden_size=9"], "core.hidden_size is 9 here and 8 there"),
        ([*others, "+search=other"], "space.core is absent here"),
    ):
        assert tune(*words) == 1
        error = capsys.readouterr().err
        assert message in error
        assert "study=ANOTHER" in error
        assert (STUDY / "journal.log").read_bytes() == before


@pytest.mark.slow
def test_other_storages(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    import optuna

    assert tune(*WORDS, "n_trials=1", "storage=sqlite") == 0
    assert tune(*WORDS, "n_trials=1") == 1  # its trials are known to the other one
    assert "holds trials (0_" in capsys.readouterr().err
    assert tune(*WORDS, "n_trials=1", "study=url", "storage=sqlite:///mine.db") == 0
    assert len(optuna.load_study(study_name="url", storage="sqlite:///mine.db").trials) == 1


@pytest.mark.slow
def test_a_machine_that_is_gone(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Its trial is left alone, until someone says that it is gone for good."""
    import optuna

    url = "sqlite:///mine.db"
    assert tune(*WORDS, "n_trials=1", f"storage={url}") == 0
    study = optuna.load_study(study_name="quick", storage=url)
    study.ask().set_user_attr("folder", "1_elsewhere")
    assert tune(*WORDS, f"storage={url}", "n_trials=2") == 0
    assert "abandon=[1] records it as failed" in capsys.readouterr().out
    assert study.trials[1].state.name == "RUNNING"
    assert tune(*WORDS, f"storage={url}", "n_trials=2", "abandon=[1]") == 0
    assert study.trials[1].state.name == "FAIL"
    assert len(study.trials) == 2
    assert tune(*WORDS, f"storage={url}", "n_trials=2", "abandon=[0]") == 1
    assert "there is no unfinished trial 0" in capsys.readouterr().err
