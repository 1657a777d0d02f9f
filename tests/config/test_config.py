"""What composes, what is checked before anything runs, and what must be refused."""

from pathlib import Path

import hydra
import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf, open_dict

from seqmodels.config.hints import fits
from seqmodels.config.keys import with_full_keys
from seqmodels.config.outputs import job_folder, place_of
from seqmodels.config.overrides import key_of
from seqmodels.config.places import conf_dir
from seqmodels.config.schema import check_config
from seqmodels.runs.run import compose
from seqmodels.train import multirun_first
from tests.conftest import options

GROUPS = ("datamodule", "module", "core", "optimizer", "scheduler", "trainer", "callbacks", "logger")
CHOICES = [(group, option) for group in GROUPS for option in options(group)]
ADDED = [(group, option) for group in ("experiment", "debug") for option in options(group)]


@pytest.mark.parametrize(("group", "option"), CHOICES)
def test_every_option_composes_and_fits_its_code(group: str, option: str) -> None:
    check_config(compose([f"{group}={option}"]))


@pytest.mark.parametrize(("group", "option"), ADDED)
def test_every_experiment_composes_and_fits_its_code(group: str, option: str) -> None:
    check_config(compose([f"+{group}={option}"]))


def test_every_experiment_is_named_like_its_file_and_says_how_to_run_it() -> None:
    for name in options("experiment"):
        assert compose([f"+experiment={name}"]).name == name
        text = (conf_dir() / "experiment" / f"{name}.yaml").read_text()
        assert f"python -m seqmodels.train +experiment={name}\n" in text
        assert "# Expected: " in text


@pytest.mark.parametrize("base", [[], ["+experiment=mnist_lstm"], ["module=regressor", "datamodule=sine"]])
def test_core_and_optimizer_can_be_chosen_and_changed(base: list[str]) -> None:
    cfg = compose([*base, "core=gru", "core.hidden_size=7", "optimizer=adamw", "optimizer.lr=0.5"])
    assert cfg.core._target_.endswith(".GRU")
    assert cfg.core.hidden_size == 7
    assert cfg.optimizer._target_.endswith(".AdamW")
    assert cfg.optimizer.lr == 0.5
    assert "forget_bias" not in cfg.core


def test_the_command_line_wins_over_the_experiment() -> None:
    assert compose(["+experiment=mnist_lstm"]).optimizer.lr == 0.01
    assert compose(["+experiment=mnist_lstm", "optimizer.lr=0.02"]).optimizer.lr == 0.02


@pytest.mark.parametrize("typo", ["sede=1", "core.hiden_size=3", "core=lstn", "+experiment=mnist"])
def test_hydra_refuses_typos(typo: str) -> None:
    with pytest.raises((HydraException, ValueError)):
        compose([typo])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "core.forget_bias",
            1.0,
            "core.forget_bias is not known to seqmodels.cores.recurrent.GRU",
        ),
        ("datamodule.batchsize", 3, "datamodule.batchsize is not known to .*; its keys are .*batch_size"),
        ("trainer.max_epoch", 3, "trainer.max_epoch is not known to lightning.pytorch.Trainer"),
        ("callbacks.last.every", 3, "callbacks.last.every is not known"),
        (
            "datamodule.batch_size",
            "many",
            "datamodule.batch_size='many' has the wrong type str; expected int",
        ),
        ("datamodule.batch_size", 6.4, "datamodule.batch_size=6.4 has the wrong type float; expected int"),
        ("datamodule.batch_size", True, "datamodule.batch_size=True has the wrong type bool"),
        (
            "core.hidden_size",
            None,
            "core.hidden_size=None has the wrong type NoneType; expected int",
        ),
        ("optimizer.lr", "fast", "optimizer.lr='fast' has the wrong type str"),
        ("trainer.max_epochs", "two", "trainer.max_epochs='two' has the wrong type str"),
        (
            "core._target_",
            "seqmodels.cores.none.X",
            "core._target_=seqmodels.cores.none.X cannot be",
        ),
    ],
)
def test_keys_and_types_are_checked_against_the_code(path: str, value: object, message: str) -> None:
    cfg = compose(["core=gru"])
    with open_dict(cfg):
        OmegaConf.update(cfg, path, value, force_add=True)
    with pytest.raises(ValueError, match=message):
        check_config(cfg)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, True),
        (1.5, int, False),
        (True, int, False),
        (True, bool, True),
        (None, int | None, True),
        ([0.9, 0.999], tuple[float, float], True),
        ([1, 2], list[int], True),
        (["a"], list[int], False),
    ],
)
def test_fits(value: object, hint: object, expected: bool) -> None:
    assert fits(value, hint) is expected


def test_messages_get_the_full_key() -> None:
    cfg = compose()
    assert with_full_keys(cfg, "hidden_size=-1 is bad", "core") == "core.hidden_size=-1 is bad"
    assert with_full_keys(cfg, "dropout=2 is bad", "module", "core") == "module.dropout=2 is bad"
    assert with_full_keys(cfg, "view='row' is bad", "datamodule") == "datamodule.view='row' is bad"
    assert with_full_keys(cfg, "no argument here", "datamodule") == "no argument here"
    said = "lr=-1 is bad; give lr=0.1, not core.dropout=0.0, x=3 or num_layers=1"
    full = "optimizer.lr=-1 is bad; give optimizer.lr=0.1, not core.dropout=0.0, x=3 or core.num_layers=1"
    assert with_full_keys(cfg, said, "optimizer", "core", "scheduler") == full


def test_job_folders_are_readable_and_safe() -> None:
    assert job_folder(0, ["+experiment=mnist_lstm", "core=lstm", "seed=1"]) == "0_core-lstm_seed-1"
    assert job_folder(3, ["core.hidden_size=64", "datamodule.root=/a/b"]) == "3_hidden_size-64"
    assert job_folder(1, ["datamodule.frequency=[0.5,2]", "~logger"]) == "1_frequency-0.5-2_logger"
    assert job_folder(0, ["+experiment=a", "seed=1"], "a", "outputs/train/sweep_1") == "0_a_seed-1"
    assert job_folder(0, ["+experiment=a", "seed=1"], "a", "outputs/a/sweep_1") == "0_seed-1"
    assert job_folder(2, ["module.predict_change=true"], "a", "outputs/a/sweep_1") == "2_predict_change-true"
    Path("outputs/a/sweep_1/2_residual-true").mkdir(parents=True)
    assert job_folder(2, ["module.predict_change=true"], "a", "outputs/a/sweep_1") == "2_residual-true"
    assert len(job_folder(12, [f"key{i}=value" for i in range(40)])) <= 100


def test_a_jobs_name_begins_with_what_differs() -> None:
    many = [f"core.key_of_all_jobs_{i}=value" for i in range(9)]
    overrides = [*many, "optimizer.lr=0.1", "seed=3", "core=gru"]
    same = [key_of(one) for one in many]
    assert job_folder(7, overrides, "a", "outputs/a/sweep_1", same) == "7_core-gru_seed-3_lr-0.1"
    of_three = ["+experiment=smnist_s4d", "trainer.max_steps=2", "seed=1"]
    assert job_folder(2, of_three, "smnist_s4d", "outputs/smnist/sweep_1", ["trainer.max_steps"]) == "2_s4d_seed-1"
    of_folder = ["+experiment=state_tracking/lru", "seed=1"]
    assert job_folder(4, of_folder, "state_tracking", "outputs/state_tracking/sweep_1") == "4_lru_seed-1"
    assert job_folder(4, of_folder, "mine", "outputs/state_tracking/sweep_1") == "4_mine_seed-1"
    Path("outputs/a/sweep_1/7_lr-0.1_seed-3_core-gru").mkdir(parents=True)  # of an earlier build
    assert job_folder(7, overrides[-3:], "a", "outputs/a/sweep_1") == "7_lr-0.1_seed-3_core-gru"


@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        (["+experiment=smnist_lstm,smnist_gru,smnist_s4d", "seed=1,2"], "outputs/smnist"),
        (["+experiment=sine_rnn,sine_rnn_tf"], "outputs/sine"),
        (["+experiment=adding_lstm,copy_lstm"], "outputs/adding_lstm-copy_lstm"),
        (["+experiment=state_tracking/lstm,state_tracking/min_gru"], "outputs/state_tracking"),
        (["+experiment=state_tracking/lstm,recall/lstm"], "outputs/state_tracking-lstm-recall-lstm"),
        (["+experiment=mine"], "outputs/train"),
        (["+experiment=smnist_lstm,smnist_gru", "+debug=fast"], "outputs/debug/smnist"),
        (["+debug=null"], "outputs/train"),
    ],
)
def test_a_sweep_over_experiments_is_called_by_what_they_have_in_common(overrides: list[str], place: str) -> None:
    assert place_of("train", overrides) == Path(place)
    assert place_of("named", overrides).name == "named"


def test_a_sweep_over_experiments_of_a_yaml_lies_where_the_command_would_put_it(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    yaml = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      +experiment: smnist_lstm, smnist_gru\n"
    (tmp_path / "sweep" / "mine.yaml").write_text(yaml)
    words = [f"hydra.searchpath=[file://{tmp_path}]", "+sweep=mine", "seed=2"]
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = hydra.compose("train", words, return_hydra_config=True)
    assert Path(cfg.hydra.sweep.dir).parent == Path("outputs/smnist")


def test_multirun_may_stand_anywhere() -> None:
    assert multirun_first(["a=1", "-m", "b=2"]) == ["-m", "a=1", "b=2"]
    assert multirun_first(["a=1", "--multirun"]) == ["--multirun", "a=1"]
    assert multirun_first(["a=1"]) == ["a=1"]


def test_users_add_their_own_configs(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nname: mine\n")
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = hydra.compose("train", [f"hydra.searchpath=[file://{tmp_path}]", "+experiment=mine"])
    assert cfg.name == "mine"
