"""A graph as an ONNX file, and back through onnxruntime."""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from seqmodels.exporting.capturing import CannotExport, capturing
from seqmodels.exporting.graphs import Call, Form
from seqmodels.runs.exported import ABOUT

SUFFIX = ".onnx"
NEEDS = ("onnx", "onnxscript", "onnxruntime")
ONE_FILE = 2_000_000_000
"""Bytes of weights that one file holds; protobuf ends at 2 GiB."""


def check_installed() -> None:
    """
    Raises:
        ValueError: what ONNX needs is not installed.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"format=onnx needs {', '.join(missing)}, not installed here; pip install -e '.[export]', or use "
            f"format=torch, which needs nothing more"
        )


def write(form: Form, path: Path, about: str) -> None:
    """
    Raises:
        CannotExport: the exporter has no ONNX for the graph, or none for any B and T.
    """
    with capturing("ONNX cannot express it"):
        program = torch.onnx.export(
            form.graph,
            form.inputs,
            dynamo=True,
            dynamic_shapes=form.dynamic_shapes,
            input_names=form.input_names,
            output_names=form.output_names,
            verbose=False,
        )
        assert program is not None
        fixed = [
            f"{value.name}'s axis {axis}"
            for value, axes in zip(program.model.graph.inputs, _dynamic_axes(form), strict=True)
            for axis in axes
            if value.shape is None or isinstance(value.shape[axis], int)
        ]
        if fixed:
            raise CannotExport(f"ONNX cannot express it: the exporter fixes the length of {', '.join(fixed)}")
        for node in program.model.graph.all_nodes():
            node.metadata_props.clear()  # paths of this machine
        program.model.metadata_props[ABOUT] = about
        weights = sum(value.numel() * value.element_size() for value in form.graph.state_dict().values())
        program.save(path, external_data=weights > ONE_FILE)


def _dynamic_axes(form: Form) -> list[tuple[int, ...]]:
    shapes = form.dynamic_shapes
    return [tuple(axes) for axes in (shapes["x"], *shapes["state"])]


def read(path: Path) -> Call:
    """The file at work, on one thread of the CPU."""
    import onnxruntime  # here, since not everybody has installed it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors
    with capturing("onnxruntime cannot read it"):
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = session.run(None, dict(zip(names, (tensor.numpy() for tensor in inputs), strict=True)))
        return tuple(torch.from_numpy(value) for value in outputs)

    return call
