"""Arguments of the commands that are no Hydra applications: what they may hold, what is refused, what help shows."""

import re
from importlib import import_module

import pytest

from seqmodels.cli.arguments import OF_A_RUN, Key, count, flag, listed, path, positive, read, threads

RUN = "run=outputs/a"


def test_a_value_may_hold_anything_and_the_rest_is_for_the_config() -> None:
    overrides = ["datamodule.files=[a.csv]", "threads=2", "trainer=cpu", "~callbacks.stream", "+callbacks.a.b='=x'"]
    given = read(
        None, OF_A_RUN, ["run=a=b,[c] 'd'", *overrides, "trust=[a, b,c]", "checkpoint=first", "checkpoint=last"]
    )
    assert (given["run"], given["trust"], given["checkpoint"]) == ("a=b,[c] 'd'", ["a", "b", "c"], "last")
    assert given.overrides == overrides
    assert given.said.keys() == {"run", "trust", "checkpoint"}


def test_what_is_not_given() -> None:
    given = read(None, [Key("a", "A", ""), Key("b", "x|y", "", "y"), Key("c", "C", "", "", listed)], [])
    assert [given[key] for key in "abc"] == [None, "y", []]
    assert not given.said


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        (Key("a", "true|false", "", read=flag), "true", True),
        (Key("a", "true|false", "", read=flag), "yes", "a=yes is not known; choose true or false"),
        (Key("a", "NUMBER", "", read=count), "12", 12),
        (
            Key("a", "NUMBER", "", read=threads),
            "1000000000",
            "a=1000000000 is too large; give an integer of at most 100000000",
        ),
        (Key("a", "NUMBER", "", read=threads), "nan", "a=nan is no such number; give an integer of at least 1"),
        (Key("a", "NUMBER", "", read=positive), "inf", "a=inf is not a number; give one above 0, such as 1e-5"),
        (Key("a", "NUMBER", "", read=count), "0", "a=0 is too small; give an integer of at least 1"),
        (Key("a", "NUMBER", "", read=count), "1.5", "a=1.5 is no such number; give an integer of at least 1"),
        (Key("a", "NUMBER", "", read=positive), "1e-3", 1e-3),
        (Key("a", "NUMBER", "", read=positive), "0", "a=0.0 is too small; give a number above 0"),
        (Key("a", "NUMBER", "", read=positive), "nan", "a=nan is too small; give a number above 0"),
        (Key("a", "FILE", "", read=path), "", None),
        (Key("a", "FILE", "", example="b.csv"), "", "a= is missing; give a=b.csv"),
    ],
)
def test_values(key: Key, text: str, value: object) -> None:
    if isinstance(value, str):
        with pytest.raises(ValueError, match=f"^{value}$"):
            key.value(text)
    else:
        assert key.value(text) == value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run= is missing; give run=outputs/NAME/DATE_TIME"),
        ([RUN, "rnu=b"], "rnu is not a key of this command; did you mean run?"),
        ([RUN, "zzz=b"], "zzz is not a key of this command; there are run, checkpoint, trust"),
        ([RUN, "last"], "last is not key=value; the keys are run, checkpoint, trust"),
        ([RUN, "--last"], "--last is not key=value"),
        ([RUN, "=b"], "=b is not key=value"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read(None, OF_A_RUN, arguments)


@pytest.mark.parametrize("name", ["evaluate", "predict", "export"])
def test_help_is_the_docstring_and_a_line_for_each_key(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    door = import_module(f"seqmodels.{name}")
    with pytest.raises(SystemExit) as leaving:
        read(door.__doc__, door.KEYS, ["--help"])
    assert leaving.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{door.__doc__.strip()}\n\nrun=FOLDER")
    for key in door.KEYS:
        assert shown.count(f"\n{key.name}={key.shown} ") == 1
    assert max(map(len, shown.splitlines())) <= 120
