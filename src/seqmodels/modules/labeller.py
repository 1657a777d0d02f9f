"""One label at every step of a sequence."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric

from seqmodels.cores.base import Core, State
from seqmodels.modules.base import HeadInit, InitialState, SequenceModule, Stats

Batch = tuple[Tensor, Tensor, Tensor]
"""x (B, T, D), labels (B, T), and scored (B, T) bool, the steps of `acc_scored`; the loss is of all steps."""


class SequenceLabeller(SequenceModule):
    """Reads a sequence and says at each step what it is.

    Example:
        logits, state = module(x)              # x (B, T, D), logits (B, T, classes)
        logits, state = module(more, state)    # the same sequences, further on
    """

    task = "labelling"

    def __init__(
        self,
        core: Callable[..., Core],
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        input_size: int,
        output_size: int,
        scheduler: Callable[[Optimizer, int], LRScheduler] | None = None,
        input_stats: Stats | None = None,
        head_init: HeadInit = "torch",
        initial_state: InitialState = "zeros",
        compile: bool = False,
        dynamics_lr: float = 1.0,
    ) -> None:
        """
        Args:
            core, optimizer, scheduler, input_size, input_stats, head_init, initial_state, compile, dynamics_lr: as in
                `SequenceModule`.
            output_size: number of classes.
        """
        super().__init__(
            core,
            optimizer,
            scheduler,
            input_size,
            output_size,
            input_stats,
            head_init,
            initial_state,
            compile,
            dynamics_lr,
        )
        measures = ("loss", "acc", "acc_scored")
        self.means = nn.ModuleDict(
            {stage: nn.ModuleDict({measure: MeanMetric() for measure in measures}) for stage in ("val", "test")}
        )

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """
        Args:
            x: (B, T, D) in physical units.
            state: carried from earlier steps of the same sequences; None starts anew.

        Returns:
            logits (B, T, classes), and the state after step T.
        """
        y, state = self.core(self.normalized(x), state)
        return self.head(y), state

    def training_step(self, batch: Batch) -> Tensor:
        x, labels, _ = batch
        logits, _ = self(x)
        loss = F.cross_entropy(logits.mT, labels)
        if self.logs_this_step:
            self.log("train/loss", loss.detach(), prog_bar=True, sync_dist=True)
            self.log("train/acc", (logits.argmax(-1) == labels).float().mean(), sync_dist=True)
            self.log("lr", self.learning_rate)
        return loss

    def validation_step(self, batch: Batch) -> dict[str, Tensor]:
        return self._evaluate("val", batch)

    def test_step(self, batch: Batch) -> dict[str, Tensor]:
        return self._evaluate("test", batch)

    def predict_step(self, batch: Batch) -> Tensor:
        """(B, T, classes) probabilities."""
        return self(batch[0])[0].softmax(-1)

    def _evaluate(self, stage: str, batch: Batch) -> dict[str, Tensor]:
        x, labels, scored = batch
        logits, _ = self(x)
        predicted = logits.argmax(-1)
        right = (predicted == labels).float()
        means: Any = self.means[stage]
        means["loss"].update(F.cross_entropy(logits.mT, labels, reduction="none"))
        means["acc"].update(right)
        means["acc_scored"].update(right[scored])
        for measure, mean in means.items():
            self.log(f"{stage}/{measure}", mean, batch_size=len(x), prog_bar=measure == "acc_scored")
        return {"labels": predicted}
