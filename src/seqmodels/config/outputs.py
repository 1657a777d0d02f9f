"""Where runs lie, and readable, safe names for the jobs of a sweep.

outputs/mnist_lstm/2026-11-22_10-00-00_000000                       a run
outputs/debug/mnist_lstm/2026-11-22_10-00-00_000000                 one with +debug=, which is no result of anything
outputs/mnist_lstm/sweep_2026-11-22_10-00-00_000000/0_lstm_seed-1   a job of a sweep
outputs/smnist/sweep_2026-11-22_10-00-00_000000/0_lstm_seed-1       a job of a sweep over smnist_lstm, smnist_gru
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from omegaconf import OmegaConf

from seqmodels.config.migrate import former_key
from seqmodels.config.normalize import ADDED_GROUPS
from seqmodels.config.overrides import split

LONGEST = 100

NAMELESS = "train"
"""`name` before an experiment sets it, as where a sweep over experiments begins."""

OUTPUTS = Path("outputs")
DEBUG = "debug"
"""The folder in `OUTPUTS` for what was made to find a mistake, and the group of choices that say so."""

FIRST = ("core", "seed")
"""What most sweeps are about, so that it stands at the front of a name."""


def place_of(name: str, overrides: Iterable[str] = (), varied: Mapping[str, object] | None = None) -> Path:
    """The folder of all runs of a name, as the overrides of their command have it.

    Args:
        name: of the run, the config's `name`.
        overrides: with them a sweep over experiments is called by what their names have in common.
        varied: `hydra.sweeper.params` of a YAML, which says the same as the words of a command.

    Raises:
        ValueError: the name leads out of the folder of all runs, or could not be shown.
    """
    name = str(name)
    parts = Path(name).parts
    if not parts or ".." in parts or Path(name).is_absolute() or not name.isprintable():
        raise ValueError(f"name={name!r} is no folder inside {OUTPUTS}/; give letters, digits, '.', '_' and '-'")
    of_yaml = [f"{key}={value}" for key, value in (varied or {}).items()]
    chosen = {key: value or "" for _, key, value in map(split, [*of_yaml, *overrides])}
    if name == NAMELESS and "," in chosen.get("experiment", ""):
        name = _common([one.strip() for one in chosen["experiment"].split(",")])
    return (OUTPUTS / DEBUG if chosen.get(DEBUG, "null") != "null" else OUTPUTS) / name


def all_places(pattern: str) -> list[Path]:
    """What lies in the folders of all names, those of debug runs too."""
    return [*OUTPUTS.glob(f"*/{pattern}"), *OUTPUTS.glob(f"{DEBUG}/*/{pattern}")]


def _common(names: Sequence[str]) -> str:
    """What names of experiments share: `recall` of recall/lstm and recall/gru, `smnist` of smnist_lstm and smnist_gru.

    Where they have neither a folder nor their first words in common, it is all of them.
    """
    folders = {name.rpartition("/")[0] for name in names}
    if len(folders) == 1 and folders != {""}:
        return _safe(folders.pop())
    firsts = [name.split("_")[:-1] for name in names]
    words = [same[0] for same in takewhile(lambda words: len(set(words)) == 1, zip(*firsts, strict=False))]
    return _safe("_".join(words) or "-".join(names))


def job_folder(number: int, overrides: Sequence[str], name: str = "", sweep: str = "", same: Sequence[str] = ()) -> str:
    """The number and what differs from job to job: keys without their group, values without what no file system likes.

    Paths are left out, since they say little and never fit. A job that an earlier build began goes on in the folder
    that it has.

    Args:
        number: of the job.
        overrides: of the job.
        name: of the run.
        sweep: the folder of the sweep.
        same: keys of overrides that all jobs have.
    """
    chosen = [(key, value) for _, key, value in map(split, overrides)]
    for former in _of_earlier_builds(number, chosen, name, sweep):
        if sweep and Path(sweep, former).is_dir():
            return former
    first = [str(number)]
    of_all = Path(sweep).parent.name
    experiment = dict(chosen).get("experiment") or ""
    if sweep and experiment and "experiment" not in same:
        if name != of_all:
            first.append(name.removeprefix(f"{of_all}_"))
        elif "/" in experiment:
            first.append(experiment.rpartition("/")[2])
    differ = [(key, value) for key, value in chosen if key not in same and key != "trust"]
    return _joined(first, sorted(differ, key=lambda one: FIRST.index(one[0]) if one[0] in FIRST else len(FIRST)))


def _of_earlier_builds(number: int, chosen: list[tuple[str, str | None]], name: str, sweep: str) -> list[str]:
    first = [str(number)]
    if name != NAMELESS and Path(sweep).parent.name == NAMELESS:
        first.append(name)
    return [
        _joined(first, [(former_key(key), value) for key, value in chosen]),
        _joined(first, [(key, value) for key, value in chosen if key != "trust"]),
    ]


def _joined(first: list[str], chosen: list[tuple[str, str | None]]) -> str:
    parts = [*first, *(_part(key, value or "") for key, value in chosen if _is_shown(key, value or ""))]
    return _safe("_".join(parts))


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:LONGEST].rstrip("-_.")


def _is_shown(key: str, value: str) -> bool:
    return key.partition("@")[0] not in ADDED_GROUPS and not re.search(r"[/\\]", value)


def _part(key: str, value: str) -> str:
    return "-".join(filter(None, [key.rpartition(".")[2], re.sub(r"[\[\](){}'\" ]", "", value)]))


def register_resolvers() -> None:
    """Make `${job_folder:...}` and `${place_of:...}` known to the `hydra:` block of conf/train.yaml."""
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)
    OmegaConf.register_new_resolver("place_of", lambda *arguments: str(place_of(*arguments)), replace=True)
