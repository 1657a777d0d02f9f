"""Turn a trained run into files that run without seqmodels:

python -m seqmodels.export run=outputs/sine_stream/DATE_TIME
python -m seqmodels.export run=outputs/sine_stream/DATE_TIME format=torch checkpoint=last output=for_the_plant

Writes a step and a window, both with the state as inputs and outputs, and initial_state.npz, the state that streams
begin in. Every file is tried against the run itself before it is put in place. docs/export.md tells how to use them.
Any other override, as train takes it, changes the run's config before, as datamodule.missing=mask.
"""

from seqmodels.cli.arguments import OF_A_RUN, Key, flag, positive, read
from seqmodels.cli.command import run_command
from seqmodels.cli.logging import log_to_console
from seqmodels.system.process import leave, uncollected

KEYS = (
    *OF_A_RUN,
    Key("format", "onnx|torch", "ONNX, or torch.export's .pt2", "onnx"),
    Key("output", "FOLDER", "where the files go; RUN/export unless given"),
    Key("overwrite", "true|false", "replace files that are there", "false", flag),
    Key(
        "tolerance",
        "NUMBER",
        "how far outputs may lie from the run's, in deviations of the target; of the largest logit",
        "1e-5",
        positive,
    ),
)


def main() -> None:
    """The command `seqmodels-export`, the same as `python -m seqmodels.export`."""
    leave(run_command(command))


def command() -> None:
    """What sys.argv asks for."""
    given = read(__doc__, KEYS)
    with uncollected():  # here, so that a mistake does not wait for torch
        from seqmodels.exporting.run import export

    log_to_console()
    options = {name: given[name] for name in ("format", "checkpoint", "output", "overwrite", "tolerance", "trust")}
    export(given["run"], **options, overrides=given.overrides)


if __name__ == "__main__":
    main()
