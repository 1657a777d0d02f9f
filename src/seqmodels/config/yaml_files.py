"""The YAML files of a run, as plain values: whatever a folder holds, reading it ends, and soon."""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from seqmodels.exceptions import first_line
from seqmodels.system.untrusted import read_text

MOST = 100_000
"""A file with more values is none of ours; YAML's aliases can make a small one hold billions."""

MOST_BYTES = 2**20

DEEPEST = 50
"""Nesting; libyaml ends the process at some 50,000."""

LONGEST_NUMBER = 100
"""Digits; a number to the base of 60, 1:59:59, takes quadratic time."""

EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
DATE = "tag:yaml.org,2002:timestamp"
MERGE = "tag:yaml.org,2002:merge"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C is seven times as fast
    """Values as OmegaConf reads them, who wrote the file: 1e-3 is a number, 2026-11-22 is no date.

    Merge keys, `<<`, are keys like any other: OmegaConf writes none, and a few of them double a mapping each.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        pass


def _number(loader: Any, node: yaml.ScalarNode) -> Any:
    if len(node.value) > LONGEST_NUMBER:
        raise yaml.constructor.ConstructorError(None, None, "a number with too many digits", node.start_mark)
    is_whole = node.tag.endswith(":int")
    return loader.construct_yaml_int(node) if is_whole else loader.construct_yaml_float(node)


_Loader.yaml_implicit_resolvers = {
    sign: [resolver for resolver in resolvers if resolver[0] not in (DATE, MERGE)]
    for sign, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))
for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    _Loader.add_constructor(_tag, _number)


def read_yaml(path: Path, kind: type = dict) -> Any:
    """What a file holds.

    Args:
        path: of the file.
        kind: what it must hold, dict or list.

    Raises:
        OSError: there is no regular file that can be read, or it is too large.
        ValueError: it is damaged, too large, or holds something else; the message begins with its path.
    """
    try:
        text = read_text(path, MOST_BYTES)
        _check_depth(text)
        content = yaml.load(text, _Loader)
        size = _size(content, {})
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{path} cannot be read: {error.problem}{line}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {first_line(error)}") from error
    if not isinstance(content, kind):
        raise ValueError(f"{path} holds no {'keys' if kind is dict else 'list'}")
    if size > MOST:
        raise ValueError(f"{path} holds more than {MOST:,} values")
    return content


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise ValueError(f"its values are nested more than {DEEPEST} deep")


def _size(node: Any, known: dict[int, float]) -> float:
    """The number of values in a tree whose branches may be one another; infinite for one that holds itself."""
    if not isinstance(node, dict | list):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf
        known[id(node)] = sum(_size(child, known) for child in (node.values() if isinstance(node, dict) else node))
    return known[id(node)]
