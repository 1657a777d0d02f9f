"""Turn a trained run into files that run without seqmodels:

python -m seqmodels.export run=outputs/sine_stream/DATE_TIME
python -m seqmodels.export run=outputs/sine_stream/DATE_TIME format=torch checkpoint=last output=for_the_plant

run=FOLDER          of the run; it is not changed
format=             onnx, or torch (torch.export's .pt2)
checkpoint=         best (where there is one, else last), last, or the path of a checkpoint
output=FOLDER       where the files go; RUN/export if not given
overwrite=true      replace files that are there
tolerance=1e-5      how far the files may lie from the run's own output, in standard deviations of the target
trust=PACKAGE,...   packages beside our own that the run's config may name

Writes a step and a window, both with the state as inputs and outputs, and initial_state.npz, the state that streams
begin in. Every file is tried against the run itself before it is put in place. docs/export.md tells how to use them.
"""

import sys

from seqmodels.cli import arguments as words
from seqmodels.cli.command import run_command
from seqmodels.cli.logging import log_to_console
from seqmodels.system.process import leave

KEYS = ("run", "format", "checkpoint", "output", "overwrite", "tolerance", "trust")


def main() -> None:
    """The command `seqmodels-export`, the same as `python -m seqmodels.export`."""
    leave(command_line())


def command_line() -> int:
    """What the words in sys.argv ask for; returns the exit code."""
    return run_command(_main)


def _main() -> None:
    if words.asked_for_help(__doc__):
        return
    if not sys.argv[1:]:
        print((__doc__ or "").strip(), file=sys.stderr)
        raise SystemExit(2)
    own, others = words.split(sys.argv[1:], KEYS)
    words.refuse(others, "export")
    run = words.required(own, "run", "outputs/NAME/DATE_TIME")
    form = words.choice(own, "format", ("onnx", "torch"))
    overwrite = words.choice(own, "overwrite", ("false", "true")) == "true"
    tolerance = _positive(own.get("tolerance", "1e-5"))
    from seqmodels.exporting.run import export  # here, so that a mistake does not wait for torch

    log_to_console()
    trusted = words.listed(own, "trust")
    export(run, form, own.get("checkpoint"), own.get("output"), overwrite, tolerance, trusted)


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
