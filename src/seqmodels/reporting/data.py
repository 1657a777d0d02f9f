"""Runs with the same settings whose data differs all the same: a file was changed, or replaced, under its path."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from seqmodels.reporting.runs import Run

KEY = "data"
"""Under which such runs say what they read, as if it were a setting."""


def apart_by_data(runs: Sequence[Run]) -> list[list[Run]]:
    """These runs, those of the same data together; one that does not say joins the others where all have the same.

    Where there are several, `data` is among the settings of each run.
    """
    found: dict[str | None, list[Run]] = {}
    for run in runs:
        found.setdefault(run.data_identity, []).append(run)
    if len(found) == 1 or (len(found) == 2 and None in found):
        return [list(runs)]
    return [
        [replace(run, settings=run.settings | {KEY: _told(identity)}) for run in same]
        for identity, same in found.items()
    ]


def _told(identity: str | None) -> str:
    """`7557 bytes (3f2a91c4)`, with a part of a hash, since the sizes may be the same."""
    if identity is None:
        return "unknown"
    sizes = _sizes(json.loads(identity))
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    return f"{sum(sizes)} bytes ({digest})" if sizes else digest


def _sizes(node: object) -> list[int]:
    """All that is said of bytes, at any depth."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node["bytes"]] if isinstance(node, dict) and isinstance(node.get("bytes"), int) else []
    return own + [size for child in children for size in _sizes(child)]
