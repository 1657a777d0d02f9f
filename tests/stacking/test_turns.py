"""Jobs that take turns find the process as they left it, and a signal reaches each of them."""

import logging
import os
import random
import signal
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import numpy as np
import pytest
import torch

from seqmodels.exceptions import Interrupted, Stopped
from seqmodels.stacking.turns import End, Turns
from seqmodels.system.signals import handled


def echo(places: list[int], questions: list[Any]) -> list[Any]:
    return [(place, question) for place, question in zip(places, questions, strict=True)]


def draws(seed: int, wait: Callable[[], Any]) -> list[float]:
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (what old code draws from)
    random.seed(seed)
    drawn: list[float] = []
    for _ in range(3):
        drawn += [float(torch.rand(())), np.random.random(), random.random()]  # noqa: NPY002
        wait()
    return drawn


def test_each_job_draws_its_own_random_numbers() -> None:
    alone = [draws(seed, lambda: None) for seed in range(3)]
    before = torch.get_rng_state(), random.getstate(), np.random.get_bit_generator()
    turns = Turns(echo)
    ends = turns.run([lambda seed=seed: draws(seed, lambda: turns.ask("next")) for seed in range(3)])
    assert [end.value for end in ends] == alone
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_bit_generator()) == before[1:]


def test_questions_are_answered_together_when_all_have_asked() -> None:
    rounds: list[list[int]] = []

    def answer(places: list[int], questions: list[Any]) -> list[Any]:
        rounds.append(places)
        return [question * 10 for question in questions]

    turns = Turns(answer)
    ends = turns.run([lambda steps=steps: [turns.ask(step) for step in range(steps)] for steps in (3, 1, 2)])
    assert [end.value for end in ends] == [[0, 10, 20], [0], [0, 10]]
    assert rounds == [[0, 1, 2], [0, 2], [0]]


def test_streams_logs_dtype_and_seed_are_each_jobs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "7")
    outer = logging.root.handlers[:]
    turns = Turns(echo)

    def job(name: str, dtype: torch.dtype) -> tuple[str, str]:
        sys.stdout, log = StringIO(), StringIO()
        logging.root.handlers[:] = [logging.StreamHandler(log)]
        torch.set_default_dtype(dtype)
        os.environ["PL_GLOBAL_SEED"] = name
        for _ in range(2):
            turns.ask(None)
            print(name, torch.get_default_dtype(), os.environ["PL_GLOBAL_SEED"])
            logging.getLogger("anything").warning(name)
        assert isinstance(sys.stdout, StringIO)
        return sys.stdout.getvalue(), log.getvalue()

    ends = turns.run([lambda: job("a", torch.float32), lambda: job("b", torch.float64)])
    assert ends[0].value == ("a torch.float32 a\n" * 2, "a\n" * 2)
    assert ends[1].value == ("b torch.float64 b\n" * 2, "b\n" * 2)
    assert (torch.get_default_dtype(), os.environ["PL_GLOBAL_SEED"]) == (torch.float32, "7")
    assert logging.root.handlers == outer


def test_an_error_is_one_jobs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    turns = Turns(echo)

    def job(place: int) -> int:
        turns.ask(None)
        return 1 // place

    ends = turns.run([lambda place=place: job(place) for place in (0, 1)])
    assert ends == [End(error="ZeroDivisionError: integer division or modulo by zero"), End(1)]
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("who", ["a job", "the hub"])
def test_a_signal_reaches_every_job_in_its_own_way(who: str) -> None:
    """One notes it and ends when it likes, one is ended at once; a job that has not begun does not begin."""
    heard: list[str] = []

    def send() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def answer(places: list[int], questions: list[Any]) -> list[Any]:
        if who == "the hub" and "send" in questions:
            send()
        return questions

    turns = Turns(answer)

    def notes(name: str, sends: bool) -> str:
        noted: list[int] = []
        with handled(lambda signum, frame: noted.append(signum)):
            for step in range(5):
                if sends and step == 2 and who == "a job":
                    send()
                turns.ask("send" if sends and step == 2 else None)
                if noted:
                    heard.append(name)
                    raise Interrupted(noted[0], after_step=True)
        return "never stopped"

    def patient() -> None:
        while True:
            turns.ask(None)

    def as_run(function: Callable[[], Any]) -> Any:
        try:
            return function()
        except Interrupted as stop:
            raise Stopped.of(stop) from None

    before = signal.getsignal(signal.SIGTERM)
    ends = turns.run([lambda: as_run(lambda: notes("a", True)), lambda: as_run(lambda: notes("b", False)), patient])
    assert heard == ["a", "b"]
    assert [end.error for end in ends] == ["was stopped by SIGTERM"] * 3
    assert signal.getsignal(signal.SIGTERM) == before
