"""`results.json`: what a run was and what it reached, for people and for reports."""

import json
from pathlib import Path
from typing import Any

from seqmodels.system.files import replace

FILE = "results.json"


def write_results(folder: Path, results: dict[str, Any]) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    replace(folder / FILE, json.dumps(results, indent=2) + "\n")
