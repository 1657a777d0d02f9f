"""Jobs side by side: nobody shares a slot, every end is noticed, nobody is left behind."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from omegaconf import OmegaConf

from seqmodels.exceptions import Stopped
from seqmodels.parallel import pool
from seqmodels.parallel.board import Board
from seqmodels.parallel.machine import request_of, slots_of
from seqmodels.parallel.pool import Outcome, Task, run
from seqmodels.parallel.process import ask, start
from seqmodels.parallel.slots import Allocation, Request, Slots
from seqmodels.system.signals import SIGNALS
from tests.support import jobs

CPU, GPU, ANY = Request(), Request(gpu=True), Request(gpu=None)


def task(function: Callable, *arguments: object, request: Request = CPU) -> Task:
    return Task(function.__name__, f"tests.support.jobs:{function.__name__}", arguments, Path("log"), request)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing happened within 60 s"
        time.sleep(0.02)


@pytest.mark.parametrize("seed", range(20))
def test_no_two_jobs_ever_have_the_same_slot(seed: int) -> None:
    """Random jobs come and go; every allocation is as large as was asked for, and every job has its turn."""
    dice = random.Random(seed)
    gpus, each, groups, cores = dice.randint(0, 4), dice.randint(1, 3), dice.randint(1, 8), dice.randint(1, 16)
    slots = Slots([str(gpu) for gpu in range(gpus)], each, groups, cores)
    requests = [Request(dice.choice([1, 1, 2, 3, -1]), dice.choice([False, None, True])) for _ in range(60)]
    requests = [request for request in requests if not request.gpu or max(1, request.devices) <= gpus]
    held: list[Allocation] = []
    while requests:
        allocation = slots.take(requests[0])
        if allocation is None:
            assert held, "an empty machine refuses a job"
            slots.give_back(held.pop(dice.randrange(len(held))))
            continue
        request = requests.pop(0)
        held.append(allocation)
        assert allocation.threads >= 1
        if request.gpu or (request.gpu is None and gpus):
            assert (
                len(set(allocation.gpus))
                == len(allocation.gpus)
                == (gpus if request.devices == -1 else min(request.devices, gpus))
            )
            assert not allocation.groups
        else:
            assert len(allocation.groups) == min(max(1, request.devices), groups)
            assert not allocation.gpus
        for gpu in map(str, range(gpus)):
            assert sum(gpu in other.gpus for other in held) <= each
        taken = [group for other in held for group in other.groups]
        assert len(taken) == len(set(taken))
        if groups <= cores and not gpus:
            assert sum(other.threads for other in held if len(other.groups) == 1) <= cores


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ({"accelerator": "cpu", "devices": 1}, Request(1, False)),
        ({"accelerator": "cpu", "devices": 2}, Request(2, False)),
        ({"accelerator": "auto", "devices": 1}, Request(1, None)),
        ({"accelerator": "gpu", "devices": "auto"}, Request(-1, True)),
        ({"accelerator": "cuda", "devices": -1}, Request(-1, True)),
        ({"accelerator": "gpu", "devices": [0, 2]}, Request(2, True)),
        ({"accelerator": "gpu", "devices": "0,2"}, Request(2, True)),
        ({"accelerator": "gpu", "devices": "3"}, Request(3, True)),
        ({"accelerator": "gpu", "devices": "many"}, Request(1, True)),
    ],
)
def test_what_a_run_needs(trainer: dict, expected: Request) -> None:
    assert request_of(OmegaConf.create({"trainer": trainer})) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "jobs=0 is too small; give an integer of at least 1"),
        ({"jobs": "many"}, "jobs=many"),
        ({"gpus": "all"}, "neither auto nor a list"),
        ({"gpus": [0, 0]}, "names a GPU twice"),
        ({"jobs_per_gpu": 0}, "jobs_per_gpu=0"),
    ],
)
def test_options_that_make_no_sense(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        slots_of(**{"jobs": "auto", "gpus": "auto", "jobs_per_gpu": 1, **options}, requests=[CPU])


def test_auto_gives_each_core_a_job_and_few_jobs_many_threads() -> None:
    cores = len(os.sched_getaffinity(0))
    assert str(slots_of("auto", "auto", 1, [CPU] * 100)) == f"{cores} at a time with 1 thread each"
    one = slots_of("auto", "auto", 1, [CPU]).take(CPU)
    assert one == Allocation((), (0,), cores)
    assert slots_of("auto", [], 1, [Request(2)]).take(Request(2)).threads == max(1, cores // 2)  # type: ignore[union-attr]


def test_processes_get_what_their_slots_say() -> None:
    """Six jobs on two GPUs that take a job each, and never two of them on one."""
    tasks = [task(jobs.note, number, 0.1, request=GPU) for number in range(6)]
    outcomes = run(tasks, Slots(["0", "7"], 1, 1, 6))
    assert [outcome.value for outcome in outcomes] == [0, 1, 4, 9, 16, 25]
    seen = [json.loads(Path(f"{number}.json").read_text()) for number in range(6)]
    assert {job["gpus"] for job in seen} == {"0", "7"}
    assert all(job["threads"] == 3 and job["environment"] == "3" for job in seen)
    assert len({job["pid"] for job in seen}) == 6
    for a in seen:
        for b in seen:
            assert a is b or a["gpus"] != b["gpus"] or a["ended"] <= b["begun"] or b["ended"] <= a["begun"]
    assert any(a["begun"] < b["begun"] < a["ended"] for a in seen for b in seen), "they ran one after another"


def test_the_server_hears_no_signal() -> None:
    """In a process of its own: multiprocessing's resource tracker, which unblocks signals, starts once a process."""
    shown = (
        "from multiprocessing import forkserver; from pathlib import Path\n"
        "from seqmodels.parallel.process import server\n"
        "server(); print(Path(f'/proc/{forkserver._forkserver._forkserver_pid}/status').read_text())"
    )
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    blocked = int(done.stdout.split("SigBlk:")[1].split()[0], 16)
    assert [one.name for one in SIGNALS if not blocked >> (one - 1) & 1] == []


def test_a_question_whose_process_is_killed_is_answered() -> None:
    with pytest.raises(OSError, match=r"^tests.support.jobs:die failed: its process is gone$"):
        ask("tests.support.jobs:die")


def test_the_process_is_where_its_parent_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its server has one thread and has not touched CUDA, without which forking would not be safe."""
    monkeypatch.setenv("SEQMODELS_TEST", "later than the server")
    (outcome,) = run([task(jobs.surroundings)], Slots([], 1, 1, 1))
    assert outcome.value == {
        "folder": str(Path.cwd()),
        "environment": "later than the server",
        "threads of the server": 1,
        "cuda of the server": False,
        "leader": True,
    }
    assert Path("log").read_text() == "to the log\n"


def test_every_end_is_noticed_and_the_others_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    tasks = [task(jobs.fail), task(jobs.die), task(jobs.lambda_), task(jobs.much), task(jobs.note, 5, 0.0, request=GPU)]
    outcomes = run([*tasks, task(jobs.note, 3, 0.0)], Slots([], 1, 2, 2))
    assert outcomes[0] == Outcome(error="this job")
    assert outcomes[1] == Outcome(error="was killed by SIGKILL")
    assert "pickle" in str(outcomes[2].error)
    assert outcomes[3] == Outcome(value=bytes(1 << 20))
    assert "the job wants 1 GPU and there are 0" in str(outcomes[4].error)
    assert outcomes[5] == Outcome(value=9)
    shown = capfd.readouterr().err
    assert "fail failed: this job\n" in shown
    assert "die was killed by SIGKILL\n" in shown
    assert "2 done, 4 failed\n" in shown
    assert "ValueError: this job\nfails" in Path("log").read_text()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_jobs_in_good_order(signum: int) -> None:
    names = ["a", "b"]

    def ask() -> None:
        until(lambda: all(Path(name).exists() for name in names))
        os.kill(os.getpid(), signum)

    threading.Thread(target=ask, daemon=True).start()
    with pytest.raises(Stopped) as stopped:
        run([task(jobs.wait, name) for name in [*names, "never started"]], Slots([], 1, 2, 2))
    assert stopped.value.signum == signum
    assert all(Path(f"{name}.saved").exists() for name in names)
    assert not Path("never started").exists()
    assert not any(psutil.pid_exists(int(Path(name).read_text())) for name in names)


def test_a_second_ctrl_c_kills_those_that_do_not_listen() -> None:
    def ask() -> None:
        until(lambda: Path("a").exists() and Path("a").read_text() != "")
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=ask, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run([task(jobs.wait, "a", True)], Slots([], 1, 1, 1))
    assert not Path("a.saved").exists()
    assert not psutil.pid_exists(int(Path("a").read_text()))


@pytest.mark.slow
def test_jobs_do_not_outlive_a_parent_that_is_killed() -> None:
    """They save and end, and so does whatever they have started."""
    parent, _ = start("tests.parallel.test_pool:parent_of_two", (), Allocation(), Path("log"))
    until(lambda: all(Path(name).exists() and Path(name).read_text() for name in "ab"))
    parent.kill()
    parent.join()
    until(lambda: all(Path(f"{name}.saved").exists() for name in "ab"))
    until(lambda: not any(psutil.pid_exists(int(Path(name).read_text())) for name in "ab"))


def parent_of_two() -> None:
    pool.run([task(jobs.wait, "a"), task(jobs.wait, "b")], Slots([], 1, 2, 2))


def test_what_the_board_says(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    board = Board(["a", "b", "c", "d", "e"])
    assert board.line() == "0 done, 5 waiting"
    board.started(0)
    board.started(1)
    now[0] = 600.0
    board.ended(0, None)
    board.started(2)
    assert board.line() == "1 done, 2 running, 2 waiting; about 15 min left"  # 0 + 600 + 2 * 600 s, two at a time
    board.ended(1, "boo")
    assert board.line() == "1 done, 1 running, 1 failed, 2 waiting; about 30 min left"
