"""A search that cannot be: one message, before anything is made or lost."""

from pathlib import Path

import pytest

from seqmodels.config.compose import compose
from seqmodels.config.places import conf_dir
from tests.conftest import Command, options
from tests.support.searching import WORDS, write_search

OTHERS = [word for word in WORDS if word != "+search=quick"]
ONE = "\n  {}: {{type: categorical, choices: [{}]}}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (OTHERS, "choose a search with +search=NAME"),
        ([*WORDS, "n_trials=many"], "n_trials='many' has the wrong type str; expected int"),
        ([*WORDS, "monitor=test/acc"], "monitor=test/acc would choose by the test data"),
        ([*WORDS, "~callbacks.last"], "~callbacks.last takes a key away"),
        ([*WORDS, "storage=nowhere"], "storage=nowhere is not a storage; choose journal, sqlite"),
        ([*WORDS, "abandon=[0]"], "abandon=[0]: study quick has no trials yet, so leave abandon= out"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ([*OTHERS, "+search=quik"], "search/quik"),
                ([*WORDS, "n_trials=0"], "n_trials=0 is too small; give an integer of at least 1"),
                ([*WORDS, "timeout=-1"], "timeout=-1 is too small; give a number above 0"),
                ([*WORDS, "study=a/b"], "study=a/b cannot name a folder"),
                ([*WORDS, "sampler=tpi"], "sampler/tpi"),
                ([*WORDS, "sampler.n_startup=3"], "n_startup"),
                ([*WORDS, "resume=outputs/x"], "resume=outputs/x is for a run"),
                ([*WORDS, "hydra.run.dir=here"], "hydra.run.dir=here: a search lies in outputs/NAME/study_STUDY"),
                (["-m", *WORDS], "a search runs its trials itself"),
                ([*WORDS, "core=lstm", "optimizer.lr=0.1"], "the command itself fixes everything"),
                ([*WORDS, "sampler.n_startup_trials=x"], "sampler.n_startup_trials='x' has the wrong type str"),
                (
                    [*WORDS, "pruner.n_warmup_steps=-1"],
                    "pruner.n_warmup_steps=-1 is too small; give an integer of at least 0",
                ),
                ([*WORDS, "storage=mysql://me:secret@host/db"], "storage=mysql://me@host/db needs a package"),
                (
                    [*WORDS, "storage=sqlite:////no/such/place.db"],
                    "storage=sqlite:////no/such/place.db cannot be reached",
                ),
                ([*WORDS, "storage=sqlite:///mine.db", "abandon=[3]"], "abandon=[3]: study quick has no trials yet"),
            )
        ),
    ],
)
def test_a_wrong_word(words: list[str], message: str, tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(*words) == 1
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert "secret" not in said.err + said.out
    assert not Path("outputs").exists()


def test_a_study_does_not_go_on_with_a_file_that_has_changed(tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{step},{step % 7}" for step in range(300)]
    words = [
        "--config-dir", "mine", "+experiment=signal", "+search=quick", "trainer=cpu", "threads=1", "core.hidden_size=4",
        "callbacks=checkpoints", "logger=csv", "trainer.max_epochs=1", "datamodule.files=[pump.csv]",
        "datamodule.inputs=[load]", "datamodule.targets=[load]", "datamodule.horizon=1", "datamodule.time=minute",
    ]  # fmt: skip
    Path("pump.csv").write_text("\n".join(["minute,load", *rows]))
    assert tune(*words, "n_trials=1") == 0
    Path("pump.csv").write_text("\n".join(["minute,load", *rows[:200]]))
    assert tune(*words, "n_trials=2") == 1
    said = capsys.readouterr().err
    assert "study=quick was begun on other data: files.files.files.0.bytes was 1701 and is 1101." in said
    assert "study=ANOTHER" in said


@pytest.mark.parametrize("name", options("search"))
def test_every_search_fits_its_experiment(name: str) -> None:
    from seqmodels.searching.probe import probe
    from seqmodels.searching.setting import read_search

    words = [f"+experiment={name}", f"+search={name}"]
    search = read_search(compose(words, root="tune"), words, name)
    probe(search)
    assert f"python -m seqmodels.tune {' '.join(words)}" in (conf_dir() / "search" / f"{name}.yaml").read_text()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (ONE.format("optimizer.lrr", 1), "space.optimizer.lrr, optimizer.lrr=1: "),
        (ONE.format("core", "lstm, lstn"), "space.core, core=lstn: "),
        (
            "\n  core: {type: categorical, choices: [gru]}\ntrainer:\n  precision: 64-true\n",
            "the search sets trainer.precision; it may hold only study, n_trials",
        ),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                (ONE.format("datamodule.noise_std", "x"), "datamodule.noise_std='x' has the wrong type str"),
                (ONE.format("monitor", "val/loss"), "space.monitor: monitor=val/loss is not for a search to change"),
                ("\n  x: {type: categorical, choices: {a: [n_trials=3]}}\n", "space.x: n_trials=3 is not for a search"),
                ("\n  lr: {type: float, low: 1, high: 0}\n", "space.lr: low=1 is above high=0"),
            )
        ),
    ],
)
def test_a_wrong_space(space: str, message: str, tune: Command, capsys: pytest.CaptureFixture[str]) -> None:
    write_search(space)
    assert tune(*WORDS) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not Path("outputs").exists()
