"""The jobs of a Hydra sweep in the pool: what `hydra/launcher=parallel` and `stacked` do."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from inspect import unwrap
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from seqmodels.cli.logging import log_to_console
from seqmodels.config.hints import fits
from seqmodels.config.ranges import MOST_PROCESSES, size
from seqmodels.exceptions import JobFailed
from seqmodels.parallel.machine import request_of, slots_of
from seqmodels.parallel.pool import Outcome, Task, run
from seqmodels.parallel.slots import Request
from seqmodels.sweeps.stacks import stacked


def launch(
    context: HydraContext,
    function: TaskFunction,
    config: DictConfig,
    jobs: Sequence[Sequence[str]],
    first: int,
    options: dict[str, Any],
    together: int = 1,
) -> list[JobReturn]:
    """Run the jobs, and give Hydra what its own launcher would.

    Args:
        context, function, config: what Hydra hands to a launcher.
        jobs: the overrides of each.
        first: the number of the first job.
        options: of `slots_of`.
        together: how many jobs one process may run by turns, where that can speed them up: see stacks.py.
    """
    if not fits(together, int):
        raise ValueError(f"hydra.launcher.together={together} is not a number of jobs; give an integer of at least 1")
    size(MOST_PROCESSES, **{"hydra.launcher.together": together})
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    configs = [_config_of(context, config, overrides, first + number) for number, overrides in enumerate(jobs)]
    requests = [request_of(cfg) for cfg in configs]
    slots = slots_of(**options, requests=requests)
    stacks = [[number] for number in range(len(configs))] if together == 1 else stacked(configs, slots.places, together)
    name = _name_of(function)
    tasks = [_task_of(name, context, [configs[number] for number in stack], requests[stack[0]]) for stack in stacks]
    print(
        f"{len(configs)} jobs, {slots}, each writes to its output.log in {configs[0].hydra.sweep.dir}", file=sys.stderr
    )
    outcomes: dict[int, Outcome] = {}
    for stack, outcome in zip(stacks, run(tasks, slots), strict=True):
        outcomes |= zip(
            stack, outcome.value if isinstance(outcome.value, Ends) else [outcome] * len(stack), strict=True
        )
    return [_job_return(cfg, outcomes[number]) for number, cfg in enumerate(configs)]


class Ends(list[Outcome]):
    """How each of the jobs ended that took turns in a process."""


def _task_of(name: str, context: HydraContext, configs: list[DictConfig], request: Request) -> Task:
    cfg, folder = configs[0], _folder_of(configs[0])
    if len(configs) == 1:
        measure = None if OmegaConf.is_missing(cfg, "monitor") else cfg.get("monitor")
        return Task(folder.name, f"{__name__}:work", (name, context, cfg), folder / "output.log", request, measure)
    log = Path(cfg.hydra.sweep.dir, f"jobs_from_{cfg.hydra.job.num}.log")
    called = f"{len(configs)} jobs from {folder.name} on"
    return Task(called, f"{__name__}:work_by_turns", (name, context, configs), log, request)


def work(name: str, context: HydraContext, cfg: DictConfig) -> Any:
    """One job, in its own process: what Hydra's own launcher does for it.

    Returns:
        What the job's function returned.

    Raises:
        JobFailed: it failed; it has said why itself.
    """
    setup_globals()
    JobRuntime.instance().set("name", cfg.hydra.job.name)
    module, _, function = name.partition(":")
    done = run_job(
        hydra_context=context,
        task_function=unwrap(getattr(import_module(module), function)),  # without @hydra.main around it
        config=cfg,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    if done.status == JobStatus.FAILED:
        raise done._return_value
    return done.return_value


def work_by_turns(name: str, context: HydraContext, configs: list[DictConfig]) -> Ends:
    """Several jobs in one process, each with an output.log of its own.

    Returns:
        How each of them ended.
    """
    from seqmodels.stacking.crew import Crew  # here, in the process that has torch

    setup_globals()
    import_module(name.partition(":")[0])  # whose resolvers the names of folders take
    log_to_console()
    hydras = HydraConfig.instance()

    def set_config(cfg: Any) -> None:
        hydras.cfg = cfg

    with Crew(swaps=[(lambda: hydras.cfg, set_config)]) as crew, ExitStack() as logs:
        jobs = [partial(_with_log, logs, name, context, cfg) for cfg in configs]
        return Ends(Outcome(end.value, end.error) for end in crew.run(jobs))


def _with_log(logs: ExitStack, name: str, context: HydraContext, cfg: DictConfig) -> Any:
    folder = _folder_of(cfg)
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout = sys.stderr = logs.enter_context((folder / "output.log").open("a", buffering=1))
    return work(name, context, cfg)


def _config_of(context: HydraContext, config: DictConfig, overrides: Sequence[str], number: int) -> DictConfig:
    cfg = context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(cfg):
        cfg.hydra.job.id = cfg.hydra.job.num = number
    return cfg


def _folder_of(cfg: DictConfig) -> Path:
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(cfg)  # the folder's name may refer to it
    try:
        return Path(cfg.hydra.sweep.dir, cfg.hydra.sweep.subdir)
    finally:
        HydraConfig.instance().cfg = before


def _name_of(function: TaskFunction) -> str:
    """ "package.module:function", for a process that shall import it.

    Raises:
        ValueError: it stands in a script that no process can import.
    """
    module = function.__module__
    if module == "__main__":
        spec = sys.modules["__main__"].__spec__
        if spec is None:
            raise ValueError("this launcher needs a command that can be imported: start it as python -m ...")
        module = spec.name
    return f"{module}:{function.__qualname__}"


def _job_return(cfg: DictConfig, outcome: Outcome) -> JobReturn:
    done = JobReturn(overrides=list(cfg.hydra.overrides.task), cfg=cfg)
    done.status = JobStatus.COMPLETED if outcome.error is None else JobStatus.FAILED
    done.return_value = outcome.value if outcome.error is None else JobFailed(outcome.error)
    return done
