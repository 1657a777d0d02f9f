"""Where tests find the real MNIST, and how they run the command inside this process."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from pathlib import Path

import matplotlib
import pytest
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from omegaconf import DictConfig

from seqmodels.cli.command import run_command
from seqmodels.config.places import conf_dir

Command = Callable[..., int]
ROOT = Path(__file__).parents[1]
MATPLOTLIB = matplotlib.get_cachedir()
"""It keeps its list of fonts, which takes seconds to make."""


def pytest_configure() -> None:
    """Signals mean to the tests what they mean in a terminal, however the tests were started.

    A shell ignores SIGINT for what it starts in the background, and nohup ignores SIGHUP; both are inherited, and the
    commands under test rightly honour them. A handler is not inherited: processes that are started here begin with the
    default, and under nohup this one goes on when the terminal closes.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda signum, frame: None)
    for signum in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow tests have a longer limit than the one in pyproject.toml."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of the real MNIST."""
    root = os.environ.get("SEQMODELS_DATA")
    if not root or not (Path(root) / "MNIST" / "raw").is_dir():
        pytest.skip("no real MNIST: set SEQMODELS_DATA to a folder that holds MNIST/raw")
    return Path(root)


@pytest.fixture(autouse=True)
def _away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in a folder of its own, as rank 0, on one thread, with nothing left in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLCONFIGDIR", MATPLOTLIB)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(rank_zero_only, "rank", 0)  # which Lightning sets for as long as the process lives
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    for handler in logging.root.handlers:
        if handler not in handlers:
            handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False  # by a library that sets up logging for itself


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Command:
    """`invoke("evaluate", "run=...")`: what `python -m seqmodels.evaluate run=...` does, and its exit code."""

    def run(name: str, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", [f"seqmodels-{name}", *words])
        return run_command(import_module(f"seqmodels.{name}").command)

    return run


@pytest.fixture
def command(invoke: Command) -> Command:
    """`command("+experiment=sine_rnn", ...)`: `python -m seqmodels.train` and its exit code."""
    return partial(invoke, "train")


@pytest.fixture
def tune(invoke: Command) -> Command:
    """`tune("+experiment=sine_rnn", ...)`: `python -m seqmodels.tune` and its exit code."""
    from tests.support.searching import write_search

    write_search()
    return partial(invoke, "tune")


def options(group: str) -> list[str]:
    """The YAMLs of a config group, by name."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


@cache  # composing takes longer than most of what is tested with it
def core_config(name: str) -> DictConfig:
    """The config of a small core."""
    from seqmodels.runs.run import compose

    core = compose([f"core={name}", "core.hidden_size=8"]).core
    for key in {"key_size", "value_size"} & core.get("layer", {}).keys():
        core.layer[key] = 4
    return core
