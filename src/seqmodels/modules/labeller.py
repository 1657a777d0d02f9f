"""One label at every step of a sequence."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric

from seqmodels.cores.base import State
from seqmodels.modules.base import STAGES, SequenceModule

Batch = tuple[Tensor, Tensor, Tensor]
"""x (B, T, D), labels (B, T), and scored (B, T) bool, the steps of `acc_scored`; the loss is of all steps."""


class SequenceLabeller(SequenceModule):
    """Reads a sequence and says at each step what it is.

    Example:
        logits, state = module(x)              # x (B, T, D), logits (B, T, classes)
        logits, state = module(more, state)    # the same sequences, further on
    """

    task = "labelling"
    train_measures = ("loss", "acc")
    measures = ("loss", "acc", "acc_scored")

    def __init__(self, *parts: Any, **shared: Any) -> None:
        """
        Args:
            parts, shared: as in `SequenceModule`; output_size is the number of classes.
        """
        super().__init__(*parts, **shared)
        self.means = nn.ModuleDict(
            {stage: nn.ModuleDict({measure: MeanMetric() for measure in self.measures}) for stage in STAGES}
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
            self.log_step(loss=loss.detach(), acc=(logits.argmax(-1) == labels).float().mean())
        return loss

    def predict_step(self, batch: Batch) -> Tensor:
        """(B, T, classes) probabilities."""
        return self(batch[0])[0].softmax(-1)

    def evaluate(self, stage: str, batch: Batch, number: int) -> dict[str, Tensor]:
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
