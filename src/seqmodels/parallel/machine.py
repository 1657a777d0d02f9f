"""What this machine has to share out: its GPUs and cores, and what a run asks for."""

import os
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, ListConfig

from seqmodels.config.hints import fits
from seqmodels.config.ranges import MOST_PROCESSES, size, written
from seqmodels.parallel.process import ask
from seqmodels.parallel.slots import Request, Slots
from seqmodels.system.process import cores_here


def slots_of(jobs: int | str, gpus: str | Sequence[int | str], jobs_per_gpu: int, requests: Sequence[Request]) -> Slots:
    """The slots of this machine for these jobs.

    Args:
        jobs: how many jobs of one device run side by side on the CPU; auto: as many as there are cores.
        gpus: which GPUs are given to jobs; auto: all that are there.
        jobs_per_gpu: how many jobs share a GPU.
        requests: of all jobs, so that few jobs get many threads.

    Raises:
        ValueError: an argument makes no sense.
    """
    cores = cores_here()
    for key, value in (("jobs", jobs), ("jobs_per_gpu", jobs_per_gpu)):
        if not fits(value, int) and (key, value) != ("jobs", "auto"):
            raise ValueError(f"hydra.launcher.{key}={value} is not a number of jobs; give an integer of at least 1")
        if isinstance(value, int):
            size(MOST_PROCESSES, **{f"hydra.launcher.{key}": value})
    if gpus != "auto" and not fits(list(gpus) if isinstance(gpus, ListConfig) else gpus, list[int | str]):
        raise ValueError(f"hydra.launcher.gpus={written(gpus)} is neither auto nor a list such as [0,1]")
    if gpus == "auto":
        gpus = _gpus_here() if any(request.gpu is not False for request in requests) else []
    names = [str(gpu) for gpu in gpus]
    if len(set(names)) < len(names):
        raise ValueError(f"hydra.launcher.gpus={names} names a GPU twice; hydra.launcher.jobs_per_gpu shares a GPU")
    wanted = sum(max(1, request.devices) for request in requests)
    groups = jobs if isinstance(jobs, int) else max(1, min(cores, wanted))
    return Slots(names, jobs_per_gpu, groups, cores)


def request_of(cfg: DictConfig) -> Request:
    """What a run with this config wants, from its `trainer`."""
    kinds: dict[str, bool | None] = {"gpu": True, "cuda": True, "auto": None}
    return Request(_count(cfg.trainer.devices), kinds.get(str(cfg.trainer.accelerator), False))


def _count(devices: Any) -> int:
    """As Lightning reads `devices`: a number, -1 or auto for all, or a list of ids."""
    if isinstance(devices, list | tuple | ListConfig):
        return len(devices)
    text = str(devices)
    if text in ("auto", "-1"):
        return -1
    if "," in text:
        return len([part for part in text.split(",") if part.strip()])
    return int(text) if text.isdecimal() and int(text) else 1  # what makes no sense is said by the run itself


def _gpus_here() -> list[str]:
    """Asked in a process of its own, because whoever asks has touched CUDA and must not be forked."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [gpu.strip() for gpu in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if gpu.strip()]
    return [str(gpu) for gpu in range(ask("torch.cuda:device_count"))]
