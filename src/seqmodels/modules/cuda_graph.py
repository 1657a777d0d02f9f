"""Recordings on a GPU: CUDA graphs of a whole training step's forward and backward pass.

torch.compile(mode="reduce-overhead") would not do: the compiler leaves RNN, LSTM and GRU out and draws random numbers
of its own. Graphs run the kernels of the plain step, with the random numbers that it would draw, since torch moves its
generator on at each play.
"""

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import nn

from seqmodels.exceptions import first_line
from seqmodels.modules.base import SequenceModule
from seqmodels.modules.recorded import RecordedStep
from seqmodels.modules.same_results import Results

WARM_UPS = 3
"""Runs before a recording, in which libraries choose their kernels and take their memory."""


def record_steps(module: Any, trainer: pl.Trainer) -> None:
    """Let a module's training steps be recorded.

    Raises:
        ValueError: there is no GPU, or more than one, or this training cannot be recorded.
    """
    check_recordable(module, trainer)
    module.stand_in = RecordedStep(module, CudaGraphs())


def check_recordable(module: Any, trainer: pl.Trainer) -> None:
    """
    Raises:
        ValueError: as in `record_steps`.
    """
    device = trainer.strategy.root_device.type
    if device != "cuda":
        raise ValueError(
            f"cuda_graphs=true is for an NVIDIA GPU, and this training is on {device}; give cuda_graphs=false here, or "
            f"trainer=gpu where there is one"
        )
    if type(trainer.strategy) is not SingleDeviceStrategy:
        raise ValueError(
            f"cuda_graphs=true is for a training in one process without a strategy, and this one has "
            f"{trainer.world_size} ({type(trainer.strategy).__name__}); give cuda_graphs=false, or trainer=gpu"
        )
    if getattr(trainer.precision_plugin, "scaler", None) is not None:
        raise ValueError(
            f"cuda_graphs=true records a backward pass without the scale that precision={trainer.precision} multiplies "
            f"losses by; give precision=bf16-mixed, or cuda_graphs=false"
        )
    check_steps(module)


def check_steps(module: Any) -> None:
    """
    Raises:
        ValueError: the module's steps cannot be recorded.
    """
    if not isinstance(module, SequenceModule):
        raise ValueError(
            f"cuda_graphs=true records what a SequenceModule computes, and {type(module).__name__} is none; give "
            f"cuda_graphs=false"
        )
    burn_in = getattr(getattr(module, "tbptt", None), "burn_in", 0)
    if burn_in:
        raise ValueError(
            f"burn_in={burn_in} cuts windows where their streams are young, which a recording cannot; give "
            f"cuda_graphs=false with it, or burn_in=0"
        )
    for part in module.modules():
        if isinstance(part, nn.RNNBase) and part.dropout and part.num_layers > 1:
            raise ValueError(
                f"dropout={part.dropout} of {type(part).__name__} is drawn from a generator inside cuDNN, so that no "
                f"recorded step can be held against a plain one; give cuda_graphs=false with it, or dropout=0"
            )


class CudaGraphs:
    """Records functions as CUDA graphs, whose passing results share their memory: see `recorded.Recorder`.

    Of two graphs that take turns, each may write over what the other one left, so results must be copied at once.
    """

    def __init__(self) -> None:
        self._memory: Any = None

    def __call__(self, run: Callable[[], Results]) -> tuple[Callable[[], None], Results]:
        """
        Raises:
            ValueError: it waits for the GPU, draws random numbers on the CPU, or does what else no graph can.
        """
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        before = random.getstate(), torch.get_rng_state()
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                run()
        torch.cuda.current_stream().wait_stream(aside)
        if random.getstate() != before[0] or not torch.equal(torch.get_rng_state(), before[1]):
            raise ValueError(
                "cuda_graphs=true: this model draws random numbers on the CPU, which a recording would repeat; draw "
                "them where its input lies, as torch.rand_like(x) does, or give cuda_graphs=false"
            )
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads, as those of a loader that pins memory, go on with what they do.
            with _without_garbage(), torch.cuda.graph(graph, pool=self._memory, capture_error_mode="thread_local"):
                results = run()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ValueError(
                f"cuda_graphs=true: this model's step cannot be recorded, since it waits for the GPU or does what else "
                f"no graph can ({first_line(error)}); give cuda_graphs=false"
            ) from error
        self._memory = self._memory or graph.pool()
        return graph.replay, results


@contextmanager
def _without_garbage() -> Iterator[None]:
    """What is dead is freed now, not meanwhile: a graph of an earlier trial that went then would end the recording."""
    gc.collect()
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
