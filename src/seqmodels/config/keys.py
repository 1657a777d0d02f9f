"""Full keys in messages: a class complains of its argument `batch_size=0`, a person typed `datamodule.batch_size=0`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.errors import InstantiationException
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

SECTIONS = ("datamodule", "module", "core", "optimizer", "scheduler", "trainer", "checkpoint", "callbacks", "logger")
"""Where the objects of a run have their arguments."""

ARGUMENT = re.compile(r"(?<![\w.\[+~-])([A-Za-z_]\w*)=(?!=)")
"""`name=` of an argument, wherever a message says it; not a part of a dotted key."""


@contextmanager
def explained(cfg: DictConfig, *sections: str) -> Iterator[None]:
    """Let a complaint about an argument name its full key: `batch_size=0` becomes `datamodule.batch_size=0`."""
    try:
        yield
    except (InstantiationException, ValueError, MisconfigurationException) as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if isinstance(cause, ValueError | MisconfigurationException):
            raise ValueError(with_full_keys(cfg, str(cause), *sections)) from error
        raise (cause or error) from None


def with_full_keys(cfg: DictConfig, message: str, *sections: str) -> str:
    """A message whose every `argument=value` has the config's full key, so that what it advises can be pasted.

    Args:
        cfg: the whole config.
        message: what is no argument of the sections is left as it is.
        sections: where the arguments stand, at any depth; the first that has one counts.
    """

    def full(found: re.Match[str]) -> str:
        argument = found[1]
        places = [path for section in sections for path, node in _nodes(cfg, section) if argument in node]
        said = [path for path in places if message.startswith(_shown(cfg, path, argument), found.end())]
        return f"{[*said, *places][0]}.{found[0]}" if places else found[0]

    return ARGUMENT.sub(full, message)


def _nodes(cfg: DictConfig, path: str) -> Iterator[tuple[str, DictConfig]]:
    """The nodes at and below a path, the highest first."""
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        node = OmegaConf.select(cfg, here)
        if not OmegaConf.is_dict(node):
            continue
        yield here, node
        waiting += [f"{here}.{key}" for key in node]


def _shown(cfg: DictConfig, path: str, argument: str) -> tuple[str, str]:
    value: Any = OmegaConf.select(cfg, f"{path}.{argument}")
    return str(value), repr(value)
