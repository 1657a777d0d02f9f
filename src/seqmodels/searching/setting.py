"""What a search is, as plain values that another process can be handed: read from the config of conf/tune.yaml."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqmodels.config.callbacks import settle
from seqmodels.config.compose import compose
from seqmodels.config.flat import differences, flat
from seqmodels.config.hints import fits
from seqmodels.config.outputs import place_of
from seqmodels.config.overrides import items, parse, quoted
from seqmodels.config.ranges import MOST_PROCESSES, above, at_least, finite, size
from seqmodels.config.schema import check_config, check_node
from seqmodels.searching.space import Choice, Dimension, without_fixed
from seqmodels.searching.space_yaml import read_space

OWN: dict[str, Any] = {
    "study": str | None,
    "n_trials": int,
    "timeout": int | float | None,
    "workers": int,
    "storage": str,
    "abandon": list[int],
    "space": dict,
    "sampler": dict,
    "pruner": dict,
}
"""The keys that conf/tune.yaml has and conf/train.yaml has not; the rest is the trials' own."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Search:
    """A search.

    Attributes:
        study: its name.
        folder: where the study and its trials lie.
        overrides: for all trials, those of the command that are not about the search.
        places: further folders of YAMLs.
        run: the config that the overrides lead to, as one flat table.
        space: what differs between trials.
        monitor, mode, seed: as in a run.
        n_trials, timeout, workers, storage, abandon, sampler, pruner: as in conf/tune.yaml.
    """

    study: str
    folder: Path
    overrides: tuple[str, ...]
    places: tuple[str, ...]
    run: Mapping[str, Any]
    space: tuple[Dimension, ...]
    monitor: str
    mode: str
    seed: int
    n_trials: int
    timeout: float | None
    workers: int
    storage: str
    abandon: tuple[int, ...]
    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]

    def trial_overrides(self, overrides: Sequence[str] = ()) -> list[str]:
        """All that a trial with these overrides is told. It is not tested: a search must not know how."""
        return [
            "trainer.enable_progress_bar=false",
            "+callbacks.pruning._target_=seqmodels.callbacks.pruning.Pruning",
            f"+callbacks.pruning.monitor={self.monitor}",
            f"+callbacks.pruning.weights={self.weights}",
            *self.overrides,
            "test=false",
            *overrides,
        ]

    def config(self, overrides: Sequence[str] = ()) -> DictConfig:
        """The config of a trial with these overrides of its own, checked."""
        cfg = compose(self.trial_overrides(overrides), folders=self.places)
        check_config(cfg)
        return cfg

    @property
    def weights(self) -> str:
        """Which ones a trial counts with, best or last: those that a run with the same config would test."""
        return "last" if self.run["test"] == "last" else "best"


def read_search(cfg: DictConfig, overrides: Sequence[str], name: str | None, places: Sequence[str] = ()) -> Search:
    """
    Args:
        cfg: composed of conf/tune.yaml.
        overrides: that it was composed of.
        name: of the search, as in +search=NAME.
        places: further folders of YAMLs.

    Raises:
        ValueError: names the key that is wrong and what it may hold.
    """
    settle(cfg)
    own: Any = {key: OmegaConf.to_container(cfg[key]) if OmegaConf.is_config(cfg[key]) else cfg[key] for key in OWN}
    _check_own(own)
    study = own["study"] or name
    if study is None:
        raise ValueError("there is nothing to search; choose a search with +search=NAME (conf/search/ holds them)")
    if not NAME.fullmatch(study):
        raise ValueError(f"study={study} cannot name a folder; use letters, digits, '.', '_' and '-'")
    kept = run_overrides(overrides)
    run = _checked_run(cfg, kept, places)
    space = without_fixed(read_space(own["space"]), _fixed(kept))
    if not space:
        raise ValueError("the command itself fixes everything that the search would try; take an override away")
    return Search(
        study=study,
        folder=(place_of(cfg.name, kept) / f"study_{study}").absolute(),
        overrides=tuple(kept),
        places=tuple(places),
        run=flat(run),
        space=space,
        **{key: cfg[key] for key in ("monitor", "mode", "seed")},
        **{key: own[key] for key in ("n_trials", "timeout", "workers", "storage", "sampler", "pruner")},
        abandon=tuple(own["abandon"]),
    )


def run_overrides(overrides: Sequence[str]) -> list[str]:
    """Of the overrides of a search those that a run understands.

    Raises:
        ValueError: an override takes something away, which no experiment's YAML can say again.
    """
    kept = []
    for override in parse(overrides):
        root = override.key_or_group.split(".")[0]
        if override.is_delete():
            raise ValueError(f"{override.input_line} takes a key away, and best.yaml could not say so; set it to null")
        if root not in OWN and root != "search":
            kept.append(str(override.input_line))
    return quoted(kept, "init_from")


def _check_own(own: Mapping[str, Any]) -> None:
    for key, value in own.items():
        if not fits(value, OWN[key]):
            kind = getattr(OWN[key], "__name__", str(OWN[key]).replace("None", "null"))
            raise ValueError(f"{key}={value!r} has the wrong type {type(value).__name__}; expected {kind}")
    at_least(1, n_trials=own["n_trials"])
    size(MOST_PROCESSES, workers=own["workers"])
    if own["timeout"] is not None:
        finite(timeout=own["timeout"])
        above(0, timeout=own["timeout"])
    check_node(own["sampler"], "sampler")
    check_node(own["pruner"], "pruner")


def _checked_run(cfg: DictConfig, overrides: Sequence[str], places: Sequence[str]) -> DictConfig:
    """The config of a run with these overrides; what a search set in it would be missing in its best.yaml."""
    run = compose(overrides, folders=places)
    check_config(run)
    searched = OmegaConf.create({key: cfg[key] for key in cfg if key not in OWN})
    different = differences(flat(searched), flat(run))
    if different:
        raise ValueError(
            f"the search sets {', '.join(different)}; it may hold only {', '.join(OWN)}, "
            f"so put the rest into an experiment or on the command line"
        )
    if run.resume is not None:
        raise ValueError(f"resume={run.resume} is for a run; a search goes on when the same command is started again")
    if run.monitor.startswith("test/"):
        raise ValueError(f"monitor={run.monitor} would choose by the test data; choose a val/... or train/... metric")
    return run


def _fixed(overrides: Sequence[str]) -> dict[str, Choice]:
    return {key: value for key, value in items(overrides)}
