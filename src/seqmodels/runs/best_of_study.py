"""A study's experiment/best.yaml, which `--config-dir STUDY +experiment=best` gives to Hydra: it may be a stranger's.

What a search writes there is choices of YAMLs and plain values. Hydra would also take classes for itself, other YAMLs
from the same folder, and look up the environment.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqmodels.config.compose import compose
from seqmodels.config.interpolations import KEY
from seqmodels.config.normalize import config_dirs
from seqmodels.config.overrides import overrides_in, trusted_in
from seqmodels.config.yaml_files import read_yaml
from seqmodels.runs.trust import check_places, check_targets, senders_in, senders_said
from seqmodels.system.untrusted import read_text

BEST = Path("experiment", "best.yaml")

HEADER = "# @package _global_\n"

CHOICE = re.compile(r"(?:override )?/([a-z_]+)")

NAME = re.compile(r"\w[\w+-]*")


def check_best(arguments: Sequence[str]) -> None:
    """Look at the best.yaml of every `--config-dir`, before Hydra does.

    Args:
        arguments: of the command.

    Raises:
        ValueError: it says more than a search writes; the message names it and the remedy.
    """
    overrides = overrides_in(arguments)
    for place in config_dirs(arguments):
        if (Path(place) / BEST).exists():
            trust = trusted_in(one for one in overrides if one.startswith("trust="))
            _check(Path(place), [*trust, *senders_said(overrides)])


def _check(folder: Path, trust: Sequence[str]) -> None:
    path = folder / BEST
    content = read_yaml(path)
    defaults = content.pop("defaults", [])
    reason = None
    if not read_text(path).startswith(HEADER) or not isinstance(defaults, list):
        reason = "is not as a search writes it"
    elif own := [key for key in ("hydra", "trust", "resume") if key in content]:
        reason = f"says {own[0]}, which only a command can say"
    elif looked_up := [text for text in _texts(content) if "${" in KEY.sub("", text)]:
        reason = f"says {looked_up[0]}, which asks for something to be looked up"
    else:
        reason = next(filter(None, (_complaint(folder, choice, trust) for choice in defaults)), None)
    if reason:
        raise ValueError(f"{path} {reason}, so nothing was executed; if it is yours, give the file another name")
    check_targets(content, trust, str(path))
    check_places(content, trust, Path.cwd())


def _complaint(folder: Path, choice: Any, trust: Sequence[str]) -> str | None:
    """What is wrong with one of its defaults."""
    pairs = choice.items() if isinstance(choice, dict) else [("/experiment", choice)]
    for key, names in pairs:
        group = CHOICE.fullmatch(str(key))
        for name in names if isinstance(names, list) else [names]:
            if name in ("_self_", None):
                continue
            if not group or not NAME.fullmatch(str(name)):
                return f"chooses {key}={name}, which is no YAML of conf/"
            if (folder / group[1] / f"{name}.yaml").exists():
                return f"chooses {key}={name}, a YAML of its own folder"
            if group[1] == "logger" and (sends := set(senders_in(compose([f"logger={name}"]))) - set(trust)):
                return f"sends to a server with {', '.join(sorted(sends))} (say logger={name} yourself)"
    return None


def _texts(node: Any) -> list[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [node] if isinstance(node, str) else [text for child in children for text in _texts(child)]
