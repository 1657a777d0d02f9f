"""The live status of many jobs: a line for each that ends, and one line below that tells how it stands."""

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from seqmodels.system.terminal import printable


class Board:
    """`with Board(names) as board`: tell it what starts and ends; `look` again at least once a second."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._begun: dict[int, float] = {}
        self._lasted: list[float] = []
        self._ended = self._failed = 0
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> "Board":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def started(self, number: int) -> None:
        """Job `number` has begun."""
        self._begun[number] = time.monotonic()

    def ended(self, number: int, error: str | None, told: str | None = None) -> None:
        """Job `number` is over; `error` says why it failed, `told` what it reached."""
        seconds = time.monotonic() - self._begun.pop(number, time.monotonic())
        self._ended += 1
        if error is None:
            self._lasted.append(seconds)
            self.say(", ".join(filter(None, [f"{self._names[number]} done in {_duration(seconds)}", told])))
        else:
            self._failed += 1
            self.say(f"{self._names[number]} {error if error.startswith('was ') else f'failed: {error}'}")
        if not self._console.is_terminal:
            self.say(self.line())

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(Text(printable(text, keep="\n")), soft_wrap=True)

    def look(self) -> None:
        """Bring the status line up to date."""
        if self._console.is_terminal:
            self._live.update(Text(self.line()), refresh=True)

    def line(self) -> str:
        """ "3 done, 2 running, 1 failed, 10 waiting; about 4 min left"."""
        waiting = len(self._names) - self._ended - len(self._begun)
        counts = {
            "done": self._ended - self._failed,
            "running": len(self._begun),
            "failed": self._failed,
            "waiting": waiting,
        }
        text = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "done")
        left = self._seconds_left(waiting)
        return f"{text}; about {_duration(left)} left" if left is not None else text

    def _seconds_left(self, waiting: int) -> float | None:
        """If the jobs to come last as long as those that are done, and run as many at a time as now."""
        if not self._lasted or not (self._begun or waiting):
            return None
        usual = sum(self._lasted) / len(self._lasted)
        now = time.monotonic()
        rest = sum(max(0.0, usual - (now - begun)) for begun in self._begun.values())
        return (rest + waiting * usual) / max(1, len(self._begun))


def _duration(seconds: float) -> str:
    """ "12 s", "4 min", "2 h 10 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
