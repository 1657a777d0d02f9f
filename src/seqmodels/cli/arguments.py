"""The `key=value` arguments of the commands that are not Hydra applications: evaluate, predict, export.

Their values are text, since a path may hold anything. Keys that a command does not know as its own are overrides of the
run's config, as train takes them.
"""

import difflib
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from seqmodels.config.overrides import split


class Arguments:
    """What a command was given.

    Attributes:
        overrides: of the run's config.
    """

    def __init__(self, given: Mapping[str, str], overrides: Sequence[str] = ()) -> None:
        """
        Args:
            given: the values of the command's own keys.
            overrides: of the run's config.
        """
        self._given, self.overrides = given, list(overrides)

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __getitem__(self, key: str) -> str:
        return self._given[key]

    def text(self, key: str) -> str | None:
        """A value, or None; an empty one is one."""
        return self._given.get(key)

    def required(self, key: str, example: str) -> str:
        """A value that must be there.

        Raises:
            ValueError: it is missing.
        """
        value = self._given.get(key)
        if not value:
            raise ValueError(f"{key}= is missing; give {key}={example}")
        return value

    def listed(self, key: str) -> list[str]:
        """Several values, separated by commas, in brackets or not."""
        values = self._given.get(key, "").strip("[]").split(",")
        return [value.strip() for value in values if value.strip()]

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """A value that is one of a few, the first if it is not given.

        Raises:
            ValueError: it is none of them.
        """
        value = self._given.get(key, choices[0])
        if value not in choices:
            raise ValueError(f"{key}={value} is not known; choose {' or '.join(choices)}")
        return value

    def flag(self, key: str) -> bool:
        """true or false, which it is if not given.

        Raises:
            ValueError: it is neither.
        """
        return self.choice(key, ["false", "true"]) == "true"

    def count(self, key: str) -> int:
        """A number of at least 1, which it is if not given.

        Raises:
            ValueError: it is none.
        """
        value = self._given.get(key, "1")
        if not value.isdecimal() or int(value) < 1:
            raise ValueError(f"{key}={value} is not a number of at least 1")
        return int(value)


def read(arguments: Sequence[str], keys: Mapping[str, str], takes_overrides: bool) -> Arguments:
    """
    Args:
        arguments: of the command line.
        keys: the command's own, with a line about each.
        takes_overrides: whether there is a config to change.

    Raises:
        ValueError: an argument is not `key=value`, or its key is neither known nor one of a config.
    """
    given: dict[str, str] = {}
    overrides = []
    for argument in arguments:
        _, key, value = split(argument)
        if value is None:
            raise ValueError(f"{argument} is not key=value; the keys are {', '.join(keys)}")
        if key in keys:
            given[key] = value
        elif "." in key or key in ("seed", "threads"):
            overrides.append(argument)
        else:
            near = difflib.get_close_matches(key, list(keys), n=1)
            meant = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(keys)}"
            raise ValueError(f"{key} is not a key of this command; {meant}")
    if overrides and not takes_overrides:
        raise ValueError(f"{overrides[0]} changes nothing here: this command takes the run as it is")
    return Arguments(given, overrides)


def help_text(about: str, keys: Mapping[str, str]) -> str:
    """What a command is for, and its keys."""
    width = max(map(len, keys)) + 3
    lines = [
        textwrap.fill(line, 110, initial_indent=f"{key}=".ljust(width), subsequent_indent=" " * width)
        for key, line in keys.items()
    ]
    return "\n".join([about.strip(), "", *lines])
