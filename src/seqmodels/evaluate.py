"""Test a trained run again, also on other data:

python -m seqmodels.evaluate run=outputs/sine_stream/DATE_TIME
python -m seqmodels.evaluate run=outputs/sine_stream/DATE_TIME checkpoint=last datamodule.noise_std=0.3
python -m seqmodels.evaluate run=outputs/pump/DATE_TIME 'datamodule.test_files=[new/*.csv]'

datamodule.KEY=... and any other override changes the run's config for this test.
"""

from seqmodels.cli.arguments import Arguments
from seqmodels.cli.command import job, run_on_arguments
from seqmodels.cli.logging import log_to_console
from seqmodels.system.process import leave

KEYS = {
    "run": "FOLDER of the run; it is not changed",
    "checkpoint": "best (where there is one, else last), last, or the path of a checkpoint",
    "output": "FOLDER where results.json and the figures go; RUN/evaluations/DATE_TIME if not given",
    "trust": "PACKAGE,... beside our own that the run's config may name",
}


def main() -> None:
    """The command `seqmodels-evaluate`, the same as `python -m seqmodels.evaluate`."""
    leave(command_line())


def command_line() -> int:
    """What sys.argv asks for; returns the exit code."""
    return run_on_arguments(__doc__, KEYS, _evaluate)


def _evaluate(given: Arguments) -> None:
    run = given.required("run", "outputs/NAME/DATE_TIME")
    from seqmodels.runs.evaluate import evaluate  # here, so that a mistake does not wait for torch

    log_to_console()
    with job():
        evaluate(run, given.text("checkpoint"), given.overrides, given.text("output"), given.listed("trust"))


if __name__ == "__main__":
    main()
