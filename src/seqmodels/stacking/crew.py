"""Trainings in one process whose steps are computed together, where that is faster.

What a job's module would compute of a training step it asks the crew for; everything else, from its data to its
checkpoints, is the job's own. Steps that are alike are computed in the way that was the fastest of a few tries.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from seqmodels.datamodules.window import given
from seqmodels.exceptions import first_line
from seqmodels.modules.classifier import SequenceClassifier
from seqmodels.modules.regressor import StreamRegressor
from seqmodels.stacking.kinds import KINDS
from seqmodels.stacking.readers import reader_of
from seqmodels.stacking.steps import AllInOne, own_kernels
from seqmodels.stacking.tasks import Answer, Task
from seqmodels.stacking.turns import End, Swap, Turns

log = logging.getLogger(__name__)

DTYPES = (torch.float32, torch.float64)

TRIES = 4
"""Rounds by which a way is judged, after a first that does not count."""

Way = Callable[[Sequence[Task]], Sequence[Answer | None]]
"""How steps that are alike are computed; None is for a step that its job computes itself."""


class Crew:
    """The jobs of one process.

    Example:
        with Crew() as crew:
            ends = crew.run([job, job])     # each of which makes its module a part of the crew: Crew.now.take(module)
    """

    now: "Crew | None" = None

    def __init__(self, swaps: Sequence[Swap] = ()) -> None:
        """
        Args:
            swaps: as in `Turns`.
        """
        self._turns = Turns(self._answers, swaps)
        self._choices: dict[Any, Choice] = {}
        self._places = 0
        self._nothing_pays = False
        self._last: tuple[Any, float] = None, 0.0

    def __enter__(self) -> "Crew":
        Crew.now = self
        return self

    def __exit__(self, *_: Any) -> None:
        Crew.now = None

    def run(self, jobs: Sequence[Callable[[], Any]]) -> list[End]:
        """How each of them ended."""
        self._places = len(jobs)
        return self._turns.run(jobs)

    def take(self, module: Any) -> None:
        """The job whose turn it is trains this module."""
        kind, place, weights = kind_of(module), self._turns.place, dict(module.named_parameters())

        def ask(*inputs: Any) -> Any:
            if self._nothing_pays:  # then nobody waits for anybody
                return module.compute(*inputs)
            answer = self._turns.ask((kind, Task(place, module, inputs, weights)))
            return module.compute(*inputs) if answer is None else answer.given_to(weights)

        if kind is not None:
            module.stand_in = ask

    def _answers(self, places: list[int], questions: list[tuple[Any, Task]]) -> list[Answer | None]:
        alike: dict[Any, list[Task]] = {}
        for kind, task in questions:
            alike.setdefault((kind, *form_of(task.inputs)), []).append(task)
        now, (before, since) = time.perf_counter(), self._last
        who = tuple((key, len(tasks)) for key, tasks in alike.items())
        self._last = who, now
        answers: dict[int, Answer | None] = {}
        for key, tasks in alike.items():
            if key not in self._choices:
                self._choices[key] = Choice(ways_of(tasks[0], self._places))
            choice = self._choices[key]
            if who == before:
                choice.took(now - since)
            answers |= zip([task.place for task in tasks], choice(tasks), strict=True)
        self._nothing_pays = all(choice.chosen == APART for choice in self._choices.values())
        return [answers[place] for place in places]


class Choice:
    """The fastest of several ways, found by trying each a few times.

    Attributes:
        chosen: its name; None while they are tried.
    """

    def __init__(self, ways: dict[str, Way]) -> None:
        """
        Args:
            ways: by what they are called.
        """
        self._ways = ways
        self._rounds: dict[str, list[float]] = {name: [] for name in ways}
        self._tasks = 0
        self.chosen: str | None = None
        self._now = ""

    def __call__(self, tasks: Sequence[Task]) -> Sequence[Answer | None]:
        if self.chosen and len(tasks) <= self._tasks / 2:  # what pays for many need not pay for few
            self.chosen, self._rounds = None, {name: [] for name in self._ways}
        if not self.chosen:
            self._tasks = len(tasks)
        self._now = self.chosen or min(self._ways, key=lambda name: len(self._rounds[name]))
        if len(self._ways) == 1 or len(tasks) == 1:
            self._now = APART
        try:
            return self._ways[self._now](tasks)
        except (RuntimeError, NotImplementedError) as error:
            if self._now == APART:
                raise
            log.warning("%s is left out, since it fails: %s", self._now, first_line(error))
            del self._ways[self._now], self._rounds[self._now]
            self.chosen = None
            return self(tasks)

    def took(self, seconds: float) -> None:
        """The round in which the last tasks were computed, from one question to the next."""
        if self.chosen or self._now not in self._rounds:
            return
        self._rounds[self._now].append(seconds)
        if all(len(rounds) > TRIES for rounds in self._rounds.values()):
            best = {name: min(rounds[1:]) for name, rounds in self._rounds.items()}
            self.chosen = min(best, key=lambda name: best[name])
            times = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in best.items())
            log.info("computed %s from now on; ms a round: %s", self.chosen, times)


APART = "each by itself"


def ways_of(task: Task, places: int) -> dict[str, Way]:
    """In which steps like this one can be computed, of as many jobs at most."""
    ways: dict[str, Way] = {APART: lambda tasks: [None] * len(tasks)}
    reader = reader_of(task.module.core)
    plain = True
    if isinstance(task.module, StreamRegressor):
        ways["heads together"] = own_kernels
        window, tbptt = task.inputs[0], task.module.tbptt
        told_of_steps = given(window.step_reset) is not None or given(window.dt) is not None
        plain = tbptt.backprop_windows == 1 and not tbptt.burn_in and not told_of_steps
    elif isinstance(task.module, SequenceClassifier):
        plain = len(task.inputs[0]) < 4  # of more the last is dt
    if reader and plain:
        ways["all in one"] = AllInOne(reader, places)
    return ways


def kind_of(module: Any) -> Any:
    """What is the same in modules whose steps can be computed together; None where a module's cannot be.

    Dropout draws random numbers, of which each job has its own. Buffers are said to be the same in all.
    """
    dropout = any(_drops(one) for one in module.modules())
    weights = [(name, weight.shape, weight.dtype, weight.requires_grad) for name, weight in module.named_parameters()]
    name = f"{type(module).__module__}.{type(module).__qualname__}"
    if name not in KINDS or dropout or any(weight[2] not in DTYPES for weight in weights):
        return None
    buffers = [(name, buffer.cpu().numpy().tobytes()) for name, buffer in module.core.named_buffers()]
    return name, tuple(weights), tuple(buffers)


def form_of(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Shapes of a batch or window, and how many windows the gradient goes through."""
    return (*(tensor.shape for tensor in inputs[0]), inputs[0][0].dtype, *map(len, inputs[1:]))


def _drops(layer: nn.Module) -> bool:
    return (isinstance(layer, nn.Dropout) and layer.p > 0) or (isinstance(layer, nn.RNNBase) and layer.dropout > 0)
