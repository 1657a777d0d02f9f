"""One grammar of overrides: what each command makes of the same text, and text that is of no grammar at all."""

import re
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from seqmodels.config.compose import compose, merge
from seqmodels.config.normalize import normalized
from seqmodels.config.overrides import items, key_of, overrides_in, quoted, readable, split, take, text_of

VALUES = [
    ("datamodule.files=[pump.csv]", ["pump.csv"]),
    ("datamodule.files=[data/*.csv,b.csv]", ["data/*.csv", "b.csv"]),
    ('datamodule.files=["it\'s, mine.csv"]', ["it's, mine.csv"]),
    ("datamodule.files=[pump-1.csv,pump 2.csv]", ["pump-1.csv", "pump 2.csv"]),
    ("datamodule.files=[a=1.csv,prüf 2.csv, c.csv]", ["a=1.csv", "prüf 2.csv", "c.csv"]),
    ("datamodule.delimiter=;", ";"),
    ("datamodule.delimiter=';'", ";"),
    ("datamodule.time=Time (UTC)", "Time (UTC)"),
    ("datamodule.time=", ""),
    ("datamodule.time=''", ""),
    ("datamodule.time=null", None),
    ("datamodule.horizon=3", 3),
    ("datamodule.val_fraction=1e-1", 0.1),
    ("datamodule.normalize=false", False),
]


@pytest.mark.parametrize(("override", "value"), VALUES)
def test_train_and_evaluate_read_the_same(override: str, value: object) -> None:
    key = key_of(override)
    composed = compose(["datamodule=series", "module=regressor", override])
    changed = compose(["datamodule=series", "module=regressor"])
    merge(changed, [override])
    for cfg in (composed, changed):
        found = OmegaConf.select(cfg, key)
        assert (OmegaConf.to_container(found) if OmegaConf.is_config(found) else found) == value
    assert dict(items([override])) == {key: value}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=1,2", "it must give a key one value"),
        ("seed=range(1,3)", "it must give a key one value"),
        ("~datamodule.files", "there is no datamodule.files"),
        ("+experiment=sine_rnn", "it is for a command that begins a run"),
        ("hydra/launcher=parallel", "it is for a command that begins a run"),
        ("core=gur", "Could not find 'core/gur'"),
        ("datamodule.view=[1", "no viable alternative"),
    ],
)
def test_what_cannot_change_a_run_that_is_there(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(override)} cannot be read: .*{re.escape(message)}"):
        merge(compose(), [override])


def test_choices_additions_and_deletions_change_a_run_that_is_there() -> None:
    cfg = compose(["trainer.precision=bf16-mixed", "trainer.devices=3", "datamodule.batch_size=7"])
    merge(
        cfg, ["datamodule=digits", "datamodule.val_size=9", "trainer=gpu", "+callbacks.mine.a=1", "~callbacks.stream"]
    )
    assert (cfg.datamodule.val_size, cfg.callbacks.mine.a, "stream" in cfg.callbacks) == (9, 1, False)
    assert cfg.datamodule == compose(["datamodule=digits", "datamodule.val_size=9"]).datamodule
    assert (cfg.trainer.accelerator, cfg.trainer.devices, cfg.trainer.precision) == ("gpu", 1, "bf16-mixed")


def test_the_parts_of_an_override() -> None:
    assert split("++callbacks.a.b=c=d") == ("++", "callbacks.a.b", "c=d")
    assert split("~callbacks.stream") == ("~", "callbacks.stream", None)
    assert (key_of("+experiment=x"), text_of("a='b, c'")) == ("experiment", "b, c")
    with pytest.raises(HydraException):
        items(["a b=3"])


def test_a_commands_own_arguments_are_text() -> None:
    arguments = ["-m", "core=gru", "resume=a", "resume=it's, [mine]=1", "--config-dir", "mine=1/x"]
    assert take(arguments, "resume") == ([*arguments[:2], *arguments[4:]], "it's, [mine]=1")
    assert overrides_in(["-m", "core=gru", "~a", "--config-dir=x", "--config-dir", "a=b"]) == ["core=gru", "~a"]
    assert quoted(["init_from=it's, mine", "init_from=null", "init_from='a'", "core=gru"], "init_from") == [
        "init_from='it\\'s, mine'", "init_from=null", "init_from='a'", "core=gru",
    ]  # fmt: skip
    assert readable("core=rnn,lstm") == "core=rnn,lstm"


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("experiment=sine_rnn", "+experiment=sine_rnn"),
        ("+experiment=sine_rnn", "+experiment=sine_rnn"),
        ("experiment=sine_rnn,sine_stream", "+experiment=sine_rnn,sine_stream"),
        ("sweep=cores", "+sweep=cores"),
        ("search=sine_stream", "+search=sine_stream"),
        ("debug=fast", "+debug=fast"),
        ("+core=gru", "core=gru"),
        ("+core.dropout=0.1", "+core.dropout=0.1"),
        ("+callbacks=diagnostics", "callbacks=[default,diagnostics]"),
        ("callbacks=diagnostics", "callbacks=[default,diagnostics]"),
        ("callbacks=[early_stopping,diagnostics]", "callbacks=[default,early_stopping,diagnostics]"),
        ("callbacks=[default,diagnostics]", "callbacks=[default,diagnostics]"),
        ("callbacks=[guards,checkpoints]", "callbacks=[guards,checkpoints]"),
        ("callbacks=none", "callbacks=none"),
        ("callbacks=none,diagnostics", "callbacks=none,[default,diagnostics]"),
        ("callbacks=null", "callbacks=null"),
        ("datamodule.delimiter=;", "datamodule.delimiter=';'"),
    ],
)
def test_what_hydra_is_given(typed: str, taken: str) -> None:
    assert normalized([typed]) == [taken]
    assert normalized(normalized([typed])) == [taken]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("module.core.hidden_size=64", "core.hidden_size=64"),
        ("+module.optimizer.momentum=0.9", "+optimizer.momentum=0.9"),
        ("module.scheduler=null", "scheduler=null"),
        ("module.residual=true", "module.predict_change=true"),
        ("module.dynamics_lr=0.5", "module.timescale_lr=0.5"),
    ],
)
def test_an_old_name_gets_one_sentence_with_the_new_one(old: str, new: str) -> None:
    with pytest.raises(ValueError, match=rf"^{key_of(old)} is {key_of(new)} now; give {new.replace('+', '.')}$"):
        compose([old])
    with pytest.raises(ValueError, match=rf"is {key_of(new)} now; give"):
        merge(compose(), [old])


def test_a_schedule_is_taken_away_by_a_choice() -> None:
    with pytest.raises(ValueError, match=r"^module.scheduler is scheduler now; give scheduler=none$"):
        normalized(["~module.scheduler"])


def test_an_experiment_that_has_become_an_override_is_told(tmp_path: Path) -> None:
    remedy = r"give \+experiment=smnist_lstm,smnist_gru datamodule.permutation=random$"
    with pytest.raises(ValueError, match=rf"^experiment=psmnist_lstm,psmnist_gru: .*; {remedy}"):
        normalized(["experiment=psmnist_lstm,psmnist_gru"])
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "psmnist_mine.yaml").touch()
    assert normalized(["experiment=psmnist_mine"], [str(tmp_path)]) == ["+experiment=psmnist_mine"]


def test_an_addition_keeps_what_the_experiment_sets_and_a_choice_without_it_drops_the_values() -> None:
    both = compose(["experiment=sine_stream", "callbacks=[early_stopping,diagnostics]"]).callbacks
    assert {"early_stopping", "diagnostics", "best", "last"} < set(both)
    assert both.animation.windows == 60
    assert "animation" not in compose(["experiment=sine_stream", "callbacks=checkpoints"]).callbacks
    assert not compose(["experiment=sine_stream", "callbacks=none"]).callbacks


def test_values_of_a_callback_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match=r"callbacks.anmation has no _target_ .* did you mean callbacks.animation\?"):
        compose(["++callbacks.anmation.windows=3"])
