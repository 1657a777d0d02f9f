"""Which code makes a run: versions of packages, and the commit."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seqmodels.system.signals import withheld


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide about the numbers."""
    packages = ("seqmodels", "torch", "lightning", "hydra-core", "numpy")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def git_revision() -> dict[str, Any] | None:
    """The commit of the code that runs and whether it was changed since; None outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        with withheld():  # a signal that ends the run is not to cost it its commit
            done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        if git("ls-files", Path(__file__).name) == "":
            return None
        return {"commit": git("rev-parse", "HEAD"), "dirty": git("status", "--porcelain", "-uno") != ""}
    except (OSError, subprocess.CalledProcessError):
        return None
