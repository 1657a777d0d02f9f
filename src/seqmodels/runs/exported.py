"""What an export leaves, by names that writer and readers share; nothing here waits for torch."""

import hashlib
from pathlib import Path

FOLDER = "export"
"""In the run's, unless `output=` says otherwise."""

STEP, WINDOW = "step.onnx", "window.onnx"

INITIAL_STATE = "initial_state.npz"

ABOUT = "seqmodels"
"""The key of an ONNX file's metadata that says, as JSON, what the graph is."""

STATE_CONTENTS = "contents"
"""The array of a state file of numpy's that holds, as JSON, all that is no array; torch's have none of that name."""


def hash_of(*paths: Path) -> str:
    """SHA-256 of files, one after another."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()
