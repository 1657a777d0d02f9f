"""Train a model:

python -m seqmodels.train +experiment=mnist_lstm
"""

import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from seqmodels.command import MISTAKES, job, leave, message_of, run_command
from seqmodels.naming import register_resolvers
from seqmodels.paths import conf_dir
from seqmodels.resuming import go_on, quoted, run_to_resume, take
from seqmodels.saved import value_of

register_resolvers()


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def _job(cfg: DictConfig) -> float | None:
    """One job: its value of `monitor`, so that Hydra's sweepers can use it."""
    from seqmodels.run import train  # here, so that --help and a typo do not wait for torch

    this = HydraConfig.get()
    with job():
        try:
            return train(cfg, this.runtime.output_dir, list(this.overrides.task)).monitor
        except MISTAKES as error:
            if this.mode == RunMode.MULTIRUN:  # the sweep goes on, and Hydra speaks of it only at its end
                print(f"job {this.job.num} failed: {message_of(error)}", file=sys.stderr)
            raise


def main() -> None:
    """The command `seqmodels-train`, the same as `python -m seqmodels.train`."""
    leave(command_line())


def command_line() -> int:
    """What the words in sys.argv ask for; returns the exit code."""
    sys.argv[1:] = multirun_first(sys.argv[1:])
    return run_command(_main)


def _main() -> None:
    words, resume = take(sys.argv[1:], "resume")
    folder = run_to_resume(words, resume) if resume not in (None, "null") else None
    if folder is not None:
        go_on(folder, words)
        return
    sys.argv[1:] = quoted(words, "init_from")
    refuse_used_folder(words)
    _job()


def refuse_used_folder(words: list[str]) -> None:
    """Hydra writes its config into the run's folder before `_job` could object.

    Raises:
        FileExistsError: the folder that the user chose holds a run.
    """
    if "LOCAL_RANK" in os.environ:  # a further process of a distributed run shares the folder
        return
    for word in words:
        key, _, _ = word.partition("=")
        if key not in ("hydra.run.dir", "hydra.sweep.dir"):
            continue
        folder = value_of(word)
        if any(Path(folder).glob("*")):
            raise FileExistsError(f"{folder} holds a run already and will not be overwritten; choose another {key}")


def multirun_first(words: list[str]) -> list[str]:
    """Hydra refuses `-m` between overrides; here it may stand anywhere."""
    flags = [word for word in words if word in ("-m", "--multirun")]
    return flags[:1] + [word for word in words if word not in flags]


if __name__ == "__main__":
    main()
