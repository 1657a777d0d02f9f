"""What a run's folder may name: a config from a stranger must not be able to execute code, write elsewhere or send.

A package would not do: `torch.os.system` begins with "torch", and `torch.hub.load` runs what it downloads. A kind of
class would not do either: a ModelCheckpoint writes wherever its `dirpath` says. So every name is known one by one: what
the YAMLs of this installation are made of, and a few of torch and Lightning that people use beside them.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqmodels.config.compose import compose
from seqmodels.config.interpolations import resolved
from seqmodels.config.overrides import key_of
from seqmodels.config.places import conf_dir
from seqmodels.config.yaml_files import read_yaml

GROUPS = ("datamodule", "module", "core", "optimizer", "scheduler", "trainer", "callbacks", "logger", "common", "debug")
"""The folders of conf/ whose YAMLs a run is made of."""

BESIDE = {
    "seqmodels.callbacks.figures.animation": "FitAnimation",  # of earlier builds
    "seqmodels.callbacks.pruning": "Pruning",  # which a search adds to its trials
    "lightning.pytorch.callbacks": (
        "EarlyStopping EMAWeightAveraging DeviceStatsMonitor GradientAccumulationScheduler LearningRateMonitor "
        "ModelCheckpoint ModelSummary RichModelSummary StochasticWeightAveraging Timer WeightAveraging"
    ),
    "lightning.pytorch.profilers": "AdvancedProfiler PassThroughProfiler SimpleProfiler",
    "torch.optim": ("ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS NAdam RAdam RMSprop Rprop SGD SparseAdam"),
    "torch.optim.lr_scheduler": (
        "ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR LinearLR MultiStepLR "
        "OneCycleLR PolynomialLR ReduceLROnPlateau StepLR"
    ),
}

SENDING = {"seqmodels.loggers.mlflow.MLflow", "seqmodels.loggers.wandb.WandB"}
"""Of ours; they send what a run measures to a server that its config names."""

PLACES = ("dirpath", "filename", "save_dir", "default_root_dir")
"""Arguments of the names above that say where something is written."""

REFUSED = ("_args_", "model_registry")
"""Arguments without a name, which nobody could look at, and Lightning's upload of checkpoints."""

OUTSIDE = ("datamodule.root", "datamodule.cache")
"""Folders where data sets are downloaded to and converted tables are kept."""


def trusted_config(cfg: DictConfig, folder: Path, trust: Sequence[str], said: Sequence[str] = ()) -> DictConfig:
    """The config of a run's folder, resolved, when it asks for nothing but a run.

    Args:
        cfg: of the folder, with the changes of the command.
        folder: of the run; what is written must stay in it.
        trust: full names, of classes such as mypackage.MyCore, that the config may name too, whatever they do with
            their arguments, and of OmegaConf's resolvers such as oc.env.
        said: keys that the command has given itself.

    Raises:
        ValueError: names the key, what it asks for and the remedy.
    """
    origin = f"the config of {folder}"
    plain = resolved(OmegaConf.to_container(cfg), origin, trust)  # type: ignore[arg-type]
    check_targets(plain, trust, origin)
    check_places(plain, trust, folder, said)
    return OmegaConf.create(plain)


def check_composed(cfg: DictConfig, folder: Path) -> None:
    """Look at a config that Hydra composed of words in a folder; as `trusted_config`, whom the config trusts counts."""
    plain = OmegaConf.to_container(cfg, resolve=True)
    check_targets(plain, cfg.trust, f"the sweep of {folder}")
    check_places(plain, cfg.trust, folder)
    check_outside(cfg, [])


def check_targets(config: Any, trust: Sequence[str], origin: str) -> None:
    """Look at every `_target_` of a config, at any depth; nothing is imported.

    Args:
        config: plain values, references resolved.
        trust: full names that are accepted beside the known ones.
        origin: where the config comes from, for the message.

    Raises:
        ValueError: names every target that is not known, and the remedy.
    """
    unknown = {
        path: node["_target_"] for path, node in _nodes(config) if "_target_" in node and not _is_known(node, trust)
    }
    if unknown:
        asked = " and ".join(f"{path}._target_={target!r}" for path, target in unknown.items())
        names = ",".join(dict.fromkeys(map(str, unknown.values())))
        sends = all(isinstance(target, str) and target in SENDING for target in unknown.values())
        why = "which sends to a server" if sends else "which is not a part of a run"
        raise ValueError(
            f"{origin} asks for {asked}, {why}, so nothing was executed; if you know it, add trust=[{names}]"
        )


def check_places(config: Any, trust: Sequence[str], folder: Path, said: Sequence[str] = ()) -> None:
    """Look at every argument that says where something is written, or hides what it says.

    Args:
        config: plain values, references resolved.
        trust: full names whose arguments are their own affair.
        folder: where everything must stay.
        said: keys that the command has given itself.

    Raises:
        ValueError: names the argument and the remedy.
    """
    for path, node in _nodes(config):
        target = node.get("_target_")
        for key in () if target in trust else (*PLACES, *REFUSED):
            if node.get(key) is None or f"{path}.{key}" in said:
                continue
            if key in REFUSED:
                why = "cannot be looked at before it is used" if key == "_args_" else "sends to a server"
            elif _stays_in(folder, str(node[key]), is_name=key == "filename"):
                continue
            else:
                why = f"leads out of {folder}"
            raise ValueError(
                f"{path}.{key}={node[key]}, as the run's folder says, {why}, so nothing was executed; if you want it, "
                f"add trust=[{target}]"
            )


def check_outside(cfg: DictConfig, said: Sequence[str]) -> None:
    """Look at the folders that data is brought to, before any is read.

    Args:
        cfg: of the folder, resolved.
        said: keys that the command has given itself.

    Raises:
        ValueError: one would be made, outside of the folder where the command works.
    """
    for key in OUTSIDE:
        place = OmegaConf.select(cfg, key)
        if not isinstance(place, str) or key in said:
            continue
        folder = Path(place).expanduser()
        if not folder.is_dir() and not _stays_in(Path.cwd(), str(folder), is_name=False):
            raise ValueError(
                f"{key}={place}, as the run's folder says, does not exist and would be made, outside of {Path.cwd()}; "
                f"say {key}=FOLDER yourself"
            )


def senders_said(overrides: Sequence[str]) -> list[str]:
    """The names in SENDING that a command chooses itself, as with `logger=wandb` beside `resume=`."""
    choices = [one for one in overrides if key_of(one) == "logger"]
    return senders_in(compose(choices[-1:])) if choices else []


def senders_in(cfg: DictConfig) -> list[str]:
    """The names in SENDING that a config, composed by the command itself, holds."""
    named = {str(node.get("_target_")) for _, node in _nodes(OmegaConf.to_container(cfg))}
    return sorted(named & SENDING)


@cache
def known() -> frozenset[str]:
    """The full names of what a run may be made of, without those that send."""
    yamls = [path for group in GROUPS for path in (conf_dir() / group).glob("*.yaml")]
    named = {node["_target_"] for path in yamls for _, node in _nodes(read_yaml(path)) if "_target_" in node}
    beside = {f"{module}.{name}" for module, names in BESIDE.items() for name in names.split()}
    return frozenset((named | beside) - SENDING)


def _is_known(node: dict[Any, Any], trust: Sequence[str]) -> bool:
    target = node["_target_"]
    if not isinstance(target, str):
        return False
    return target in known() or target in trust or (target in SENDING and node.get("offline") is True)


def _stays_in(folder: Path, place: str, is_name: bool) -> bool:
    """Whether a path as Lightning understands it, a folder from here or a name in a folder, lies in the run's."""
    top = os.path.realpath(folder)
    return Path(os.path.realpath(Path(top, place) if is_name else place)).is_relative_to(top)


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[Any, Any]]]:
    """All mappings, at any depth, each with its key."""
    if isinstance(node, list):
        for number, child in enumerate(node):
            yield from _nodes(child, f"{path}[{number}]")
    elif isinstance(node, dict):
        yield path, node
        for key, child in node.items():
            yield from _nodes(child, f"{path}.{key}" if path else str(key))
