"""The arguments of the commands that are no Hydra applications: declared once, read by that, shown by --help.

evaluate, predict and export take `key=value`. A value is text up to the end of its argument, since a path may hold
anything. What is none of a command's own keys is an override of the run's config, as train takes it.
"""

import argparse
import math
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from seqmodels.config.compose import is_group
from seqmodels.config.nearest import nearest
from seqmodels.config.normalize import refuse_comment
from seqmodels.config.overrides import split
from seqmodels.config.ranges import LONGEST, MOST_PROCESSES, above, at_most, one_of, size

WIDTH = 118
"""Of the help, in characters."""

RUN_KEYS = ("seed", "threads")
"""Root keys of a config that count for a run that is trained already."""


@dataclass(frozen=True)
class Key:
    """One `key=value` of a command.

    Attributes:
        name: the key.
        shown: what stands for a value in the help: FOLDER, or the values that there are, `stop|skip`.
        about: what it is for.
        default: the text that counts where none is given; None is no text, and no value.
        read: makes a value of the key's name and the text; its ValueError says what the text should be.
        example: of a value, for a key that must be given.
    """

    name: str
    shown: str
    about: str
    default: str | None = None
    read: Callable[[str, str], Any] = lambda name, text: text
    example: str | None = None

    def value(self, text: str | None) -> Any:
        """
        Raises:
            ValueError: the text is no value of this key; the message says what is one.
        """
        if not text and self.example:
            raise ValueError(f"{self.name}= is missing; give {self.name}={self.example}")
        if text is None:
            return None
        if "|" in self.shown:
            one_of(self.shown.split("|"), **{self.name: text})
        return self.read(self.name, text)

    def help(self, width: int) -> str:
        """Its lines in the table of all keys, whose first column is as wide as this."""
        about = self.about if not self.default else f"{self.about} (default {self.default})"
        first = f"{self.name}={self.shown}".ljust(width)
        return textwrap.fill(about, WIDTH, initial_indent=first, subsequent_indent=" " * width)


def path(name: str, text: str) -> Path | None:
    """A reader of a file that need not exist; an empty text is none."""
    try:
        return Path(text).expanduser().resolve() if text else None
    except (OSError, RuntimeError) as error:  # of links that lead back to themselves, of a home that nobody has
        raise ValueError(f"{name}={text} leads nowhere: {error}; give another file") from error


def flag(name: str, text: str) -> bool:
    """A reader of `true|false`."""
    return text == "true"


def whole_number(name: str, text: str) -> int:
    """A reader of integers of at least 0."""
    if not text.isdecimal() or not text.isascii():
        raise ValueError(f"{name}={text} is no such number; give an integer of at least 0")
    return int(text)


def count(name: str, text: str) -> int:
    """A reader of integers of at least 1."""
    if not text.isdecimal():
        raise ValueError(f"{name}={text} is no such number; give an integer of at least 1")
    size(LONGEST, **{name: int(text)})
    return int(text)


def threads(name: str, text: str) -> int:
    """A reader of numbers of threads: absurd ones would end the process without a word."""
    number = count(name, text)
    at_most(MOST_PROCESSES, **{name: number})
    return number


def positive(name: str, text: str) -> float:
    """A reader of finite numbers above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if value == math.inf:
        raise ValueError(f"{name}={text} is not a number; give one above 0, such as 1e-5")
    above(0, **{name: value})
    return value


def listed(name: str, text: str) -> list[str]:
    """A reader of several values, separated by commas, in brackets or not."""
    return [value.strip() for value in text.strip("[]").split(",") if value.strip()]


OF_A_RUN = (
    Key("run", "FOLDER", "of the run; it is not changed", example="outputs/NAME/DATE_TIME"),
    Key("checkpoint", "NAME", "best (where there is one, else last), last, or the path of a checkpoint"),
    Key("trust", "NAME,...", "full names of your own classes in the run's config: mypackage.MyCore", "", listed),
)
"""The keys of every command that reads a run; all of them take overrides too."""


@dataclass(frozen=True)
class Arguments:
    """What a command was given.

    Attributes:
        said: the texts of the command's own keys, as far as they were given.
        overrides: of the run's config.
    """

    said: dict[str, str]
    overrides: list[str]
    _values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The value of one of the command's own keys."""
        return self._values[name]


def read(about: str | None, keys: Sequence[Key], arguments: Sequence[str] | None = None) -> Arguments:
    """
    Args:
        about: the command's docstring, which --help shows above the keys.
        keys: the command's own.
        arguments: None takes those of the command line.

    Raises:
        ValueError: an argument is none, has a key that nobody knows or a wrong value, or one is missing.
        SystemExit: help was asked for, and has been given.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments):
        width = max(len(f"{key.name}={key.shown}") for key in keys) + 2
        print("\n".join([(about or "").strip(), "", *(key.help(width) for key in keys)]))
        raise SystemExit(0)
    names = [key.name for key in keys]
    said: dict[str, str] = {}
    overrides = []
    for argument in arguments:
        refuse_comment(argument)
        sign, name, value = split(argument)
        if name in names and not sign and value is not None:
            said[name] = value
        elif sign or (name and value is not None and ("." in name or name in RUN_KEYS or is_group(name))):
            overrides.append(argument)
        elif value is None or not name:
            raise ValueError(f"{argument} is not key=value; the keys are {', '.join(names)}")
        else:
            raise ValueError(f"{name} is not a key of this command; {meant(name, names)}")
    return Arguments(said, overrides, {key.name: key.value(said.get(key.name, key.default)) for key in keys})


def meant(name: str, known: Sequence[str]) -> str:
    """The end of a message about a name that is not known."""
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"there are {', '.join(known)}"


class OptionParser(argparse.ArgumentParser):
    """For a command with options, `--out FOLDER`: what is wrong is raised rather than printed."""

    def __init__(self, name: str, about: str | None) -> None:
        """
        Args:
            name: of the command.
            about: its docstring, which --help shows.
        """
        super().__init__(f"python -m seqmodels.{name}", description=about, allow_abbrev=False)
        self.formatter_class = argparse.RawDescriptionHelpFormatter

    def error(self, message: str) -> NoReturn:
        """
        Raises:
            ValueError: always.
        """
        _, unknown, rest = message.partition("unrecognized arguments: ")
        if unknown:
            options = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
            message = f"{rest} is not known; {meant(rest.split()[0], options)}"
        raise ValueError(f"{message} ({self.prog} --help shows all)")
