"""`results.json`: what a run was and what it reached, for people and for reports."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

FILE = "results.json"


def write_results(folder: Path, results: dict[str, Any]) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    unfinished = folder / f".{FILE}.{os.getpid()}"
    unfinished.write_text(json.dumps(results, indent=2) + "\n")
    unfinished.replace(folder / FILE)


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide about the numbers."""
    packages = ("seqmodels", "torch", "lightning", "hydra-core", "numpy")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def git_revision() -> dict[str, Any] | None:
    """The commit of the code that runs and whether it was changed since; None outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if git("ls-files", Path(__file__).name) == "":
            return None
        return {"commit": git("rev-parse", "HEAD"), "dirty": git("status", "--porcelain", "-uno") != ""}
    except (OSError, subprocess.CalledProcessError):
        return None
