"""Predict with a trained run, files or live:

python -m seqmodels.predict run=outputs/pump/DATE_TIME input=signal.csv output=predictions.csv
sensor | python -m seqmodels.predict run=outputs/pump/DATE_TIME input=- output=- state=pump.state | actuator
python -m seqmodels.predict run=outputs/mnist_lstm/DATE_TIME input=scans/ output=digits.csv

datamodule.KEY=... and any other override changes the run's config for this prediction, as datamodule.missing=ffill.
"""

from seqmodels.cli.arguments import Arguments
from seqmodels.cli.command import job, run_on_arguments
from seqmodels.predicting.settings import check_places, settings
from seqmodels.system.process import leave

KEYS = {
    "run": "FOLDER of the run; it is not changed",
    "checkpoint": "best (where there is one, else last), last, or the path of a checkpoint",
    "trust": "PACKAGE,... beside our own that the run's config may name",
    "input": "FILE.csv, .jsonl or .parquet, or - for standard input: rows as they come, each predicted at once; of an "
    "image run an image or a folder of images",
    "output": "FILE.csv or .jsonl, or - for standard output",
    "overwrite": "true replaces an output file that exists",
    "format": "csv or jsonl, of standard input (its first byte tells if not given) and standard output (csv if not)",
    "keep": "[NAME,...]: further columns of the input to show beside the predictions",
    "errors": "stop (at a malformed row) or skip (report it on standard error and go on)",
    "state": "FILE, of streams: go on where an earlier call stopped, and leave there where this one does",
    "id": "COLUMN, of streams: tells interleaved streams apart; the run's datamodule.group if not given, nothing for "
    "one stream",
    "chunk": "ROWS, of streams: read a file in windows of so many rows: faster, and equal but for rounding",
    "threads": "of the CPU; 1",
    "quiet": "true leaves the summary out",
    "invert": "auto, true or false, of images in grey: dark ink on light paper is turned into what MNIST is, light on "
    "dark",
}


def main() -> None:
    """The command `seqmodels-predict`, the same as `python -m seqmodels.predict`."""
    leave(command_line())


def command_line() -> int:
    """What sys.argv asks for; returns the exit code."""
    return run_on_arguments(__doc__, KEYS, _predict)


def _predict(given: Arguments) -> None:
    run = given.required("run", "outputs/NAME/DATE_TIME")
    check_places(given)
    from seqmodels.runs.load import load_run  # here, so that a mistake does not wait for torch

    with job():
        loaded = load_run(run, given.text("checkpoint"), given.overrides, given.listed("trust"))
        if loaded.module.task == "classification":
            from seqmodels.predicting.classes import predict_classes

            predict_classes(loaded, given)
        else:
            from seqmodels.predicting.streams import predict_streams

            predict_streams(loaded, settings(given))


if __name__ == "__main__":
    main()
