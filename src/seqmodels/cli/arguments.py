"""The `key=value` words of the commands that are not Hydra applications: evaluate, predict, export."""

import difflib
import sys
from collections.abc import Iterable, Sequence

from seqmodels.config.overrides import split as split_override


def asked_for_help(about: str | None) -> bool:
    """Whether the command should say what it is for; it is said here."""
    if not {"-h", "--help"} & set(sys.argv[1:]):
        return False
    print((about or "").strip())
    return True


def split(words: Sequence[str], keys: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """A command's own words, as text since a path may hold anything, and the others, which change the run's config.

    Args:
        words: of the command line.
        keys: the command's own.

    Raises:
        ValueError: a word is not `key=value`, or its key is neither known nor one of a config.
    """
    own: dict[str, str] = {}
    others = []
    for word in words:
        _, key, value = split_override(word)
        if value is None:
            raise ValueError(f"{word} is not key=value; the keys are {', '.join(keys)}")
        if key in keys:
            own[key] = value
        elif "." in key or key in ("seed", "threads"):
            others.append(word)
        else:
            near = difflib.get_close_matches(key, list(keys), n=1)
            meant = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(keys)}"
            raise ValueError(f"{key} is not a key of this command; {meant}")
    return own, others


def refuse(words: Sequence[str], command: str) -> None:
    """
    Raises:
        ValueError: there are words for the config, where there is nothing to configure.
    """
    if words:
        raise ValueError(f"{words[0]} changes nothing here: {command} takes the run as it is")


def required(own: dict[str, str], key: str, example: str) -> str:
    """The value of a word that must be there.

    Raises:
        ValueError: it is missing.
    """
    if not own.get(key):
        raise ValueError(f"{key}= is missing; give {key}={example}")
    return own[key]


def listed(own: dict[str, str], key: str) -> list[str]:
    """The values of a word that may hold several, separated by commas, in brackets or not."""
    return [value.strip() for value in own.get(key, "").strip("[]").split(",") if value.strip()]


def choice(own: dict[str, str], key: str, choices: Sequence[str]) -> str:
    """The value of a word that is one of a few, the first if the word is not there.

    Raises:
        ValueError: it is none of them.
    """
    value = own.get(key, choices[0])
    if value not in choices:
        raise ValueError(f"{key}={value} is not known; choose {' or '.join(choices)}")
    return value
