"""The training steps of several models, computed together: the loss and the gradients of each.

`alone` is what each would do by itself, and what the others are held against. `own_kernels` reads with each core's own
kernels and does the rest together; `AllInOne` reads with all cores at once: see readers.py. What pays depends on core,
sizes and device: benchmarks/stacked.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqmodels.cores.base import State
from seqmodels.datamodules.window import given
from seqmodels.modules import burn_in as burning
from seqmodels.modules.carry import StreamState, cast
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.stacking.readers import Reader
from seqmodels.stacking.tasks import Answer, Task, trainable

HEAD = ("head.weight", "head.bias")


def alone(tasks: Sequence[Task]) -> list[Answer]:
    """Each model by itself."""
    answers = []
    for task in tasks:
        loss, *rest = task.module.compute(*task.inputs)
        answers.append(Answer((loss.detach(), *_cut(rest)), _gradients(loss, trainable(task))))
    return answers


def own_kernels(tasks: Sequence[Task]) -> list[Answer]:
    """Regressions, each core with its own kernels; heads and losses together."""
    readings = [task.module.tbptt.read_through(task.inputs[1]) for task in tasks]
    heads = {name: _leaf(_of(tasks, name)) for name in HEAD}
    windows = [burning.without(task.inputs[0], one.young) for task, one in zip(tasks, readings, strict=True)]
    losses, output = _judge(tasks, windows, torch.stack([reading.y for reading in readings]), heads)
    cores = {
        (number, name): weight for number, task in enumerate(tasks) for name, weight in trainable(task, "core.").items()
    }
    gradients: Any = _gradients(losses.sum(), {**heads, **cores})
    own: list[dict[str, Tensor | None]] = [{} for _ in tasks]
    for number, name in cores:
        own[number][name] = gradients[number, name]
    for number, one in enumerate(own):
        one.update({name: gradients[name][number] for name in HEAD})
    return _answers(tasks, losses, output, [reading.after for reading in readings], own)


class AllInOne:
    """Every model at its own place in (N, ...) weights; where one is not there, zeros are.

    The places stay, and with them the bits of each model's numbers, whoever else has ended. The models are of one class
    and shape, without dropout, and so are their batches; windows of streams with backprop_windows=1 and burn_in=0, from
    a state of as many rows, without a `step_reset` and `dt`.
    """

    def __init__(self, reader: Reader, places: int) -> None:
        """
        Args:
            reader: of the cores.
            places: N.
        """
        self.reader, self.places = reader, places

    def __call__(self, tasks: Sequence[Task]) -> list[Answer]:
        streams = isinstance(tasks[0].module, StreamRegressor)
        names = [name for name in tasks[0].weights if streams or name.startswith("core.")]
        learn = trainable(tasks[0])
        leaves = {name: self._together(tasks, _of(tasks, name)).requires_grad_(name in learn) for name in names}
        first = [(_before if streams else _fresh)(task) for task in tasks]
        x, reset, *state = (self._together(tasks, list(tensors)) for tensors in zip(*first, strict=True))
        of_core = {name.removeprefix("core."): leaf for name, leaf in leaves.items() if name.startswith("core.")}
        y, end = self.reader(of_core, x, tuple(state), reset)
        places = [task.place for task in tasks]
        if streams:
            whole = len(tasks) == self.places
            heads = {name: leaves[name] if whole else leaves[name][places] for name in HEAD}
            losses, output = _judge(tasks, [task.inputs[0] for task in tasks], y if whole else y[places], heads)
            ends = [StreamState(tuple(tensor[place] for tensor in end)) for place in places]
            return _answers(tasks, losses, output, ends, self._shared_out(losses.sum(), leaves, places))
        judged = [task.module.judge(y[task.place], task.inputs[0]) for task in tasks]
        heads_of = [trainable(task, "head.") for task in tasks]
        own = {
            (place, name): weight for place, head in zip(places, heads_of, strict=True) for name, weight in head.items()
        }
        total = torch.stack([loss for loss, _ in judged]).sum()
        gradients = self._shared_out(total, leaves, places, own)
        return [Answer(tuple(_cut(one)), grads) for one, grads in zip(judged, gradients, strict=True)]

    def _together(self, tasks: Sequence[Task], tensors: Sequence[Tensor]) -> Tensor:
        places = [torch.zeros_like(tensors[0])] * self.places if len(tasks) < self.places else list(tensors)
        for task, tensor in zip(tasks, tensors, strict=True):
            places[task.place] = tensor.detach()
        return torch.stack(places).detach()

    def _shared_out(
        self, loss: Tensor, leaves: dict[str, Tensor], places: Sequence[int], own: Mapping[Any, Tensor] | None = None
    ) -> list[dict[str, Tensor | None]]:
        learn: Any = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
        gradients = _gradients(loss, {**learn, **(own or {})})
        shares: list[dict[str, Tensor | None]] = [{} for _ in places]
        for name in learn:
            of_all = gradients[name]
            parts = of_all.unbind() if of_all is not None else [None] * self.places
            for share, place in zip(shares, places, strict=True):
                share[name] = parts[place]
        for place, name in own or {}:
            shares[places.index(place)][name] = gradients[place, name]
        return shares


def _judge(tasks: Sequence[Task], windows: Sequence[Any], y: Tensor, heads: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """(n,) losses and the heads' outputs (n, B, T, Y) of windows that the cores have read as y (n, B, T, H)."""
    weight, bias = (heads[name] for name in HEAD)
    output = torch.baddbmm(bias.unsqueeze(1), y.flatten(1, 2), weight.mT).unflatten(1, y.shape[1:3])
    output = output.to(torch.promote_types(output.dtype, windows[0].x.dtype))
    known = [task.module.normalized_target(window) for task, window in zip(tasks, windows, strict=True)]
    mask = torch.stack([window.mask for window in known])
    target = torch.where(mask.unsqueeze(-1), torch.stack([window.y for window in known]), output.detach())
    share = mask.sum((1, 2)).clamp(min=1) / mask[0].numel()
    return (output - target).square().mean((1, 2, 3)) / share, output


def _before(task: Task) -> tuple[Tensor, ...]:
    """x as the core reads it, the rows whose stream starts anew, and the state, of a window of streams."""
    module, (_, ((before, x, reset, series, *steps),)) = task.module, task.inputs
    if any(given(one) is not None for one in steps):
        raise ValueError("a window with a reset inside or times of its steps is read by its own core; see own_kernels")
    x = module.normalized(x, series)
    if before.state is None:
        return x, torch.ones_like(reset), *module.core.initial_state(len(x), x.device, module.head.weight.dtype)
    return x, reset, *cast(before.state, module.head.weight.dtype)


def _fresh(task: Task) -> tuple[Tensor, ...]:
    """The same of sequences, which all start anew."""
    x = task.module.normalized(task.inputs[0][0])
    dtype = task.module.head.weight.dtype  # x may be the numbers of tokens
    return x, x.new_ones(len(x), dtype=torch.bool), *task.module.core.initial_state(len(x), x.device, dtype)


def _answers(
    tasks: Sequence[Task],
    losses: Tensor,
    output: Tensor,
    ends: Sequence[StreamState],
    gradients: Sequence[dict[str, Tensor | None]],
) -> list[Answer]:
    answers = []
    rows = zip(tasks, losses.detach().unbind(), output.detach().unbind(), ends, gradients, strict=True)
    for task, loss, out, end, grads in rows:
        window = task.inputs[0]
        computed = loss, task.module.in_units(out, window.x, window.series), *_cut([end])
        answers.append(Answer(computed, grads))
    return answers


def _of(tasks: Sequence[Task], name: str) -> list[Tensor]:
    return [task.weights[name] for task in tasks]


def _leaf(weights: Sequence[Tensor]) -> Tensor:
    return torch.stack([weight.detach() for weight in weights]).requires_grad_()


def _gradients(loss: Tensor, weights: dict[Any, Any]) -> dict[Any, Tensor | None]:
    found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return dict(zip(weights, found, strict=True))


def _cut(values: Sequence[Any]) -> list[Any]:
    """Out of the graph: tensors, and the streams' state."""
    cut: list[Any] = []
    for value in values:
        if isinstance(value, StreamState):
            state: State = value.state or ()
            cut.append(StreamState(tuple(tensor.detach() for tensor in state), value.age))
        else:
            cut.append(value.detach())
    return cut
