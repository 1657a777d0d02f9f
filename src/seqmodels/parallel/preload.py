"""What the fork server imports before the first job: everything that a run may need, so that no job waits for it.

Importing is all it does. One thread and no CUDA is what makes forking safe, as tests/parallel/test_pool.py sees to.
"""

import atexit
import gc
import pkgutil
from importlib import import_module

for name in (
    "matplotlib.pyplot",
    "torch.utils.tensorboard",
    "seqmodels.runs.run",
    "seqmodels.sweeps.folder",
):
    import_module(name)

for name in (f"seqmodels.{room}" for room in ("callbacks", "checkpoints", "cores", "datamodules", "modules")):
    for module in pkgutil.walk_packages(import_module(name).__path__, f"{name}."):
        import_module(module.name)

gc.collect()

gc.freeze()  # a job's collector leaves alone what was imported, so that its pages stay shared

atexit.register(gc.unfreeze)  # else nanobind complains of leaks when the server ends
