"""The grammar of overrides, in one place: what stands on a command line, in a run's record and in a YAML of ours.

    core=gru                            a choice of a YAML, or a value: optimizer.lr=0.01
    +experiment=mnist_lstm              one that is added
    ~callbacks.stream                   one that is taken away
    'datamodule.files=[a.csv,"b c"]'    values follow Hydra's grammar, in every command

A value, or an entry of a list, that is not of that grammar is text: `datamodule.delimiter=;`, `[a=1.csv,ä.csv]`.
A command's own arguments, `run=` or `resume=`, are no overrides: all behind their first `=` is text.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException

LIST = re.compile(r"\[([^\[\]{}'\"]*)\]")
"""Without lists, mappings and quotes in it."""

FOLDER_FLAGS = ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn")
"""Of Hydra, whose values stand behind them and may hold a `=`."""


class Split(NamedTuple):
    """An override as text: `+`, `++`, `~` or nothing, its key, and what stands behind the `=`; None without one."""

    sign: str
    key: str
    value: str | None


def split(override: str) -> Split:
    """The parts of an override, whatever its value may be."""
    key, equals, value = override.partition("=")
    bare = key.lstrip("+~")
    return Split(key.removesuffix(bare), bare, value if equals else None)


def key_of(override: str) -> str:
    """The key of an override, or of a command's own argument."""
    return split(override).key


def overrides_in(arguments: Iterable[str]) -> list[str]:
    """The overrides among the arguments of a Hydra command, without flags such as --config-dir and their values."""
    before = ""
    found = []
    for one in arguments:
        if not one.startswith("-") and ("=" in one or one.startswith("~")) and before not in FOLDER_FLAGS:
            found.append(one)
        before = one
    return found


def take(arguments: Sequence[str], key: str) -> tuple[list[str], str | None]:
    """The arguments without `key=...`, and its value as text; of several the last one counts."""
    values = [split(one).value for one in arguments if one.startswith(f"{key}=")]
    return [one for one in arguments if not one.startswith(f"{key}=")], values[-1] if values else None


def quote(text: str) -> str:
    """The text in quotes, so that Hydra takes it as it is."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quoted(arguments: Sequence[str], key: str) -> list[str]:
    """The arguments with the value of `key=...` in quotes: a path may hold what means something to Hydra."""
    return [f"{key}={quote(value)}" if (value := _unquoted(one, key)) else one for one in arguments]


def _unquoted(argument: str, key: str) -> str | None:
    value = argument.removeprefix(f"{key}=")
    return None if value in (argument, "null") or value[:1] in ("'", '"') else value


def readable(override: str) -> str:
    """The override as Hydra reads it: its value, or the entry of a list, in quotes where that is not of the grammar.

    What begins like a list, a mapping or a text in quotes and does not end so is left as it is, to be refused.
    """
    sign, key, value = split(override)
    if not key or not value or _is_of_grammar(override):
        return override
    if entries := LIST.fullmatch(value):
        parts = [part.strip() for part in entries[1].split(",")]
        value = ",".join(part if _is_of_grammar(f"a={part}") else quote(part) for part in parts)
        return f"{sign}{key}=[{value}]"
    return override if value[0] in "[{'\"" else f"{sign}{key}={quote(value)}"


def _is_of_grammar(override: str) -> bool:
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True


def parse(overrides: Iterable[str]) -> list[Override]:
    """Hydra's own objects.

    Raises:
        hydra.errors.HydraException: a key is none.
    """
    return OverridesParser.create().parse_overrides([readable(one) for one in overrides])


def last_of_each_key(overrides: Iterable[str]) -> dict[str, Override]:
    """By key; a later override of a key takes the place of an earlier one."""
    return {one.key_or_group: one for one in parse(overrides)}


def plain(override: Override) -> Any:
    """Its value as YAML would hold it."""
    return _plain(override.value())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    return value.text if isinstance(value, QuotedString) else value


def items(overrides: Iterable[str]) -> list[tuple[str, Any]]:
    """The overrides as (key, plain value)."""
    return [(one.key_or_group, plain(one)) for one in parse(overrides)]


def without(overrides: Iterable[str], *keys: str) -> list[str]:
    """All but the overrides of these keys."""
    return [one for one in overrides if key_of(one) not in keys]


def trusted_in(overrides: Iterable[str]) -> list[str]:
    """The full names of classes that `trust=` among the overrides gives."""
    named = [value for key, value in items(overrides) if key == "trust"]
    return [name for names in named for name in ([names] if isinstance(names, str) else names)]


def text_of(override: str) -> str:
    """The value of one override as text, without quotes."""
    return str(items([override])[0][1])
