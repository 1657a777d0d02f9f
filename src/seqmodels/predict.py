"""Predict with a trained run, files or live:

python -m seqmodels.predict run=outputs/pump/DATE_TIME input=signal.csv output=predictions.csv
sensor | python -m seqmodels.predict run=outputs/pump/DATE_TIME input=- output=- state=pump.state | actuator
python -m seqmodels.predict run=outputs/mnist_lstm/DATE_TIME input=scans/ output=digits.csv

run=FOLDER          of the run; it is not changed
checkpoint=         best (where there is one, else last), last, or the path of a checkpoint
trust=PACKAGE,...   packages beside our own that the run's config may name
input=              .csv, .jsonl or .parquet, or - for standard input: rows as they come, each predicted at once;
                    of an image run an image or a folder of images
output=             .csv or .jsonl, or - for standard output
overwrite=true      replace an output file that exists
format=             csv or jsonl, of standard input (its first byte tells if not given) and standard output (csv if not)
keep=[NAME,...]     further columns of the input to show beside the predictions
errors=             stop (at a malformed row) or skip (report it on standard error and go on)

Of streams:
state=FILE          go on where an earlier call stopped, and leave there where this one does
id=COLUMN           tells interleaved streams apart; the run's datamodule.group if not given, nothing for one stream
chunk=ROWS          read a file in windows of so many rows: faster, and equal but for rounding
threads=1           of the CPU
quiet=true          no summary

Of images in grey:
invert=             auto, true or false: dark ink on light paper is turned into what MNIST is, light on dark

datamodule.KEY=...  and any other word changes the run's config for this prediction, as datamodule.missing=ffill
"""

import sys

from seqmodels.cli import arguments as words
from seqmodels.cli.command import job, run_command
from seqmodels.predicting.settings import check_places, settings
from seqmodels.system.process import leave

KEYS = (
    *("run", "checkpoint", "trust", "input", "output", "overwrite", "format", "keep", "errors"),
    *("state", "id", "chunk", "threads", "quiet", "invert"),
)


def main() -> None:
    """The command `seqmodels-predict`, the same as `python -m seqmodels.predict`."""
    leave(command_line())


def command_line() -> int:
    """What the words in sys.argv ask for; returns the exit code."""
    return run_command(_main)


def _main() -> None:
    if words.asked_for_help(__doc__):
        return
    own, others = words.split(sys.argv[1:], KEYS)
    run = words.required(own, "run", "outputs/NAME/DATE_TIME")
    check_places(own)
    from seqmodels.runs.load import load_run  # here, so that a mistake does not wait for torch

    with job():
        loaded = load_run(run, own.get("checkpoint"), others, words.listed(own, "trust"))
        if loaded.module.task == "classification":
            from seqmodels.predicting.classes import predict_classes

            predict_classes(loaded, own)
        else:
            from seqmodels.predicting.streams import predict_streams

            predict_streams(loaded, settings(own))


if __name__ == "__main__":
    main()
