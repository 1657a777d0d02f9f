"""Experiments with models that read a sequence and remember.

Importing the package is free: torch is loaded only when something is built.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from seqmodels.system.import_diet import install

if TYPE_CHECKING:
    from seqmodels.runs.load import load_run as load_run

install()

__version__ = version("seqmodels")


def __getattr__(name: str) -> Any:
    if name == "load_run":
        from seqmodels.runs.load import load_run

        return load_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
