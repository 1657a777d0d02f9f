"""`results.json`: what a run was and what it reached, for people and for reports."""

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seqmodels.files import replace

FILE = "results.json"


def write_results(folder: Path, results: dict[str, Any]) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    replace(folder / FILE, json.dumps(results, indent=2) + "\n")


def reason(error: BaseException) -> str:
    """The first line of what went wrong; a bug also says its type."""
    line = next(iter(str(error).strip().splitlines()), "")
    return line if line and isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {line}".rstrip(": ")


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
