"""From a run's folder to files that need neither the run nor seqmodels."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqmodels.exporting import onnx_format, torch_format
from seqmodels.exporting.capturing import CannotExport, capturing
from seqmodels.exporting.checking import Disagrees, check
from seqmodels.exporting.folding import folded
from seqmodels.exporting.graphs import FORMS, Form, begin, form_of, plain
from seqmodels.exporting.looped import step_by_step
from seqmodels.exporting.placing import arrays, check_free, workshop
from seqmodels.exporting.trial import BATCHES, LENGTHS, trials, unit_of
from seqmodels.runs.exported import FOLDER, INITIAL_STATE, hash_of
from seqmodels.runs.load import LoadedRun, dt_step_of, load_run
from seqmodels.system.untrusted import refuse_links
from seqmodels.tables.formats import Marks

log = logging.getLogger(__name__)

FORMATS: dict[str, Any] = {"onnx": onnx_format, "torch": torch_format}


@dataclass(frozen=True)
class Exported:
    """What `export` returns.

    Attributes:
        folder: of the files.
        differences: of each file from the run itself, the largest.
        refused: the files that there cannot be, and why.
    """

    folder: Path
    differences: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def export(
    run: str | Path,
    format: str = "onnx",
    checkpoint: str | None = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    tolerance: float = 1e-5,
    trust: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Exported:
    """Write a run's model as graphs with the state as inputs and outputs, each tried against the run itself.

    Args:
        run: its folder, which is not changed but for the new folder in it.
        format: onnx or torch.
        checkpoint, trust, overrides: as in `load_run`.
        output: a folder for the files; None makes RUN/export.
        overwrite: replace files of the same names.
        tolerance: how far an output may lie from the run's own, in standard deviations of the target; of logits
            in the size of the largest.

    Raises:
        ValueError, OSError: the input does not allow it, or a file computes something else than the run; nothing is
            left behind then.
    """
    if format == "onnx":
        onnx_format.check_installed()
    kind = FORMATS[format]
    loaded = load_run(run, checkpoint, overrides, trust)
    if output is None:
        refuse_links(loaded.folder)
    if loaded.module.input_mean.dim() == 2:
        raise ValueError(
            "datamodule.normalize=per_series: a graph is not told which series a row belongs to, so it cannot read "
            "each by its own statistics; train with datamodule.normalize=true to export"
        )
    if loaded.module.head.weight.dtype == torch.float64:
        loaded.module.float()
        log.warning("the weights are of 64 bits; the files hold and compute them in 32, which differ in the 8th digit")
    module, state = plain(loaded.module), begin(loaded.module, 1)
    exported = Exported((Path(output).expanduser() if output else loaded.folder / FOLDER).absolute())
    names = {form: form + kind.SUFFIX for form in FORMS}
    check_free(exported.folder, list(names.values()), state, overwrite)
    log.info("%s, %s, as %s", loaded.cfg.name, loaded.checkpoint.name, format)
    with workshop(exported.folder) as place:
        for form, name in names.items():
            try:
                graph = fill_of(loaded), about(loaded)
                how, difference = write_checked(form, module, kind, place / name, *graph, tolerance, has_dt_of(loaded))
            except CannotExport as failure:
                for half_done in place.glob(f"{name}*"):
                    half_done.unlink()
                exported.refused[name] = str(failure)
            else:
                exported.differences[name] = difference
                log.info("  %-12s %s", name, how)
        if not exported.differences:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in exported.refused.items())
            raise ValueError(f"this model cannot be exported with format={format}; {reasons}")
        np.savez(place / INITIAL_STATE, **arrays(state))  # type: ignore[arg-type]
    for name, reason in exported.refused.items():
        log.warning("  no %-9s %s", name, reason)
    log.info("  %s", exported.folder)
    return exported


def fill_of(loaded: LoadedRun) -> Tensor | None:
    """(D,) or (), what a graph reads where an input is missing, in physical units: the mean, where the run does so.

    None with `error`, which a graph cannot raise, and with `ffill`, which would need one more state.
    """
    reads_mean = "mask" in (loaded.cfg.datamodule.get("missing"), getattr(loaded.module, "nan_input", None))
    return loaded.input_mean.clone() if reads_mean else None


def has_dt_of(loaded: LoadedRun) -> bool:
    """Whether the core is told the time between steps."""
    return getattr(loaded.datamodule, "has_dt", False)


def about(loaded: LoadedRun) -> str:
    """What a file says of itself: JSON, names and numbers of the run, no paths."""
    facts: dict[str, Any] = {
        "run": f"{loaded.cfg.name}/{loaded.folder.name}",
        "checkpoint": loaded.checkpoint.name,
        "task": loaded.module.task,
        **{name: getattr(loaded.datamodule, name) for name in ("input_names", "target_names", "class_names")},
        "horizon": loaded.cfg.datamodule.get("horizon"),
        "weights": hash_of(loaded.checkpoint),
        "seqmodels": version("seqmodels"),
    }
    if loaded.module.task == "regression":
        facts["reads"] = reads(loaded)
    else:
        facts["dt_step"] = dt_step_of(loaded)
    return json.dumps({name: fact for name, fact in facts.items() if fact}, default=list)


def reads(loaded: LoadedRun) -> dict[str, Any]:
    """How rows become inputs, as `predict` with runtime=onnx wants to know it."""
    data, names = loaded.cfg.datamodule, loaded.datamodule.input_names
    asked = ("group", "time", "gaps", "time_step", "repeated_times", "horizon")
    return {
        **{key: data.get(key) for key in asked},
        "missing": data.get("missing", getattr(loaded.module, "nan_input", "error")),
        "input_mean": loaded.input_mean.expand(len(names)).tolist(),
        "dt_step": dt_step_of(loaded),
        "warmup": data.get("warmup") or loaded.cfg.module.get("burn_in") or 0,
        "marks": getattr(loaded.datamodule, "marks", Marks())._asdict(),
    }


def write_checked(
    form: str,
    module: Any,
    kind: Any,
    path: Path,
    fill: Tensor | None = None,
    facts: str = "",
    tolerance: float = 1e-5,
    has_dt: bool = False,
) -> tuple[str, float]:
    """Write one file and try it against the module.

    Args:
        form: step or window.
        module: from `plain`.
        kind: one of `FORMATS`.
        path: of the file.
        fill: as in `fill_of`.
        facts: what it says about itself.
        tolerance: as in `export`.
        has_dt: as in `WindowGraph`.

    Returns:
        What was found, in words, and the largest difference.

    Raises:
        CannotExport: there can be no such file.
        Disagrees: there is one, but it computes something else.
    """
    if form == "step" and getattr(module, "readout", None) == "mean":
        raise CannotExport(
            "readout=mean averages the outputs of one call, and a call of one step has only one; use the window, on "
            "whole sequences"
        )
    tried = trials(form, module, has_dt)
    unit = unit_of(module, tried)
    ways: list[tuple[str, str, Callable[[], Form]]] = [
        ("", "torch.export cannot capture it", lambda: form_of(form, module, fill, has_dt))
    ]
    if form == "window":
        loop = ", as a loop over steps", "it cannot be read step by step"
        ways.append((*loop, lambda: form_of(form, step_by_step(module, has_dt), fill, has_dt)))
    failures: list[Exception] = []
    for way, complaint, make in ways:
        try:
            with capturing(complaint):
                graph = folded(make())
            kind.write(graph, path, facts)
            difference = check(kind.read(path), tried, unit, tolerance)
        except (CannotExport, Disagrees) as failure:
            failures.append(failure)
        else:
            steps, streams = sum(LENGTHS[form]), " and ".join(map(str, BATCHES))
            return f"{steps:,} steps of {streams} streams, largest difference {difference:.0e}{way}", difference
    raise next((failure for failure in failures if isinstance(failure, Disagrees)), failures[0])
