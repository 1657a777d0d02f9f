"""Test a trained run again, also on other data:

python -m seqmodels.evaluate run=outputs/sine_stream/DATE_TIME
python -m seqmodels.evaluate run=outputs/sine_stream/DATE_TIME checkpoint=last datamodule.noise_std=0.3
python -m seqmodels.evaluate run=outputs/pump/DATE_TIME 'datamodule.test_files=[new/*.csv]'

run=FOLDER          of the run; it is not changed
checkpoint=         best (where there is one, else last), last, or the path of a checkpoint
output=FOLDER       where results.json and the figures go; RUN/evaluations/DATE_TIME if not given
trust=PACKAGE,...   packages beside our own that the run's config may name
datamodule.KEY=...  and any other word changes the run's config for this test
"""

import sys

from seqmodels.cli import arguments as words
from seqmodels.cli.command import job, run_command
from seqmodels.cli.logging import log_to_console
from seqmodels.system.process import leave

KEYS = ("run", "checkpoint", "output", "trust")


def main() -> None:
    """The command `seqmodels-evaluate`, the same as `python -m seqmodels.evaluate`."""
    leave(command_line())


def command_line() -> int:
    """What the words in sys.argv ask for; returns the exit code."""
    return run_command(_main)


def _main() -> None:
    if words.asked_for_help(__doc__):
        return
    own, others = words.split(sys.argv[1:], KEYS)
    run = words.required(own, "run", "outputs/NAME/DATE_TIME")
    from seqmodels.runs.evaluate import evaluate  # here, so that a mistake does not wait for torch

    log_to_console()
    with job():
        evaluate(run, own.get("checkpoint"), others, own.get("output"), words.listed(own, "trust"))


if __name__ == "__main__":
    main()
