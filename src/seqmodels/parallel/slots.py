"""Who runs where: GPUs, or groups of cores, that jobs take and give back."""

from collections.abc import Sequence
from dataclasses import dataclass

from seqmodels.system.process import cores_here


@dataclass(frozen=True)
class Request:
    """What a job wants.

    Attributes:
        devices: GPUs, or groups of cores; -1 for all GPUs.
        gpu: whether it computes on GPUs; None for "if there are any".
    """

    devices: int = 1
    gpu: bool | None = False


@dataclass(frozen=True)
class Allocation:
    """What a job got, and nobody else has meanwhile.

    Attributes:
        gpus: its CUDA_VISIBLE_DEVICES; empty on the CPU.
        groups: its groups of cores, by number; empty on GPUs.
        threads: CPU threads for each of its processes.
    """

    gpus: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    threads: int = 1


class Slots:
    """The machine's slots: places on GPUs, and groups of cores."""

    def __init__(self, gpus: Sequence[str], jobs_per_gpu: int, groups: int, cores: int) -> None:
        """
        Args:
            gpus: as CUDA_VISIBLE_DEVICES names them.
            jobs_per_gpu: how many jobs share a GPU.
            groups: into how many groups the cores are divided for jobs on the CPU.
            cores: of the machine.
        """
        self.gpus, self.cores = tuple(gpus), cores
        self._free_gpus = [gpu for _ in range(jobs_per_gpu) for gpu in gpus]
        self._free_groups = list(range(groups))
        self._threads_beside_gpu = max(1, cores // max(1, len(self._free_gpus)))
        self._threads_of_group = max(1, cores // groups)
        self._groups = groups

    @property
    def places(self) -> int:
        """How many jobs of one device there is room for at a time."""
        return len(self._free_gpus) or self._groups

    def __str__(self) -> str:
        """ "2 at a time with 1 thread each"."""
        threads = f"{self._threads_of_group} thread{'s' * (self._threads_of_group > 1)} each"
        on_gpus = f"{len(self._free_gpus)} at a time on GPU {', '.join(self.gpus)}"
        return on_gpus if self.gpus else f"{self._groups} at a time with {threads}"

    def check(self, request: Request) -> None:
        """
        Raises:
            ValueError: the machine can never give what the job wants.
        """
        if request.gpu and max(1, request.devices) > len(self.gpus):
            raise ValueError(
                f"the job wants {abs(request.devices)} GPU{'s' * (request.devices > 1)} and there "
                f"{'is' if len(self.gpus) == 1 else 'are'} {len(self.gpus)} for it; use fewer trainer.devices, or "
                f"trainer=cpu"
            )

    def take(self, request: Request) -> Allocation | None:
        """What the job gets, or None as long as too little is free. On the CPU a job gets at most all groups."""
        if request.gpu or (request.gpu is None and self.gpus):
            wanted = len(self.gpus) if request.devices == -1 else min(request.devices, len(self.gpus))
            gpus = tuple(dict.fromkeys(self._free_gpus))[:wanted]
            if len(gpus) < wanted:
                return None
            for gpu in gpus:
                self._free_gpus.remove(gpu)
            return Allocation(gpus=gpus, threads=self._threads_beside_gpu)
        processes = max(1, request.devices)
        wanted = min(processes, self._groups)
        groups = tuple(self._free_groups[:wanted])
        if len(groups) < wanted:
            return None
        del self._free_groups[:wanted]
        return Allocation(groups=groups, threads=max(1, wanted * self._threads_of_group // processes))

    def give_back(self, allocation: Allocation) -> None:
        """What `take` gave."""
        self._free_gpus = [*allocation.gpus, *self._free_gpus]
        self._free_groups = sorted([*allocation.groups, *self._free_groups])


class WholeMachine(Slots):
    """The machine as it is, for a job that runs alone."""

    def __init__(self) -> None:
        super().__init__([], 1, 1, cores_here())

    def check(self, request: Request) -> None:
        """The run itself says what it lacks."""

    def take(self, request: Request) -> Allocation:
        """Nothing is kept from the job."""
        return Allocation(threads=max(1, self.cores // max(1, request.devices)))
