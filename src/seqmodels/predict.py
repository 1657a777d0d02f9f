"""Predict with a trained run, files or live:

python -m seqmodels.predict run=outputs/pump/DATE_TIME input=signal.csv output=predictions.csv
sensor | python -m seqmodels.predict run=outputs/pump/DATE_TIME input=- output=- state=pump.state | actuator
python -m seqmodels.predict run=outputs/mnist_lstm/DATE_TIME input=scans/ output=digits.csv

Any other override, as train takes it, changes the run's config for this prediction, as datamodule.missing=ffill.
"""

from seqmodels.cli.arguments import OF_A_RUN, Key, count, flag, listed, path, read, threads, whole_number
from seqmodels.cli.command import run_command
from seqmodels.predicting.places import check_places
from seqmodels.system.process import leave, uncollected

KEYS = (
    *OF_A_RUN,
    Key(
        "input",
        "FILE",
        ".csv, .jsonl or .parquet, or - for standard input: rows as they come, each predicted at once; of an image run "
        "an image or a folder of images",
        example="signal.csv, or - for standard input",
    ),
    Key(
        "output",
        "FILE",
        ".csv or .jsonl, or - for standard output",
        example="predictions.csv, or - for standard output",
    ),
    Key("overwrite", "true|false", "replace an output file that exists", "false", flag),
    Key("format", "csv|jsonl", "of standard input (unless given its first byte tells) and of standard output (csv)"),
    Key("keep", "NAME,...", "further columns of the input to show beside the predictions", "", listed),
    Key("errors", "stop|skip", "stop at a malformed row or image, or name it on standard error and go on", "stop"),
    Key("state", "FILE", "go on where an earlier call stopped, and leave there where this one does", read=path),
    Key("id", "COLUMN", "tells streams apart, nothing for one stream; the run's datamodule.group unless given"),
    Key("chunk", "ROWS", "of a file that are read together: faster, and equal but for rounding", "1", count),
    Key(
        "warmup",
        "ROWS",
        "a stream reads before its predictions are marked warm; the run's datamodule.warmup unless given, 0: no marks",
        read=whole_number,
    ),
    Key("threads", "NUMBER", "of the CPU; 1 for streams unless given", read=threads),
    Key("runtime", "torch|onnx", "what computes: the run itself, or its export in onnxruntime, without torch", "torch"),
    Key("quiet", "true|false", "no summary", "false", flag),
    Key("invert", "auto|true|false", "dark ink on light paper becomes light on dark, as MNIST is", "auto"),
)


def main() -> None:
    """The command `seqmodels-predict`, the same as `python -m seqmodels.predict`."""
    leave(run_command(command))


def command() -> None:
    """What sys.argv asks for."""
    given = read(__doc__, KEYS)
    check_places(given)
    if given["runtime"] == "onnx":
        from seqmodels.predicting.onnx_runtime import OnnxRuntime
        from seqmodels.predicting.streams import predict_streams

        predict_streams(OnnxRuntime(given), given)
        return
    with uncollected():  # here, so that a mistake does not wait for torch
        from seqmodels.runs.load import load_run

    loaded = load_run(given["run"], given["checkpoint"], given.overrides, given["trust"])
    if loaded.module.task == "classification":
        from seqmodels.predicting.classes import predict_classes

        predict_classes(loaded, given)
    else:
        from seqmodels.predicting.streams import predict_streams

        predict_streams(loaded, given)


if __name__ == "__main__":
    main()
