"""Which callbacks a run has: the choice `callbacks=...`, and the values that an experiment sets of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import ChoiceSweep, QuotedString
from omegaconf import DictConfig, open_dict

from seqmodels.config.nearest import nearest
from seqmodels.config.overrides import parse
from seqmodels.config.places import conf_dir


def with_default(override: str, places: Sequence[Path]) -> str:
    """`callbacks=diagnostics` as `callbacks=[default,diagnostics]`: one more comes beside those of every run.

    A YAML that stands for itself is left alone: `none`, `default`, a part of `default`, or one that names any of these.

    Args:
        override: `callbacks=...`.
        places: folders of YAMLs.
    """
    value = parse([override])[0].value()
    choices = value.list if isinstance(value, ChoiceSweep) else [value]
    return "callbacks=" + ",".join(_with_default(choice, places) for choice in choices)


def settle(cfg: DictConfig) -> None:
    """Drop the values of callbacks that were not chosen, as an experiment's `animation.windows` beside callbacks=none.

    Raises:
        ValueError: there is no callback of that name to choose.
    """
    for name, node in list((cfg.callbacks or {}).items()):
        if isinstance(node, DictConfig) and "_target_" not in node:
            _check_known(str(name))
            with open_dict(cfg):
                del cfg.callbacks[name]


def _with_default(choice: Any, places: Sequence[Path]) -> str:
    names = choice if isinstance(choice, list) else [choice]
    texts = ["null" if one is None else one.text if isinstance(one, QuotedString) else str(one) for one in names]
    if texts and not any(_stands_for_itself(name, places) for name in texts):
        texts = ["default", *texts]
    return f"[{','.join(texts)}]" if len(texts) > 1 or isinstance(choice, list) else texts[0]


def _stands_for_itself(name: str, places: Sequence[Path]) -> bool:
    sets = {"null", "none", "default", *_defaults("default", places)}
    return name in sets or not sets.isdisjoint(_defaults(name, places))


def _defaults(name: str, places: Sequence[Path]) -> list[Any]:
    path = next((path for place in places if (path := place / "callbacks" / f"{name}.yaml").is_file()), None)
    return [entry for entry in _content(path).get("defaults", []) if isinstance(entry, str)] if path else []


def _check_known(name: str) -> None:
    known = {key for path in (conf_dir() / "callbacks").glob("*.yaml") for key in _content(path)} - {"defaults"}
    if name not in known:
        near = nearest(name, known)
        meant = f"did you mean callbacks.{near}?" if near else f"there are {', '.join(sorted(known))}"
        raise ValueError(f"callbacks.{name} has no _target_ and is no callback of ours; {meant}")


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError):
        return {}  # Hydra says what is wrong with it
    return content if isinstance(content, dict) else {}
