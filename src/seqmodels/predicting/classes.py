"""Predict classes: images or sequences in, for each a row out: its class and the probability of every class."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from seqmodels.cli.arguments import Arguments
from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.datamodules.labelled.datamodule import LabelledSeries
from seqmodels.predicting.images import ImageFiles, image_keys, is_colour
from seqmodels.predicting.output import Encoder, Output
from seqmodels.predicting.places import output_format
from seqmodels.predicting.stopping import Stopping
from seqmodels.runs.load import LoadedRun
from seqmodels.system.files import whole
from seqmodels.system.terminal import say

TAKEN = ("run", "checkpoint", "trust", "input", "output", "overwrite", "format", "threads", "quiet")

Batches = Iterable[tuple[list[str], Tensor, dict[str, Tensor]]]
"""Names of B sequences, x (B, T, D), and what else a module is to be told: lengths (B,), dt (B, T)."""


class Task(NamedTuple):
    """What is to be predicted: what the sequences are called, and where they come from."""

    column: str
    batches: Batches


def predict_classes(loaded: LoadedRun, given: Arguments) -> None:
    """
    Args:
        loaded: a run of a classifier.
        given: the arguments of `predict`.

    Raises:
        ValueError, OSError: the input does not allow it; the message says what to change.
        Stopped: a signal came. Then, as after any error, there is no output, and one that was there is as it was.
    """
    images = isinstance(loaded.datamodule, ImageSequences)
    for key, text in given.said.items():
        if key not in (*TAKEN, *(image_keys(loaded.datamodule) if images else ())):
            raise ValueError(f"{key}={text} changes nothing here: this run tells classes of {_what(loaded)}")
    if given["input"] == "-":
        raise ValueError(f"input=- is for streams, row by row; this run tells classes of {_what(loaded)}: name a file")
    if given["threads"]:
        torch.set_num_threads(given["threads"])
    format = output_format(given)
    files = ImageFiles(loaded.datamodule, given) if images else None
    task = Task("file", files) if files else _sequences(loaded, given["input"])
    count = _write(loaded, task, given, format)
    if not given["quiet"]:
        say(files.summary(count) if files else f"{count:,} sequences", file=sys.stderr)


def _sequences(loaded: LoadedRun, path: str) -> Task:
    data = loaded.datamodule
    if not isinstance(data, LabelledSeries):
        raise ValueError(f"predict does not know how to read {_what(loaded)} from a file")
    found = data.read([path], labelled=False)
    rows = data.rows(found)

    def batches() -> Batches:
        for numbers in torch.arange(len(rows)).split(data.eval_batch_size):
            x, _, *told = rows.__getitems__(numbers)
            yield [found.ids[number] for number in numbers], x, dict(zip(("lengths", "dt"), told, strict=False))

    name = data.columns.id or "sequence"
    return Task("sequence" if name in predictions(data.class_names) else name, batches())


def predictions(classes: list[str]) -> list[str]:
    """The columns that a prediction has, after the one that says of what."""
    return ["class", "probability", *(f"probability_{name}" for name in classes)]


def _write(loaded: LoadedRun, task: Task, given: Arguments, format: str) -> int:
    """How many were predicted."""
    classes = loaded.datamodule.class_names
    what, *numbered = predictions(classes)
    encoder = Encoder(format, [task.column, what], numbered)
    count, dtype = 0, loaded.module.head.weight.dtype
    with Stopping() as stopping, torch.inference_mode(), _output(given, stopping) as output:
        output.write(encoder.header)
        for names, x, told in task.batches:
            stopping.check()
            probabilities = loaded.module(x.to(dtype), **told)[0].softmax(-1)
            best, predicted = probabilities.max(-1)
            numbers = torch.cat([best[:, None], probabilities], 1).numpy()
            cells = [(name, classes[number]) for name, number in zip(names, predicted.tolist(), strict=True)]
            output.write("".join(map(encoder.row, cells, numbers)))
            count += len(names)
    return count


@contextmanager
def _output(given: Arguments, stopping: Stopping) -> Iterator[Output]:
    """A file is put in its place when it is whole; standard output and pipes are written as it goes."""
    place = given["output"]
    path = Path(place).expanduser()
    if place == "-" or (path.exists() and not path.is_file()):
        with closing(Output(place, False, stopping)) as output:
            yield output
        return
    with whole(path) as unfinished:
        with closing(Output(str(unfinished), True, stopping, name=place)) as output:
            yield output
        if path.exists() and not given["overwrite"]:
            raise FileExistsError(f"output={place} exists and will not be overwritten; overwrite=true allows it")


def _what(loaded: LoadedRun) -> str:
    data = loaded.datamodule
    if isinstance(data, ImageSequences):
        return "images in colour" if is_colour(data) else "images"
    return "labelled sequences" if isinstance(data, LabelledSeries) else repr(data.name)
