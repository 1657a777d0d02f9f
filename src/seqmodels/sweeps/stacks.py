"""Which jobs of a sweep share a process, so that their training steps can be computed together."""

import sys
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from omegaconf import DictConfig, OmegaConf

from seqmodels.config.flat import flat
from seqmodels.stacking.kinds import KINDS, PRECISIONS
from seqmodels.system.terminal import say

FREE = ("seed", "name", "monitor", "mode", "test", "init_from", "trust")
FREE_SECTIONS = ("optimizer.", "scheduler.", "callbacks.", "checkpoint.", "logger.", "trainer.", "datamodule.")
"""What jobs may differ in: nothing of it is in what is computed together, or it is looked at again at each step."""


def stacked(configs: Sequence[DictConfig], places: int, most: int) -> list[list[int]]:
    """The numbers of the jobs that share a process, in the order of their first.

    Jobs of the same core and module are shared out among the places. Those that cannot be stacked have a process each,
    and why is said.

    Args:
        configs: of the jobs.
        places: how many processes run at a time.
        most: jobs in a process.
    """
    alike: dict[object, list[int]] = {}
    apart: list[list[int]] = []
    reasons: Counter[str] = Counter()
    for number, cfg in enumerate(configs):
        if why := reason_against(cfg):
            apart.append([number])
            reasons[why] += 1
        else:
            alike.setdefault(what_is_computed(cfg), []).append(number)
    for why, jobs in reasons.items():
        say(
            f"{jobs} of {len(configs)} jobs have a process each, as with hydra/launcher=parallel: {why}",
            file=sys.stderr,
        )
    shares = [share for numbers in alike.values() for share in shared_out(numbers, places, most)]
    return sorted([*shares, *apart])


def reason_against(cfg: DictConfig) -> str | None:
    """Why a job's steps cannot be computed with those of others; None where they may."""
    if cfg.module._target_ not in KINDS:
        return f"{cfg.module._target_} may compute anything in a step"
    if cfg.trainer.precision not in PRECISIONS:
        return f"trainer.precision={cfg.trainer.precision} rounds inside a step; 32-true and 64-true do not"
    if str(cfg.trainer.devices) not in ("1", "auto") or cfg.trainer.num_nodes != 1:
        return f"trainer.devices={cfg.trainer.devices} takes processes of its own"
    for key, value in flat(cfg).items():
        if key in ("core.dropout", "module.dropout") and value:
            return f"{key}={value} draws random numbers inside a step"
    for key in ("module.compile", "trainer.cuda_graphs"):
        if OmegaConf.select(cfg, key):
            return f"{key}=true makes kernels of one model's step"
    return None


def what_is_computed(cfg: DictConfig) -> object:
    """What is the same in jobs whose steps can be computed together."""
    return tuple(
        (key, str(value))
        for key, value in sorted(flat(cfg).items())
        if key not in FREE and not key.startswith((*FREE_SECTIONS, "hydra."))
    )


def shared_out(numbers: list[int], places: int, most: int) -> list[list[int]]:
    """In as many parts as there are places, or more where a part would have too many; neighbours stay together."""
    parts = max(min(places, len(numbers)), -(-len(numbers) // most))
    size, more = divmod(len(numbers), parts)
    begins = [part * size + min(part, more) for part in range(parts + 1)]
    return [numbers[begin:end] for begin, end in pairwise(begins)]
