"""What a file says about itself: which run it is of, and what the numbers that go in and out are called."""

import json
from importlib.metadata import version
from typing import Any

from seqmodels.loading import LoadedRun


def about(loaded: LoadedRun) -> str:
    """JSON; names and numbers of the run, no paths."""
    data = loaded.datamodule
    names = ("input_names", "target_names", "class_names")
    facts: dict[str, Any] = {
        "run": f"{loaded.cfg.name}/{loaded.folder.name}",
        "checkpoint": loaded.checkpoint.name,
        "task": loaded.module.task,
        **{name: getattr(data, name, None) for name in names},
        "horizon": loaded.cfg.datamodule.get("horizon"),
        "seqmodels": version("seqmodels"),
    }
    return json.dumps({name: fact for name, fact in facts.items() if fact is not None}, default=list)
