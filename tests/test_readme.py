"""The README's promises: its commands are tried, its tables name what exists."""

import re
import shlex
from pathlib import Path

import pytest

from seqmodels.config.schema import check_config
from seqmodels.runs.run import compose
from tests.conftest import ROOT, options
from tests.support import core_table

README = (ROOT / "README.md").read_text()
PAGES = "\n".join([README, *(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))]).replace("\\\n", " ")
COMMANDS = re.findall(r"^python -m seqmodels\.(train|tune) *(.*?)$", PAGES, re.MULTILINE)


def single_jobs(words: str) -> list[str]:
    """The overrides of a command, of a sweep's first job."""
    words = re.sub(r"=range\(\d+\)", "=0", words)
    overrides = [word.partition("=") for word in shlex.split(words) if word != "-m"]
    return [f"{key}={value if value[:1] in ('[', '') else value.split(',')[0]}" for key, _, value in overrides]


@pytest.mark.parametrize(("root", "words"), [command for command in COMMANDS if "--config-dir" not in command[1]])
def test_every_training_command_composes(root: str, words: str) -> None:
    config = compose([word for word in single_jobs(words) if not word.startswith("hydra")], root)
    if root == "train":
        check_config(config)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("name", options("experiment"))
def test_the_table_names_every_experiment(name: str) -> None:
    assert f"`{name}`" in README


def test_the_table_of_cores_is_that_of_conf_and_classes() -> None:
    assert core_table.replaced(README) == README, "python -m tests.support.core_table writes it anew"


def test_every_file_named_exists() -> None:
    for path in set(re.findall(r"`((?:src|conf|tests|benchmarks|docs)/[\w./-]*)`", README)) | set(
        re.findall(r"\]\((?!http)([\w./-]+)\)", README)
    ):
        assert (ROOT / path).exists() or Path(path).stem.startswith("foo"), path


def test_ci_runs_the_readmes_test_command() -> None:
    (command,) = set(re.findall(r"^(python -m pytest.*)$", README, re.MULTILINE))
    assert command in (ROOT / ".ci" / "run").read_text()


def test_no_command_has_a_comment_behind_it() -> None:
    """zsh, the shell of every Mac, passes it on as further arguments."""
    assert COMMANDS
    assert not re.findall(r"^(?:python|pip|tensorboard) .* #.*$", PAGES, re.MULTILINE)
