"""Live prediction: real pipes, each row answered at once; stopped at any moment, nothing is lost and nothing twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

import pytest
import torch

from seqmodels.cli.arguments import read
from seqmodels.exceptions import Stopped
from seqmodels.parallel import process
from seqmodels.parallel.slots import Allocation
from seqmodels.predict import KEYS
from seqmodels.predicting.rows.lines import Lines
from seqmodels.predicting.stopping import Stopping
from seqmodels.predicting.streams import predict_streams
from seqmodels.runs.load import load_run
from seqmodels.system.signals import stoppable
from tests.conftest import Command
from tests.support.predicting import HEADER, pumps, table

__all__ = ["pumps"]

PATIENCE = 60
"""Seconds until a process that does not answer fails its test."""


class Live:
    """A process that predicts from one pipe into another, by names since they have to reach the process."""

    def __init__(self, words: list[str]) -> None:
        for name in ("in", "out"):
            Path(name).unlink(missing_ok=True)
            os.mkfifo(name)
        self.process: BaseProcess = process.start(
            "tests.predicting.test_predict_live:work", (words,), Allocation(), LOG
        )[0]
        self.input = Path("in").open("wb", buffering=0)  # noqa: SIM115, the fixture closes both
        self.output = Path("out").open("rb")  # noqa: SIM115

    def ask(self, row: str) -> str:
        """Send a row, and wait for its prediction."""
        self.input.write(row.encode())
        return self.output.readline().decode()

    def end(self, signum: int | None = None) -> tuple[str, int | None]:
        """Stop it, by the end of its input if not by a signal; the rest of the output, and the exit code."""
        if signum is None:
            self.input.close()
        else:
            os.kill(self.process.pid or 0, signum)
        rest = self.output.read().decode()
        self.process.join(PATIENCE)
        return rest, self.process.exitcode


LOG = Path("live.log")


def work(words: list[str]) -> None:
    """In the process."""
    for number, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", os.O_WRONLY))):
        os.dup2(os.open(name, flags), number)
    command(*words)


def command(*words: str) -> None:
    """What `python -m seqmodels.predict WORDS` does."""
    from seqmodels.predict import main

    sys.argv = ["seqmodels-predict", *words]
    main()


@pytest.fixture
def live(pumps: Path) -> Iterator[Callable[..., Live]]:
    """`live("state=...")`: a process that predicts from its standard input to its standard output."""
    started: list[Live] = []

    def start(*words: str) -> Live:
        started.append(Live([f"run={pumps}", "input=-", "output=-", *words]))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.input.close()
        one.output.close()


def whole(pumps: Path, invoke: Command, lines: list[str]) -> list[str]:
    """The predictions of one call over a file."""
    Path("whole.csv").write_text(HEADER + "".join(lines))
    assert invoke("predict", f"run={pumps}", "input=whole.csv", "output=whole_out.csv") == 0
    return Path("whole_out.csv").read_text().splitlines(keepends=True)


@contextmanager
def in_a_thread(
    pumps: Path, invoke: Command, header: str, *words: str
) -> Iterator[tuple[FileIO, BufferedReader, list[int]]]:
    """The command between two named pipes, in this process: their ends here, and where the exit code will be."""
    os.mkfifo("in.csv")
    os.mkfifo("out.csv")
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(invoke("predict", f"run={pumps}", "input=in.csv", "output=out.csv", *words))
    )
    thread.start()
    with Path("in.csv").open("wb", buffering=0) as source:
        source.write(header.encode())
        with Path("out.csv").open("rb") as target:
            yield source, target, codes
            source.close()
            thread.join(PATIENCE)


def test_every_row_is_answered_before_the_next(pumps: Path, invoke: Command) -> None:
    lines = table(60)
    with in_a_thread(pumps, invoke, HEADER) as (source, target, codes):
        found = [target.readline().decode()]
        for line in lines:
            half = len(line) // 2
            source.write(line[:half].encode())
            source.write(line[half:].encode())
            found.append(target.readline().decode())
        source.close()
        assert target.read() == b""
    assert codes == [0]
    assert found == whole(pumps, invoke, lines)


def test_rows_as_programs_write_them(pumps: Path, invoke: Command) -> None:
    """With a byte order mark, Windows' line ends, empty lines and a cell of two lines; the last line without an end."""
    text = '0.1,20,"a\r\nb"\r\n\r\n0.2,21,c'
    with in_a_thread(pumps, invoke, "\ufeffflow,heat,note\r\n", "keep=note") as (source, target, codes):
        source.write(text[:-1].encode())
        answers = [target.readline() for _ in range(3)]
        assert answers[:2] == [b"note,warm,heat_pred,wear_pred\n", b'"a\r\n']
        assert answers[2].startswith(b'b",')
        source.write(text[-1:].encode())
        source.close()
        assert target.read().startswith(b"c,")
    assert codes == [0]


def test_what_comes_tells_its_format(live: Callable[..., Live]) -> None:
    json_lines = live("format=jsonl", "state=streams")
    answer = json_lines.ask(' \n{"pump": "a", "t": 1, "flow": 0.1, "heat": 20}\n')
    assert answer.startswith('{"pump": "a", "t": 1, "t_pred": 3, "warm": false, "heat_pred": ')
    assert json_lines.end() == ("", 0)
    detected = live()
    assert detected.ask('{"flow": 0.1, "heat": 20}\n') == "warm,heat_pred,wear_pred\n"
    assert detected.output.readline().count(b",") == 2
    assert detected.end() == ("", 0)


SIGNALS = {"SIGTERM": 143, "SIGINT": 130, "SIGHUP": 129, "SIGUSR1": 138}


@pytest.mark.parametrize("name", SIGNALS)
def test_stopped_while_it_waits(name: str, live: Callable[..., Live], pumps: Path, invoke: Command) -> None:
    lines, found = table(40), []
    for part in (lines[:17], lines[17:]):
        running = live("state=streams", "quiet=true")
        header = running.ask(HEADER)
        found += [running.ask(line) for line in part]
        assert running.end(getattr(signal, name)) == ("", SIGNALS[name])
    assert [header, *found] == whole(pumps, invoke, lines)
    assert Path("live.log").read_text() == f"stopped by {name}\n" * 2


def stop_and_go_on(live: Callable[..., Live], lines: list[str], stops: int, dice: random.Random) -> list[str]:
    """Rows fed as fast as they are taken, SIGTERM at random moments, and on behind the predictions received."""
    found: list[str] = []
    for attempt in range(stops + 1):
        running = live("state=streams")
        header = running.ask(HEADER)
        feeder = threading.Thread(target=_feed, args=(running, lines[len(found) :]))
        feeder.start()
        last = attempt == stops
        wanted = len(lines) - len(found) if last else dice.randrange(1, (len(lines) - len(found)) // (stops - attempt))
        received = [running.output.readline().decode() for _ in range(wanted)]
        time.sleep(dice.random() * 0.002)
        rest, code = running.end(signal.SIGTERM)
        feeder.join(PATIENCE)
        assert code == 143
        assert not rest or rest.endswith("\n")
        found += received + rest.splitlines(keepends=True)
    return [header, *found]


def _feed(running: Live, lines: list[str]) -> None:
    try:
        for line in lines:
            running.input.write(line.encode())
    except (BrokenPipeError, ValueError):
        pass  # it was stopped


def test_stopped_in_the_middle_of_rows(live: Callable[..., Live], pumps: Path, invoke: Command) -> None:
    lines = table(1500)
    assert stop_and_go_on(live, lines, 3, random.Random(1)) == whole(pumps, invoke, lines)


@pytest.mark.parametrize("chunk", [1, 4])
def test_a_signal_in_any_line(pumps: Path, invoke: Command, chunk: int) -> None:
    """SIGTERM comes at a random line that the prediction executes, whichever file it stands in."""
    lines, run, dice = table(24), load_run(pumps), random.Random(chunk)
    Path("whole.csv").write_text(HEADER + "".join(lines))
    assert invoke("predict", f"run={pumps}", "input=whole.csv", "output=whole_out.csv", f"chunk={chunk}") == 0
    expected = Path("whole_out.csv").read_text().splitlines(keepends=True)
    stops = 0
    for _ in range(60):
        Path("streams").unlink(missing_ok=True)
        found: list[str] = []
        for moment in (dice.randrange(2500), None):
            Path("part.csv").write_text(HEADER + "".join(lines[len(found) :]))
            Path("out.csv").unlink(missing_ok=True)
            given = ["run=x", "input=part.csv", "output=out.csv", "state=streams", f"chunk={chunk}"]
            try:
                with stoppable(), at_line(moment):
                    predict_streams(run, read(None, KEYS, given))
            except Stopped:
                stops += 1
            found += Path("out.csv").read_text().splitlines(keepends=True)[1:] if Path("out.csv").exists() else []
            assert (torch.load("streams", weights_only=True)["rows"] if Path("streams").exists() else 0) == len(found)
        if chunk == 1:
            assert found == expected[1:]
        assert len(found) == len(lines)
    assert stops > 20


@contextmanager
def at_line(moment: int | None) -> Iterator[None]:
    """SIGTERM before a line of the package's code is executed, the so-manieth; None for never."""
    left = -1 if moment is None else moment

    def trace(frame: FrameType, event: str, argument: object) -> Callable | None:
        nonlocal left
        if "predicting" not in frame.f_code.co_filename or "test" in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGTERM)
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


@pytest.mark.slow
def test_stopped_fifty_times(live: Callable[..., Live], pumps: Path, invoke: Command) -> None:
    lines = table(20_000)
    assert stop_and_go_on(live, lines, 50, random.Random(2)) == whole(pumps, invoke, lines)


def test_stopped_while_nobody_takes_the_predictions(live: Callable[..., Live], pumps: Path, invoke: Command) -> None:
    lines = table(3000)
    running = live("state=streams")
    header = running.ask(HEADER)
    feeder = threading.Thread(target=_feed, args=(running, lines))
    feeder.start()
    _until_it_waits(running.process.pid or 0)
    os.kill(running.process.pid or 0, signal.SIGTERM)
    running.process.join(PATIENCE)
    assert running.process.exitcode == 143
    feeder.join(PATIENCE)
    rest = running.output.read().decode().splitlines(keepends=True)
    assert 100 < len(rest) < 3000  # what the pipe holds
    assert torch.load("streams", weights_only=True)["rows"] == len(rest)
    assert [header, *rest] == whole(pumps, invoke, lines)[: len(rest) + 1]


def _until_it_waits(pid: int) -> None:
    """Until the process has not used the processor for a while."""
    before, calm = -1, 0
    while calm < 5:
        time.sleep(0.1)
        now = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        calm, before = calm + 1 if now == before else 0, now


def test_the_reader_goes_away(live: Callable[..., Live], pumps: Path, invoke: Command) -> None:
    lines = table(40)
    running = live("state=streams")
    found = [running.ask(HEADER), *(running.ask(line) for line in lines[:10])]
    running.output.close()
    running.input.write(lines[10].encode())
    running.process.join(PATIENCE)
    assert running.process.exitcode == 1
    assert "output=-: whoever read the predictions has closed their end" in Path("live.log").read_text()
    again = live("state=streams")
    again.ask(HEADER)
    found += [again.ask(line) for line in lines[10:]]
    assert again.end() == ("", 0)
    assert found == whole(pumps, invoke, lines)


def test_a_full_disk(pumps: Path, invoke: Command, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text(HEADER + "".join(table(5)))
    assert invoke("predict", f"run={pumps}", "input=in.csv", "output=/dev/full", "format=csv") == 1
    assert "error: output=/dev/full cannot be written: No space left on device" in capfd.readouterr().err


def test_a_file_that_cannot_grow_ends_with_a_whole_row(pumps: Path) -> None:
    Path("in.csv").write_text(HEADER + "".join(table(200)))
    writer = process.start("tests.predicting.test_predict_live:limited", (str(pumps),), Allocation(), LOG)[0]
    writer.join(PATIENCE)
    assert writer.exitcode == 1
    assert "error: output=out.csv cannot be written: File too large" in LOG.read_text()
    text = Path("out.csv").read_text()
    assert 3900 < len(text) < 4096
    assert text.endswith("\n")
    assert torch.load("streams", weights_only=True)["rows"] == text.count("\n") - 1


def limited(run: str) -> None:
    """In a process that may write no file longer than 4,096 bytes, until it comes to its state."""
    import resource

    from seqmodels.predicting.state_file import StateFile

    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    save = StateFile.save

    def unlimited(self: StateFile, rows: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        save(self, rows)

    StateFile.save = unlimited  # type: ignore[method-assign]
    command(f"run={run}", "input=in.csv", "output=out.csv", "state=streams")


def test_lines_however_they_are_cut() -> None:
    dice = random.Random(1)
    for _ in range(200):
        text = bytes(dice.choice(b"ab \n\n") for _ in range(dice.randrange(60)))
        cuts = sorted(dice.sample(range(len(text) + 1), dice.randrange(len(text) + 1)))
        reads, writes = os.pipe()
        pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
        writer = threading.Thread(target=_write, args=(writes, pieces))
        writer.start()
        with Stopping() as stopping:
            lines = Lines(reads, "pipe", True, stopping)
            assert lines.first_byte() == text.strip()[:1]
            assert list(lines) == text.splitlines(keepends=True)
        writer.join()
        os.close(reads)


def _write(fd: int, pieces: list[bytes]) -> None:
    for piece in pieces:
        os.write(fd, piece)
    os.close(fd)


@pytest.mark.slow
def test_the_command_itself_in_a_shell_pipe(pumps: Path, invoke: Command) -> None:
    lines = table(200)
    Path("in.csv").write_text(HEADER + "".join(lines))
    predict = f"{sys.executable} -m seqmodels.predict run={pumps} input=- output=-"
    subprocess.run(f"cat in.csv | {predict} 2> errors > out.csv", shell=True, check=True, timeout=PATIENCE)
    assert Path("out.csv").read_text().splitlines(keepends=True) == whole(pumps, invoke, lines)
    assert "200 rows, 3 streams, " in Path("errors").read_text()
    done = subprocess.run(f"{predict} < in.csv | head -n 2", shell=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == Path("out.csv").read_text().splitlines()[:2]
