"""One label at every step of a sequence."""

from torch import Tensor
from torch.nn import functional as F

from seqmodels.cores.base import State
from seqmodels.modules.base import SequenceModule
from seqmodels.modules.metrics.classification import ClassScores

Batch = tuple[Tensor, Tensor, Tensor]
"""x (B, T, D), labels (B, T), and scored (B, T) bool, the steps of `acc_scored`; the loss is of all steps."""


class SequenceLabeller(SequenceModule):
    """Reads a sequence and says at each step what it is; output_size is the number of classes.

    Example:
        logits, state = module(x)              # x (B, T, D), logits (B, T, classes)
        logits, state = module(more, state)    # the same sequences, further on
    """

    task = "labelling"
    train_measures = ("loss", "acc")
    measures = ("loss", "acc", "acc_balanced", "acc_scored")
    bar_measures = ("acc_scored",)

    def forward(
        self, x: Tensor, state: State | None = None, reset: Tensor | None = None, dt: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """
        Args:
            x: (B, T, D) in physical units.
            state: carried from earlier steps of the same sequences; None starts anew.
            reset, dt: (B, T), where sequences begin anew and the time since the step before, as in `Core`.

        Returns:
            logits (B, T, classes), and the state after step T.
        """
        y, state = self.core(self.normalized(x), state, reset, dt)
        return self.read_out(y, x), state

    def training_step(self, batch: Batch) -> Tensor:
        loss, logits = self.computed(batch)
        if self.logs_this_step:
            self.log_step(loss=loss.detach(), acc=(logits.argmax(-1) == batch[1]).float().mean())
        return loss

    def compute(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss, and the logits (B, T, classes)."""
        logits, _ = self(batch[0])
        return F.cross_entropy(logits.mT, batch[1]), logits

    def judge(self, y: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same, of what the core said of the batch, y (B, T, H)."""
        logits = self.read_out(y, batch[0])
        return F.cross_entropy(logits.mT, batch[1]), logits

    def predict_step(self, batch: Batch) -> Tensor:
        """(B, T, classes) probabilities."""
        return self(batch[0])[0].softmax(-1)

    def metric(self, stage: str) -> ClassScores:
        return ClassScores(self.head.out_features)

    def evaluate(self, stage: str, batch: Batch, number: int) -> dict[str, Tensor]:
        x, labels, scored = batch
        logits, _ = self(x)
        predicted = logits.argmax(-1)
        loss = F.cross_entropy(logits.mT, labels, reduction="none")
        self.metrics[stage].update(loss, predicted, labels, scored)
        return {"labels": predicted}
