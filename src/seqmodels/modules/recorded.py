"""A training step that is recorded once for each shape of its inputs and then played, batch after batch.

    batch, state ──copied──▶ [ inputs │ forward │ backward │ results ] ──copied──▶ loss, outputs, gradients
                              one recording, always at the same place in memory

A GPU plays a recording, a CUDA graph (cuda_graph.py), as one launch, where Python would launch hundreds of kernels that
each take less time than their launch. What could make a recording wrong without a word, and what is done about it:

- The next play writes over the results of this one: whatever leaves is a copy, gradients too, and a loss whose gradient
  is asked for too late says so. (`torch.cuda.make_graphed_callables` hands out its own gradients, which accumulation
  then adds up wrongly: pytorch issue 181723.)
- A recording reads the weights where they lay, and Python's numbers as they were: it is made anew for another shape,
  type, mode or place, and its first plays, and every thousandth, are computed plainly as well and compared.
- Every batch is played, checked ones too, so that a run that is resumed gives the same bits as one that was not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqmodels.cores.base import untouched
from seqmodels.modules.same_results import Results, check_same
from seqmodels.modules.tensor_trees import form, mapped, tensors_of

CHECKED = 3
"""First plays of a recording that are computed plainly too."""

AGAIN = 1000
"""Of later plays one of so many."""

MOST = 16
"""Recordings: a training whose batches have more shapes than that gains nothing."""

Recorder = Callable[[Callable[[], Results]], tuple[Callable[[], None], Results]]
"""Records a function that reads tensors which stay where they are. Returns what does the same again on what stands
there then, and the results, into which it writes."""


@dataclass
class Recording:
    """Of one shape of inputs: the tensors that it reads and writes, what plays it, and how often it was played."""

    inputs: list[Tensor]
    weights: list[nn.Parameter]
    play: Callable[[], None]
    results: Results
    plays: int = 0

    @property
    def is_to_be_checked(self) -> bool:
        return self.plays < CHECKED or self.plays % AGAIN == 0


class RecordedStep:
    """In place of a module's `compute`: the same arguments, the same results, of which the loss alone has a gradient.

    Attributes:
        plays: of all recordings.
    """

    def __init__(self, module: Any, record: Recorder) -> None:
        """
        Args:
            module: a `SequenceModule`.
            record: makes recordings.
        """
        self.module, self.plays = module, 0
        self._record = record
        self._weights: dict[str, nn.Parameter] = {}
        self._recordings: dict[Any, Recording] = {}

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        """
        Raises:
            ValueError: the step cannot be recorded, has too many shapes, or a recording gave other numbers.
        """
        self._weights = self._weights or dict(self.module.named_parameters())
        device = next(iter(self._weights.values())).device
        key = self._key(inputs, device.type)
        recording = self._recordings.get(key)
        plain = None
        if recording is None or recording.is_to_be_checked:
            with untouched(self.module, device):
                plain = differentiated(self.module.compute, inputs, self._learning)
        if recording is None:
            recording = self._recordings[key] = self._recorded(inputs, device)
        loss, *others = self._play(recording, inputs)
        if plain is not None:
            names = [name for name, weight in self._weights.items() if weight.requires_grad]
            check_same(plain, recording.results, names, self._precision(device.type))
        return loss, *others

    @property
    def _learning(self) -> list[nn.Parameter]:
        return [weight for weight in self._weights.values() if weight.requires_grad]

    def _key(self, inputs: Any, device: str) -> Any:
        """All that a recording takes for granted."""
        weights = [(weight.data_ptr(), weight.requires_grad) for weight in self._weights.values()]
        return form(inputs), tuple(weights), self.module.training, self._precision(device)

    def _precision(self, device: str) -> torch.dtype | None:
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None

    def _recorded(self, inputs: Any, device: torch.device) -> Recording:
        if len(self._recordings) == MOST:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_of(inputs))
            raise ValueError(
                f"cuda_graphs=true records a step for each shape of its batches, and after {MOST} of them came another "
                f"one ({shapes}); it is for batches of one shape: give cuda_graphs=false here"
            )
        # In one order in memory, whatever they came in: a state from a checkpoint must not lead to other kernels.
        places = mapped(inputs, lambda tensor: tensor.clone(memory_format=torch.contiguous_format))
        learning = self._learning
        with untouched(self.module, device), _weights_cast_anew(device.type):
            play, results = self._record(lambda: differentiated(self.module.compute, places, learning))
        return Recording(tensors_of(places), learning, play, results)

    def _play(self, recording: Recording, inputs: Any) -> tuple[Any, ...]:
        for place, tensor in zip(recording.inputs, tensors_of(inputs), strict=True):
            place.copy_(tensor, non_blocking=True)
        recording.play()
        recording.plays += 1
        self.plays += 1
        loss = _Loss.apply(self, recording, *recording.weights)
        return loss, *mapped(recording.results.outputs[1:], torch.clone)


class _Loss(torch.autograd.Function):
    """A recording's loss, with its gradients ready-made."""

    @staticmethod
    def forward(ctx: Any, step: RecordedStep, recording: Recording, *weights: nn.Parameter) -> Tensor:
        ctx.step, ctx.recording, ctx.plays = step, recording, step.plays
        loss: Tensor = recording.results.outputs[0]
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Any, ...]:
        if ctx.plays != ctx.step.plays:  # which share their memory
            raise RuntimeError("a recorded step's gradient was asked for after the next step was played")
        gradients = ctx.recording.results.gradients
        return None, None, *(None if gradient is None else gradient * scale for gradient in gradients)


def differentiated(compute: Callable[..., Any], inputs: Any, weights: list[nn.Parameter]) -> Results:
    """What `compute` says of the inputs, and the gradients of the first of it, the loss."""
    outputs = compute(*inputs)
    gradients = torch.autograd.grad(outputs[0], weights, allow_unused=True)
    return Results(mapped(outputs, Tensor.detach), gradients)


@contextmanager
def _weights_cast_anew(device: str) -> Iterator[None]:
    """Mixed precision keeps weights that it has cast for the rest of the step; a recording would keep them for ever."""
    if not torch.is_autocast_enabled(device):
        yield
        return
    with torch.autocast(device, torch.get_autocast_dtype(device), cache_enabled=False):
        yield
