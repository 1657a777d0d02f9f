"""What the folder of cores holds: each file is one, and what it can do stands in its class."""

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path


@cache
def cores_with_dt() -> list[str]:
    """The files, named as their YAMLs are, of the cores that take the time between steps."""
    room = Path(__file__).parent
    names = sorted(module.name for module in pkgutil.iter_modules([str(room)]))
    return [name for name in names if any(_takes_dt(kind, name) for kind in _classes(name))]


def _classes(name: str) -> list[object]:
    return list(vars(import_module(f"{__package__}.{name}")).values())


def _takes_dt(kind: object, name: str) -> bool:
    here = isinstance(kind, type) and kind.__module__ == f"{__package__}.{name}"
    return here and getattr(kind, "takes_dt", False) is True
