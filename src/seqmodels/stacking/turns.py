"""Jobs that take turns in one process, each as if the process were its own.

    hub     o-----------o compute -----------o compute ---
    job 0   o---ask ....answer, next step---ask .........
    job 1   .....o---ask .....answer, next step---ask ...

A job is a greenlet: it runs, undisturbed, until it asks for something, and goes on when all that still run have asked
and their questions were answered together. Of threads only one
would hear signals.
"""

import logging
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import torch
from greenlet import getcurrent, greenlet

from seqmodels.exceptions import Stopped, reason
from seqmodels.system.signals import handle_alone, handled, pass_on

Swap = tuple[Callable[[], Any], Callable[[Any], Any]]
"""How something of the process is read, and how it is set."""


def _logging() -> tuple[list[logging.Handler], int]:
    return logging.root.handlers[:], logging.root.level


def _log(before: tuple[list[logging.Handler], int]) -> None:
    logging.root.handlers[:], logging.root.level = before


def _streams() -> tuple[Any, Any]:
    return sys.stdout, sys.stderr


def _stream(streams: tuple[Any, Any]) -> None:
    sys.stdout, sys.stderr = streams


def _seed() -> str | None:
    return os.environ.get("PL_GLOBAL_SEED")


def _set_seed(seed: str | None) -> None:
    if seed != _seed():
        os.environ.pop("PL_GLOBAL_SEED", None)
        os.environ |= {"PL_GLOBAL_SEED": seed} if seed is not None else {}


def _cuda() -> list[torch.Tensor]:
    return [one.get_state() for one in torch.cuda.default_generators] if torch.cuda.is_initialized() else []


def _set_cuda(states: list[torch.Tensor]) -> None:
    for generator, state in zip(torch.cuda.default_generators, states, strict=False):
        generator.set_state(state)


NUMPY: Swap = (np.random.get_bit_generator, np.random.set_bit_generator)  # type: ignore[attr-defined]

OWN: tuple[Swap, ...] = (
    (torch.get_rng_state, torch.set_rng_state),
    (_cuda, _set_cuda),
    (random.getstate, random.setstate),
    NUMPY,
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (_seed, _set_seed),
    (_streams, _stream),
    (_logging, _log),
)
"""What a job finds as it left it, whatever the others did meanwhile."""


@dataclass(frozen=True)
class End:
    """How a job ended.

    Attributes:
        value: what its function returned.
        error: the first line of what went wrong; None if nothing did.
    """

    value: Any = None
    error: str | None = None


@dataclass
class _Job:
    greenlet: greenlet
    found: list[Any]
    question: Any = None
    end: End | None = None
    told: bool = field(default=False)


class Turns:
    """Runs jobs by turns; a signal that ends one ends all, each in its own way.

    Example:
        turns = Turns(lambda places, questions: [...])    # called outside of all jobs
        ends = turns.run([job, job])

        answer = turns.ask(question)                      # in a job
    """

    def __init__(self, answer: Callable[[list[int], list[Any]], Sequence[Any]], swaps: Sequence[Swap] = ()) -> None:
        """
        Args:
            answer: given the numbers of the jobs that wait and what they ask, the answers.
            swaps: what a job finds as it left it, beside `OWN`.
        """
        self._answer, self._swaps = answer, (*OWN, *swaps)
        self._jobs: list[_Job] = []
        self._signal: int | None = None

    def run(self, functions: Sequence[Callable[[], Any]]) -> list[End]:
        """How each of them ended; an error in one of them is none of the others'."""

        with handled(self._hear):
            mine = self._found()
            for function in functions:
                job = _Job(greenlet(self._body(function)), mine[:])
                job.found[OWN.index(NUMPY)] = np.random.MT19937()  # which is swapped as an object
                self._jobs.append(job)
            answers: list[Any] = [None] * len(functions)
            waiting = list(range(len(functions)))
            while waiting:
                for place, answer in zip(waiting, answers, strict=True):
                    self._turn(self._jobs[place], answer)
                self._leave(mine)
                waiting = [place for place in waiting if self._jobs[place].end is None]
                if waiting:
                    answers = list(self._answer(waiting, [self._jobs[place].question for place in waiting]))
        return [job.end or End(error="never ended") for job in self._jobs]

    def ask(self, question: Any) -> Any:
        """In a job: wait for the answer; a signal that has come meanwhile is heard first."""
        here = getcurrent()
        job = next(one for one in self._jobs if one.greenlet is here)
        job.question = question
        answer = here.parent.switch(None)
        if self._signal is not None and not job.told:
            job.told = True
            pass_on(self._signal)
        return answer

    @property
    def place(self) -> int:
        """In a job: its number."""
        here = getcurrent()
        return next(place for place, one in enumerate(self._jobs) if one.greenlet is here)

    def _body(self, function: Callable[[], Any]) -> Callable[[Any], End]:
        def at_once(signum: int, frame: Any) -> NoReturn:
            raise Stopped(signum)

        def body(_: Any) -> End:
            try:
                handle_alone(at_once)
                if self._signal is not None:
                    raise Stopped(self._signal)
                return End(function())
            except KeyboardInterrupt as stop:
                self._signal = int(Stopped.of(stop).signum)
                return End(error=f"was stopped by {signal.Signals(self._signal).name}")
            except Exception as error:
                traceback.print_exc()
                return End(error=reason(error))

        return body

    def _hear(self, signum: int, frame: Any) -> None:
        if not pass_on(signum, frame):
            self._signal = signum

    def _turn(self, job: _Job, answer: Any) -> None:
        self._leave(job.found)
        job.question = None
        job.end = job.greenlet.switch(answer)
        job.found = self._found()

    def _found(self) -> list[Any]:
        return [get() for get, _ in self._swaps]

    def _leave(self, found: list[Any]) -> None:
        for (_, put), value in zip(self._swaps, found, strict=True):
            put(value)
