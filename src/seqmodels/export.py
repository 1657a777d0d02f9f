"""Turn a trained run into files that run without seqmodels:

python -m seqmodels.export run=outputs/sine_stream/DATE_TIME
python -m seqmodels.export run=outputs/sine_stream/DATE_TIME format=torch checkpoint=last output=for_the_plant

Writes a step and a window, both with the state as inputs and outputs, and initial_state.npz, the state that streams
begin in. Every file is tried against the run itself before it is put in place. docs/export.md tells how to use them.
"""

from seqmodels.cli.arguments import Arguments
from seqmodels.cli.command import run_on_arguments
from seqmodels.cli.logging import log_to_console
from seqmodels.system.process import leave

KEYS = {
    "run": "FOLDER of the run; it is not changed",
    "format": "onnx, or torch (torch.export's .pt2)",
    "checkpoint": "best (where there is one, else last), last, or the path of a checkpoint",
    "output": "FOLDER where the files go; RUN/export if not given",
    "overwrite": "true replaces files that are there",
    "tolerance": "how far the files may lie from the run's own output, in standard deviations of the target; 1e-5",
    "trust": "PACKAGE,... beside our own that the run's config may name",
}


def main() -> None:
    """The command `seqmodels-export`, the same as `python -m seqmodels.export`."""
    leave(command_line())


def command_line() -> int:
    """What sys.argv asks for; returns the exit code."""
    return run_on_arguments(__doc__, KEYS, _export, takes_overrides=False)


def _export(given: Arguments) -> None:
    run = given.required("run", "outputs/NAME/DATE_TIME")
    form, overwrite = given.choice("format", ("onnx", "torch")), given.flag("overwrite")
    tolerance = _positive(given.text("tolerance") or "1e-5")
    from seqmodels.exporting.run import export  # here, so that a mistake does not wait for torch

    log_to_console()
    export(run, form, given.text("checkpoint"), given.text("output"), overwrite, tolerance, given.listed("trust"))


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f"tolerance={text} is not a positive number; give one such as 1e-5")
    return value


if __name__ == "__main__":
    main()
