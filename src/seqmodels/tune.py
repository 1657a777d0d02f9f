"""Search for better hyperparameters, with Optuna:

python -m seqmodels.tune +experiment=mnist_lstm +search=mnist_lstm
"""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from seqmodels.cli.command import raised_by_hydra, run_command
from seqmodels.config.normalize import normalized
from seqmodels.config.outputs import register_resolvers
from seqmodels.config.overrides import quoted
from seqmodels.config.places import conf_dir
from seqmodels.runs.best_of_study import check_best
from seqmodels.sweeps.folder import begins_sweep
from seqmodels.system.process import leave, uncollected

register_resolvers()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="tune")
def _compose(cfg: DictConfig) -> None:
    """Hydra's part: it ends before the first trial begins, since each trial composes a config of its own."""
    this = HydraConfig.get()
    own = ("hydra", "main", "schema")
    places = [source.path for source in this.runtime.config_sources if source.provider not in own and source.path]
    asked.append((cfg, list(this.overrides.task), this.runtime.choices.get("search"), places))


asked: list[tuple[DictConfig, list[str], str | None, list[str]]] = []
"""What the command said; nothing when it only wanted to be shown something."""


def main() -> None:
    """The command `seqmodels-tune`, the same as `python -m seqmodels.tune`."""
    leave(run_command(command))


def command() -> None:
    """What sys.argv asks for."""
    sys.argv[1:] = normalized(quoted(sys.argv[1:], "init_from"))
    check_best(sys.argv[1:])
    if begins_sweep(sys.argv[1:]):
        raise ValueError("a search runs its trials itself: leave -m and +sweep away; workers=2 runs two at a time")
    for argument in sys.argv[1:]:
        if argument.startswith(("hydra.run.dir=", "hydra.sweep.dir=")):
            raise ValueError(
                f"{argument}: a search lies in outputs/NAME/study_STUDY; name=... and study=... choose another"
            )
    asked.clear()
    with raised_by_hydra("tune"):
        _compose()
    if asked:
        with uncollected():  # here, so that --help and a typo do not wait for torch
            from seqmodels.searching.search import search

        search(*asked.pop())


if __name__ == "__main__":
    main()
