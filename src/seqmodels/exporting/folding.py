"""What hangs on the weights alone, computed once, here.

A graph would compute it at every call, by a library whose last digit is another than torch's, and one rounding in a
decay becomes a thousand where a core remembers a thousand steps.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import export

from seqmodels.exporting.graphs import Form


def folded(form: Form) -> Form:
    """The same graph with constants in place of what it would compute from weights alone.

    Raises:
        Exception: whatever torch.export has against the graph.
    """
    graph = export(form.graph, form.inputs, dynamic_shapes=form.dynamic_shapes).module(check_guards=False)
    return replace(form, graph=_Folded(fold(graph)))


class _Folded(nn.Module):
    """Takes (x, *state) as a `Form` does; torch.export gives each tensor a name of its own."""

    def __init__(self, graph: nn.Module) -> None:
        super().__init__()
        self.program = graph

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return self.program(x, *state)  # not "graph", a name that torch.fx keeps for itself


@torch.no_grad()
def fold(graph: Any) -> Any:
    """The same module, made by torch.export, changed in place."""
    known: dict[fx.Node, Any] = {}
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            value: Any = graph
            for name in node.target.split("."):
                value = getattr(value, name)
            if isinstance(value, Tensor):
                known[node] = value
        elif node.all_input_nodes and all(source in known for source in node.all_input_nodes) and _is_pure(node):
            arguments = fx.map_arg((node.args, node.kwargs), known.__getitem__)
            known[node] = node.target(*arguments[0], **arguments[1])
    for number, (node, value) in enumerate(known.items()):
        if node.op != "get_attr" and isinstance(value, Tensor) and any(user not in known for user in node.users):
            graph.register_buffer(f"folded_{number}", value.clone())
            with graph.graph.inserting_before(node):
                constant = graph.graph.get_attr(f"folded_{number}")
            constant.meta = dict(node.meta)
            node.replace_all_uses_with(constant)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _is_pure(node: fx.Node) -> bool:
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    schema = node.target._schema
    return not schema.is_mutable and torch.Tag.nondeterministic_seeded not in node.target.tags
