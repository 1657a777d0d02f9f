"""Test a trained run again, also on other data:

python -m seqmodels.evaluate run=outputs/sine_stream/DATE_TIME
python -m seqmodels.evaluate run=outputs/sine_stream/DATE_TIME checkpoint=last datamodule.noise_std=0.3
python -m seqmodels.evaluate run=outputs/pump/DATE_TIME 'datamodule.test_files=[new/*.csv]'

Any other override, as train takes it, changes the run's config for this test.
"""

from seqmodels.cli.arguments import OF_A_RUN, Key, read
from seqmodels.cli.command import run_command
from seqmodels.cli.logging import log_to_console
from seqmodels.system.process import leave, uncollected

KEYS = (
    *OF_A_RUN,
    Key("output", "FOLDER", "where results.json and the figures go; RUN/evaluations/DATE_TIME unless given"),
)


def main() -> None:
    """The command `seqmodels-evaluate`, the same as `python -m seqmodels.evaluate`."""
    leave(run_command(command))


def command() -> None:
    """What sys.argv asks for."""
    given = read(__doc__, KEYS)
    with uncollected():  # here, so that a mistake does not wait for torch
        from seqmodels.runs.evaluate import evaluate

    log_to_console()
    evaluate(given["run"], given["checkpoint"], given.overrides, given["output"], given["trust"])


if __name__ == "__main__":
    main()
