"""Rank 1 and further of a run on several devices. Rank 0 starts them; there is nothing to start by hand:

python -m seqmodels.runs.rank < what rank 0 hands over

Lightning would repeat the whole command in every rank, which in a sweep is the whole sweep. Here a rank gets the one
run that is meant: its config as composed, its folder, its checkpoint.
"""

import json
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from omegaconf import OmegaConf

from seqmodels.cli.command import run_command
from seqmodels.cli.logging import log_to
from seqmodels.exceptions import Pruned
from seqmodels.system.process import leave


def main() -> NoReturn:
    """One rank, from its start to its end."""
    try:
        code = run_command(_work)
    except Exception:
        traceback.print_exc()
        code = 1
    leave(code)  # at once: the end of this process is what the others look out for


def _work() -> None:
    task = json.load(sys.stdin)
    sys.path[:] = [*sys.path, *(place for place in task["path"] if place not in sys.path)]
    from seqmodels.runs.run import take_part  # here, since the user's own modules are found from now on

    folder = Path(task["folder"])
    log_to(folder)
    with suppress(Pruned):  # rank 0 tells the search, and all ranks end at the same validation
        take_part(OmegaConf.create(task["config"]), folder, task["checkpoint"])


if __name__ == "__main__":
    main()
