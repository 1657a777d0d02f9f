"""Which runs belong together, what they are called, and which of them count."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from seqmodels.reporting.columns import left_out, mixed
from seqmodels.reporting.comparing import compare
from seqmodels.reporting.folders import runs_below
from seqmodels.reporting.groups import Table, tables_of
from tests.support.report_runs import ABSENT, make_run, unfinished

HERE = Path("outputs")
GRU: dict[str, Any] = {
    "core___target_": "seqmodels.cores.recurrent.GRU",
    "core__forget_bias": ABSENT,
}


def tables() -> list[Table]:
    return tables_of(runs_below([HERE])[0])


def labels() -> list[str]:
    (table,) = tables()
    return [group.label for group in table.groups]


def reasons() -> list[str]:
    return [reason for table in tables() for group in table.groups for _, reason in group.left_out]


def test_seeds_are_one_group_and_the_best_comes_first() -> None:
    for seed, value in ((1, 0.90), (2, 0.92), (3, 0.94)):
        make_run(HERE / f"a{seed}", value, seed)
        make_run(HERE / f"b{seed}", value + 0.01, seed, optimizer__lr=0.001)
    (table,) = tables()
    assert [group.label for group in table.groups] == ["lr=0.001", "lr=0.01"]
    best = table.groups[0].value
    assert best is not None
    assert (best.n, best.mean) == (3, pytest.approx(0.93))
    assert [run.seed for run in table.groups[0].runs] == [1, 2, 3]


def test_where_lower_is_better_the_lowest_comes_first() -> None:
    for lr, value in ((0.1, 3.0), (0.2, 1.0), (0.3, 2.0)):
        make_run(HERE / f"{lr}", value, mode="min", monitor="val/loss", optimizer__lr=lr)
    assert labels() == ["lr=0.2", "lr=0.3", "lr=0.1"]


def test_a_default_said_aloud_is_the_same_experiment() -> None:
    make_run(HERE / "a", seed=1, words=("optimizer.lr=0.01",))
    make_run(HERE / "b", seed=2)
    make_run(HERE / "c", seed=3, words=("core.dropout=0",), core__dropout=0)
    assert labels() == ["toy"]


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 4},
        {"trainer__devices": 2},
        {"datamodule__num_workers": 3},
        {"datamodule__root": "/elsewhere"},
        {"checkpoint__every_n_steps": 10},
        {"logger": {}},
        {"callbacks": {}},
        {"callbacks__new": {"_target_": "seqmodels.callbacks.figures.stream.StreamFigure", "windows": 3}},
    ],
)
def test_where_a_run_ran_and_what_it_showed_does_not_count(changes: dict[str, Any]) -> None:
    make_run(HERE / "a", seed=1)
    make_run(HERE / "b", seed=2, **changes)
    assert labels() == ["toy"]


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"trainer__max_steps": 200}, "max_steps=200"),
        ({"trainer__limit_train_batches": 1}, "limit_train_batches=1"),  # one batch, where 1.0 is all of them
        ({"datamodule__view": "pixels"}, "view=pixels"),
        (
            {"callbacks__stop": {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "patience": 5}},
            "callbacks.stop=earlystopping",
        ),
        ({"scheduler": {"_target_": "seqmodels.modules.schedules.cosine", "final": 0.0}}, "scheduler=cosine"),
    ],
)
def test_what_changes_the_experiment_counts(changes: dict[str, Any], label: str) -> None:
    make_run(HERE / "a", 0.5)
    make_run(HERE / "b", 0.6, **changes)
    assert labels()[0] in (label, label.removeprefix("callbacks."))


def test_a_core_is_named_by_its_choice_and_brings_its_keys_along() -> None:
    for number, size in enumerate((32, 64)):
        make_run(HERE / f"gru{size}", 0.9 - number / 10, words=("core=gru",), core__hidden_size=size, **GRU)
        run = make_run(HERE / f"lstm{size}", 0.85 - number / 10, core__hidden_size=size)
        chosen = {"hydra": {"runtime": {"choices": {"core": "lstm"}}}}
        (run / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(chosen))
    assert labels() == [
        "core=gru, hidden_size=32",
        "core=lstm, hidden_size=32",
        "core=gru, hidden_size=64",
        "core=lstm, hidden_size=64",
    ]


def test_a_layer_is_named_by_its_core() -> None:
    """A stack has a `_target_` of its own in it; what no core decides is told all the same."""
    layers = {"core___target_": "seqmodels.cores.stack.Stack"}
    for number, (core, layer, more) in enumerate(
        [("lru", "LRU", {}), ("s5", "S5", {}), ("s5", "S5", {"core__layer__discretization": "bilinear"})]
    ):
        own = {"core__layer___target_": f"seqmodels.cores.{core}.{layer}", "core__layer__state_size": core == "s5"}
        make_run(HERE / f"{number}", 0.9 - number / 10, words=(f"core={core}",), **layers, **own, **more)
    assert labels() == ["core=lru", "core=s5", "core=s5, discretization=bilinear"]


def test_without_a_word_or_hydras_record_a_core_is_named_by_its_class() -> None:
    make_run(HERE / "a", 0.9)
    make_run(HERE / "b", 0.8, **GRU)
    assert labels() == ["core=lstm", "core=gru"]


def test_variants_of_one_class_are_named_by_their_choice() -> None:
    make_run(HERE / "a", 0.9, words=("core=lstm",))
    make_run(HERE / "b", 0.8, words=("core=lstm_tf",), core__init="glorot")
    assert labels() == ["core=lstm", "core=lstm_tf"]


def test_keys_with_the_same_end_are_told_apart() -> None:
    make_run(HERE / "a", 0.9, module__dropout=0.1, core__dropout=0.5)
    make_run(HERE / "b", 0.8)
    assert labels() == ["module.dropout=0.1, core.dropout=0.5", "module.dropout=0, core.dropout=0"]


def test_no_two_groups_share_a_name() -> None:
    """Both were started with the same words, from YAMLs of the user that differ."""
    make_run(HERE / "a", 0.9, words=("core=lstm",), core__init="glorot")
    make_run(HERE / "b", 0.8, words=("core=lstm",), core__init="torch")
    make_run(HERE / "c", 0.7, words=("core=gru",), **GRU)
    assert len(set(labels())) == 3


def test_data_experiments_and_monitors_are_never_mixed() -> None:
    make_run(HERE / "a", 0.9)
    make_run(HERE / "b", 0.99, results={"datamodule": "digits"})
    make_run(HERE / "c", 0.9, name="other", datamodule__view="pixels")
    make_run(HERE / "d", 0.9, monitor="val/loss", mode="min")
    found = tables()
    assert [(table.name, table.data, table.monitor) for table in found] == [
        ("other", "mnist", "val/acc"),
        ("toy", "digits", "val/acc"),
        ("toy", "mnist", "val/acc"),
        ("toy", "mnist", "val/loss"),
    ]
    assert all(len(table.runs) == 1 for table in found)


def test_an_experiment_is_a_thing_that_varies() -> None:
    for seed in (1, 2):
        make_run(HERE / f"lstm{seed}", 0.8, seed, ("+experiment=toy_lstm",), name="toy_lstm", optimizer__lr=0.1)
        make_run(HERE / f"gru{seed}", 0.9, seed, ("+experiment=toy_gru",), name="toy_gru", **GRU)
    make_run(HERE / "other", 0.9, name="pixels", datamodule__view="pixels")
    first, second = sorted(tables(), key=lambda table: len(table.groups), reverse=True)
    assert (first.title, second.title) == ("toy_gru, toy_lstm on mnist", "pixels on mnist")
    assert [group.label for group in first.groups] == [
        "core=gru, experiment=toy_gru",
        "core=lstm, experiment=toy_lstm",
    ]
    found = compare(tables(), "core=gru", "core=lstm")
    assert found.metrics["val/acc"].mean == pytest.approx(0.1)


def test_what_is_compared_differs_in_nothing_else() -> None:
    for seed in (1, 2):
        make_run(HERE / f"lstm{seed}", 0.8, seed)
        make_run(HERE / f"gru{seed}", 0.9, seed, **GRU)
    make_run(HERE / "wide", 0.5, words=("core.hidden_size=128",), core__hidden_size=128, **GRU)
    make_run(HERE / "pixels", 0.4, words=("datamodule.view=pixels",), datamodule__view="pixels")
    found = compare(tables(), "core=gru", "core=lstm")
    assert found.metrics["val/acc"].mean == pytest.approx(0.1)
    assert found.metrics["val/acc"].a.n == 2


def test_runs_of_a_file_that_changed_are_not_averaged_with_those_before() -> None:
    def read(size: int) -> dict[str, Any]:
        return {"files": {"files": {"files": [{"name": "pump.csv", "bytes": size}], "rows": size // 10}}}

    for seed in (1, 2):
        make_run(Path(f"outputs/before_{seed}"), 0.9, seed, results=read(12556))
        make_run(Path(f"outputs/after_{seed}"), 0.7, seed, results=read(7557))
    make_run(Path("outputs/silent"), 0.8, 3)
    (table,) = tables()
    assert [group.parts["data"].split(" (")[0] for group in table.groups] == ["12556 bytes", "unknown", "7557 bytes"]
    assert [len(group.runs) for group in table.groups] == [2, 1, 2]
    assert "read other data" in (mixed(table) or "")


def test_debug_runs_are_no_results_but_where_their_folder_is_named() -> None:
    make_run(Path("outputs/toy/1"))
    make_run(Path("outputs/debug/toy/1"), seed=2)
    runs, notes = runs_below([HERE])
    assert [run.seed for run in runs] == [1]
    assert "debug runs are no results" in notes[0]
    assert len(runs_below([HERE / "debug"])[0]) == 1


def test_a_run_that_does_not_say_what_it_read_joins_the_others() -> None:
    for seed in (1, 2):
        make_run(Path(f"outputs/{seed}"), 0.9, seed, results={"images": {"train": {"count": 3, "sha256": "f00d"}}})
    make_run(Path("outputs/silent"), 0.8, 3)
    (table,) = tables()
    assert [len(group.runs) for group in table.groups] == [3]
    assert mixed(table) is None


def test_what_does_not_count_is_listed_with_its_group_and_its_reason() -> None:
    for seed in (1, 2):
        make_run(HERE / f"fine{seed}", 0.9, seed)
    make_run(HERE / "failed", None, 3, results={"status": "failed", "error": "loss is nan", "datamodule": None})
    make_run(HERE / "cut", 0.1, 4, results={"status": "interrupted"})
    make_run(HERE / "pruned", 0.2, 5, results={"status": "pruned"})
    make_run(HERE / "nan", float("nan"), 6)
    make_run(HERE / "inf", float("-inf"), 7)
    make_run(HERE / "unmeasured", None, 8)
    unfinished(HERE / "going", seed=9)
    (table,) = tables()
    (group,) = table.groups
    assert (group.value.n if group.value else 0, len(group.left_out)) == (2, 7)
    assert sorted(reasons()) == [
        "failed: loss is nan",
        "interrupted",
        "pruned",
        "unfinished",
        "val/acc is -inf",
        "val/acc is nan",
        "val/acc was not measured",
    ]


def test_a_group_without_a_value_comes_last_and_does_not_lengthen_the_names_of_others() -> None:
    make_run(HERE / "a", 0.8, optimizer__lr=0.1)
    make_run(HERE / "b", 0.9, optimizer__lr=0.2)
    make_run(HERE / "c", None, results={"status": "failed"}, optimizer__lr=9, trainer__max_steps=3)
    assert labels() == ["lr=0.2", "lr=0.1", "lr=9, max_steps=3"]


def test_the_same_run_twice_counts_once_and_the_newer_one() -> None:
    make_run(HERE / "new", 0.8, when=2000)
    make_run(HERE / "old", 0.6, when=1000)
    make_run(HERE / "newest_but_failed", None, results={"status": "failed"}, when=3000)
    (table,) = tables()
    (group,) = table.groups
    assert [run.folder.name for run in group.runs] == ["new"]
    assert sorted(reasons()) == ["failed", "seed 1 again; the newer new counts"]


def test_runs_without_a_seed_are_never_the_same() -> None:
    make_run(HERE / "a", 0.8, seed=None)
    make_run(HERE / "b", 0.6, seed=None)
    (table,) = tables()
    assert len(table.groups[0].runs) == 2


def test_a_run_made_longer_counts_with_its_new_length() -> None:
    make_run(HERE / "a", 0.8, seed=1)
    longer = make_run(HERE / "b", 0.9, seed=2)
    (longer / ".hydra" / "resumed.yaml").write_text("- [trainer.max_steps=400, trainer.devices=2]\n")
    assert labels() == ["max_steps=400", "max_steps=100"]


def test_a_run_that_failed_before_it_had_data_joins_its_experiment() -> None:
    make_run(HERE / "a")
    make_run(HERE / "b", None, 2, results={"status": "failed", "datamodule": None})
    (table,) = tables()
    assert (table.data, len(table.runs)) == ("mnist", 2)


def test_folders_above_runs_are_no_runs_and_no_run_comes_twice() -> None:
    make_run(HERE / "toy" / "sweep_1" / "0_seed-1", seed=1)
    make_run(HERE / "toy" / "sweep_1" / "1_seed-2", seed=2)
    (HERE / "toy" / "sweep_1" / "multirun.yaml").write_text("hydra: {}\n")
    study = unfinished(HERE / "toy" / "study_x")  # a config of its own, and trials below
    make_run(study / "0_lr-1", seed=3)
    make_run(HERE / "toy" / "0_seed-1" / "checkpoints" / "no_run", seed=9)
    runs, notes = runs_below([HERE, HERE / "toy", study, HERE / "toy" / "sweep_1" / "multirun.yaml"])
    assert sorted(run.seed or 0 for run in runs) == [1, 2, 3]
    assert notes == []


def test_a_folder_without_runs_beside_others_is_noted() -> None:
    make_run(HERE / "a")
    Path("empty").mkdir()
    _, notes = runs_below([HERE, Path("empty")])
    assert notes == ["no runs in empty"]


HOSTILE = {
    "a list": "[1, 2]",
    "a number": "3",
    "cut off": '{"status": "comp',
    "empty": "",
    "no status": "{}",
    "deep": "[" * 100_000,
    "a status of its own": '{"status": "great"}',
    "a status that is no text": '{"status": {"a": 1}}',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_damaged_results_are_listed_not_trusted(content: str) -> None:
    make_run(HERE / "good")
    (make_run(HERE / "bad", seed=2) / "results.json").write_text(content)
    (table,) = tables()
    (group,) = table.groups
    assert len(group.runs) == 1
    assert "unreadable: results.json" in reasons()[0]


def test_values_of_the_wrong_kind_are_passed_over() -> None:
    wrong = {
        "metrics": {"val/acc": 0.7, "test/acc": "high", "x": None, "y": True, "huge": 10**400},
        "parameters": "many",
        "seconds": [1],
        "device": 3,
        "overrides": {"a": 1},
        "seed": "one",
        "git": {"commit": None, "odd": [{"deep": 1}]},
    }
    make_run(HERE / "a", results=wrong)
    (run,) = runs_below([HERE])[0]
    assert run.metrics == {"val/acc": 0.7}
    assert (run.parameters, run.seconds, run.device, run.overrides) == (None, None, None, [])
    assert run.seed == 1  # the config knows it


CONFIGS = {
    "no YAML": "a: [",
    "a list": "- 1",
    "an object": "a: !!python/object:os.system {}",
    "aliases without end": "a: &a [*a]",
    "billions": "\n".join(["a0: &a0 [1, 1]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60))]),
}


@pytest.mark.parametrize("content", CONFIGS.values(), ids=CONFIGS.keys())
def test_damaged_configs_are_listed_not_trusted(content: str) -> None:
    make_run(HERE / "good")
    (make_run(HERE / "bad", seed=2) / ".hydra" / "config.yaml").write_text(content)
    assert [reason.partition(":")[0] for reason in reasons()] == ["unreadable"]


def test_results_without_a_config_are_grouped_by_their_words() -> None:
    for number, rate in enumerate((0.1, 0.2)):
        run = make_run(HERE / f"{number}", 0.8 + number / 10, words=(f"optimizer.lr={rate}",))
        (run / ".hydra" / "config.yaml").unlink()
    assert labels() == ["lr=0.2", "lr=0.1"]


def test_trials_that_a_search_stopped_are_listed_apart() -> None:
    make_run(HERE / "a", 0.9, optimizer__lr=0.0013248910472)
    make_run(HERE / "b", 0.8, optimizer__lr=0.0200000001)
    make_run(HERE / "c", 0.1, results={"status": "pruned"}, optimizer__lr=0.3)
    (table,) = tables()
    assert [group.label for group in table.listed] == ["lr=0.001325", "lr=0.02"]
    assert [(heading, len(rest)) for heading, rest in left_out(table)] == [("Stopped early by the search", 1)]


def test_numbers_keep_the_digits_that_tell_them_apart() -> None:
    make_run(HERE / "a", 0.9, optimizer__lr=0.00132489104)
    make_run(HERE / "b", 0.8, optimizer__lr=0.00132489105)
    assert labels() == ["lr=0.00132489104", "lr=0.00132489105"]


def test_of_two_data_a_run_without_a_name_joins_that_of_its_datamodule() -> None:
    digits = {"datamodule__dataset": "digits"}
    make_run(HERE / "a")
    make_run(HERE / "b", results={"datamodule": "digits"}, **digits)
    unfinished(HERE / "c", seed=2, **digits)
    assert [(table.data, len(table.runs)) for table in tables()] == [("digits", 2), ("mnist", 1)]
    make_run(HERE / "d", seed=3, results={"datamodule": "digits"})  # MNIST could not be had
    unfinished(HERE / "e", seed=4)
    assert [(table.data, len(table.runs)) for table in tables()] == [("digits", 3), ("mnist", 1), ("unknown", 1)]


def test_what_was_swept_together_with_a_core_is_named_too() -> None:
    """The size follows the core here, but only because the commands said so."""
    make_run(HERE / "a", 0.9, words=("core=lstm", "core.hidden_size=64"))
    make_run(HERE / "b", 0.8, words=("core=gru", "core.hidden_size=32"), core__hidden_size=32, **GRU)
    assert labels() == ["core=lstm, hidden_size=64", "core=gru, hidden_size=32"]


def test_a_config_without_a_key_and_one_with_null_do_not_share_a_name() -> None:
    make_run(HERE / "a", 0.9)
    make_run(HERE / "b", 0.8, scheduler=ABSENT)
    make_run(HERE / "c", 0.7, scheduler={"_target_": "seqmodels.modules.schedules.cosine"})
    first, second, third = labels()
    assert first != second
    assert third == "scheduler=cosine"
