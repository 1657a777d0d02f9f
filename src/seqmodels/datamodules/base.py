"""The contract of every data source: what a run asks of it, and what it has to say.

    prepare_data()                      once: files are found, downloaded, checked
    setup(stage)                        in every process: splits are read, statistics taken of the training split
    told_to_module()        ----->      the module is made, for the source's sizes and with its statistics
    start_from(epoch, batch)            only where a run is resumed
    train_dataloader(), val_dataloader(), test_dataloader()

Batches, by the task (B rows, T steps, D inputs, Y targets):

    classification    x (B, T, D), labels (B,) and, where sequences differ, lengths (B,)
    labelling         x (B, T, D), labels (B, T), scored (B, T) bool
    regression        Window(x (B, T, D), y (B, T, Y), reset (B,), mask (B, T)), row b of each batch the same stream;
                      where a source knows of several series also series; where streams begin inside a window
                      step_reset (B, T), where steps are not alike dt (B, T)

Most sources are one of two kinds, `samples.SampleData`, whose samples are shuffled, and `streams.StreamData`, whose
windows follow each other; they bring loaders that give the same batches on any number of workers and processes. This is
a whole source, in datamodules/coins.py:

    import torch

    from seqmodels.datamodules.loaders import TensorRows
    from seqmodels.datamodules.samples import SampleData


    class Coins(SampleData):
        name, task = "coins", "classification"
        input_size, output_size = 1, 2

        def setup(self, stage=None):
            for number, split in enumerate(("train", "val", "test")):
                generator = torch.Generator().manual_seed(number)
                labels = torch.randint(0, 2, (1000,), generator=generator)
                tosses = torch.rand(1000, 20, 1, generator=generator) < 0.4 + 0.2 * labels[:, None, None]
                self.splits[split] = TensorRows(tosses.float(), labels)

and its conf/datamodule/coins.yaml, after which `datamodule=coins` trains:

    _target_: seqmodels.datamodules.coins.Coins
    batch_size: 50
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import lightning.pytorch as pl
from torch import Tensor
from torch.utils.data import DataLoader

from seqmodels.config.ranges import MOST_PROCESSES, at_least, at_most
from seqmodels.datamodules.order import Passes
from seqmodels.datamodules.window import AccuracyBy, LossSteps, Series

Task = Literal["classification", "labelling", "regression"]

Stats = tuple[Any, Any]
"""Mean and standard deviation, numbers for all columns together or a list of one for each."""

TOLD = (
    *("input_size", "output_size", "input_stats", "target_stats", "change_stats"),
    *("target_scale", "target_inputs", "fills_with_mean", "class_counts", "tokens", "loss_steps", "chance"),
    "accuracy_by",
)
"""Attributes that a module is told."""


class SequenceData(pl.LightningDataModule, ABC):
    """A source of sequences. `tests/test_data_laws.py` proves for each YAML in `conf/datamodule/` that its batches are
    the same on any number of workers and processes, that it goes on anywhere, and that no split knows of another.

    Attributes:
        task: what its batches are for.
        name: of the data really used, in results and figures.
        input_size, output_size: D, and Y or the number of classes; above 0 after `setup` and after `load_state_dict`.
        endless: whether the training loader never ends, so that something else has to end the training.
        resumable: whether the training loader heeds `passes`, so that a training can go on in the middle of it.
        notice: what the data is instead of what was asked for; shown at a run's start and end.
        num_streams: rows of a training window over all processes; None where rows are no streams.
        longest: the most steps that a training stream goes on for before it begins anew; None where it never does, or
            where rows are no streams.
        class_names, input_names, target_names: what classes, inputs and targets are called; numbers if not said.
        series: what the numbers in `Window.series` stand for; None where nothing tells rows apart.
        tokens: V, where x is (B, T, 1) integers, the numbers of tokens below V, for a module that learns a vector for
            each; None where x is numbers.
        has_dt: whether its windows tell the time between steps, for a core that reads it.
        input_mean: (D,) mean of the training split, what a missing input is read as; None where nobody asks for it.
        input_stats, target_stats, change_stats, target_scale, target_inputs, fills_with_mean, class_counts, loss_steps,
            chance, accuracy_by: see `told_to_module`.
    """

    task: Task
    name: str
    input_size: int
    output_size: int
    endless: bool = False
    resumable: bool = False
    notice: str | None = None
    num_streams: int | None = None
    series: Series | None = None
    longest: int | None = None
    tokens: int | None = None
    has_dt: bool = False
    input_mean: Sequence[float] | None = None
    input_stats: Stats | None = None
    target_stats: Stats | None = None
    change_stats: Stats | None = None
    target_scale: Sequence[float | None] | None = None
    target_inputs: Sequence[int] | None = None
    fills_with_mean: bool = False
    class_counts: Sequence[int] | None = None
    loss_steps: LossSteps = "all"
    chance: float | None = None
    accuracy_by: AccuracyBy | None = None

    def __init__(self, num_workers: int = 0, overfit_batches: int = 0, seed: int = 1) -> None:
        """
        Args:
            num_workers: processes that prepare batches; 0 is fastest for data in memory.
            overfit_batches: above 0, train on the first so many batches again and again.
            seed: of whatever is random; a run gives its own.

        Raises:
            ValueError: an argument is outside its range.
        """
        super().__init__()
        at_least(0, num_workers=num_workers)
        at_most(MOST_PROCESSES, num_workers=num_workers)
        at_least(0, overfit_batches=overfit_batches)
        self.num_workers, self.overfit_batches, self.seed = num_workers, overfit_batches, seed
        self._start = (0, 0)

    @cached_property  # which a subclass may simply assign
    def class_names(self) -> list[str]:
        return [] if self.task == "regression" else [str(number) for number in range(self.output_size)]

    @cached_property
    def input_names(self) -> Sequence[str]:
        return [str(number) for number in range(self.input_size)]

    @cached_property
    def target_names(self) -> Sequence[str]:
        return [str(number) for number in range(self.output_size)] if self.task == "regression" else []

    @abstractmethod
    def train_dataloader(self) -> Any:
        """Batches to learn from."""

    def val_dataloader(self) -> list[DataLoader[Any]]:
        """None, or one loader of batches that choose the best checkpoint."""
        return []

    def test_dataloader(self) -> list[DataLoader[Any]]:
        """None, or one loader of batches that are looked at once, at the end."""
        return []

    def predict_dataloader(self) -> list[DataLoader[Any]]:
        """What Lightning's own `Trainer.predict` reads."""
        return self.test_dataloader()

    def told_to_module(self) -> dict[str, Any]:
        """What the module is told of the data, as far as its class takes it.

        Returns:
            input_size, output_size;
            input_stats, target_stats: mean and standard deviation of the training split, to normalise by;
            change_stats: its root mean squares of what inputs change by in a step, (D,), and targets within the
                horizon, (Y,);
            target_scale: the (Y,) errors that MASE measures in, None for a target that has none;
            target_inputs: the (Y,) inputs whose future the targets are;
            fills_with_mean: whether the mean stands where an input is missing;
            class_counts: how many training samples each class has;
            tokens: see above;
            loss_steps: of a labelling, whether the loss and all measures are of all steps or of the scored alone, since
                the labels of the others mean nothing;
            chance: the accuracy of a guess, which scaled accuracy takes for 0;
            accuracy_by: what the accuracy of the test is told apart by.
            What is not known is None.
        """
        return {name: getattr(self, name) for name in TOLD}

    def start_from(self, epoch: int, batch: int) -> None:
        """The training goes on at this batch of this epoch; said before the training loader is made.

        Raises:
            ValueError: the source cannot do that, or a number is negative.
        """
        if not self.resumable:
            kind = type(self).__name__
            raise ValueError(
                f"{kind} cannot go on in the middle of its data; give it a method start_from(epoch, batch) that its "
                f"train_dataloader heeds, or derive it from SampleData or StreamData of seqmodels.datamodules"
            )
        at_least(0, epoch=epoch, batch=batch)
        self._start = (epoch, batch)

    def passes(self) -> Passes:
        """For a training loader: the epochs that it goes through, the first from where the training goes on."""
        trainer = self.trainer
        return Passes(self._start, None if trainer is None else lambda: trainer.current_epoch)

    def teardown(self, stage: str) -> None:
        """A training that ended says nothing of where the next one begins."""
        if stage == "fit":
            self._start = (0, 0)

    def rank(self) -> tuple[int, int]:
        """This process, counted from 0, and how many share each batch.

        Raises:
            ValueError: the trainer would have Lightning share what is shared already.
        """
        if self.trainer is None:
            return 0, 1
        if self.trainer.world_size > 1 and self.trainer._accelerator_connector.use_distributed_sampler:
            raise ValueError(
                f"trainer.use_distributed_sampler is true, but {type(self).__name__} gives each process its own rows, "
                f"and Lightning would divide these again; make the trainer with use_distributed_sampler=False"
            )
        return self.trainer.global_rank, self.trainer.world_size

    def summary(self) -> str:
        """One line for the start of a run."""
        return f"{self.name}: {self.input_size} numbers a step"

    def facts(self) -> dict[str, Any]:
        """What results.json keeps of the data beside its name, plain values; `baselines` are shown beside the model."""
        return {}

    def baseline_parts(self) -> Mapping[str, Mapping[str, Any]]:
        """Of each forecast among the baselines its measures (S, Y) by series and target, NaN where there is none."""
        return {}

    def images(self, sequences: Sequence[Tensor]) -> Tensor | None:
        """N sequences (T, D) as (N, height, width) or (N, height, width, 3) in [0, 1] to look at; None: draw curves."""
        return None

    def read_labels(self, x: Tensor) -> Tensor | None:
        """(B, T) classes that an input (B, T, D) spells, to look at; None where it spells none."""
        return None

    def rows_of_window(self, split: str, number: int) -> Any:
        """(G, T) rows of a table that a window's steps are, -1 for padding, to look at; None: there is no table."""
        return None
