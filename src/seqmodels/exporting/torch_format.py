"""A graph as a .pt2 file of torch.export, and back."""

from pathlib import Path

import torch
from torch import Tensor

from seqmodels.exporting.capturing import capturing
from seqmodels.exporting.graphs import Call, Form

SUFFIX = ".pt2"
ABOUT = "seqmodels.json"
"""The extra file in the archive that says what the graph is."""


def write(form: Form, path: Path, about: str) -> None:
    """
    Raises:
        CannotExport: torch.export cannot capture the graph.
    """
    with capturing("torch.export cannot capture it"):
        program = torch.export.export(form.graph, form.inputs, dynamic_shapes=form.dynamic_shapes)
        for graph in (part.graph for part in program.graph_module.modules() if isinstance(part, torch.fx.GraphModule)):
            for node in graph.nodes:
                node.meta.pop("stack_trace", None)  # paths of this machine
        torch.export.save(program, path, extra_files={ABOUT: about})


def read(path: Path) -> Call:
    """The file at work."""
    with capturing("torch.export cannot read its own file"):
        module = torch.export.load(path).module()

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(module(*inputs))

    return call
