"""Recall: what was read before is asked for again, and the state has to have kept it; see `recall_problems.py`.

How much is kept for how many bytes of state is the question, so `results.json` has `state_bytes`, and reports draw it.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from seqmodels.config.ranges import LONGEST, WIDEST, at_most, one_of, size, written
from seqmodels.datamodules.synthetic.generated import GeneratedKinds
from seqmodels.datamodules.synthetic.languages.language import NONE
from seqmodels.datamodules.synthetic.recall_problems import PROBLEMS, Problem
from seqmodels.datamodules.synthetic.tokens import Embedding, Learned, as_input, as_tokens
from seqmodels.datamodules.window import AccuracyBy

Name = Literal["mqar", "selective_copying", "induction_heads"]
Kinds = Sequence[Sequence[int]]

LARGEST = 2**16
"""Vocabulary: keys are drawn from a shuffled list of half of it, for each row."""


class Recall(GeneratedKinds):
    """Batches x (B, T, D), or tokens (B, T, 1) whose vectors are learned, labels (B, T) and scored (B, T) bool for a
    labeller; the scored steps alone count.

    A sequence is padded with its last token; T is that of the longest in the batch.

    Attributes:
        name: of the problem. input_size: D, the vocabulary, `embedding` or 1. output_size: the vocabulary.
    """

    task = "labelling"
    loss_steps = "scored"

    def __init__(
        self,
        problem: Name = "mqar",
        vocabulary: int = 8192,
        embedding: Embedding = 128,
        train_kinds: Kinds = ((64, 4),),
        val_kinds: Kinds = ((64, 4),),
        test_kinds: Kinds = ((64, 4), (64, 8), (64, 16)),
        **options: Any,
    ) -> None:
        """
        Args:
            problem: see `recall_problems.py`.
            vocabulary: V, how many tokens there are.
            embedding: D, of a random vector for each token, the same in all runs and not learned: entries are Gaussian,
                so that two tokens are nearly orthogonal. None: one-hot, of V numbers. learned: the module learns them.
            train_kinds, val_kinds, test_kinds: [steps, things to be kept] of sequences, each kind as frequent.
            options: as in `GeneratedData`.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        super().__init__(**options)
        one_of(Name, problem=problem)
        self.name, self.problem = problem, PROBLEMS[problem]
        size(LARGEST, vocabulary=vocabulary)
        if isinstance(embedding, int):
            size(WIDEST, embedding=embedding)
        else:
            one_of(Learned, embedding=embedding)
        self.vocabulary, self.kinds, self.numbers = vocabulary, {}, {}
        for split, kinds in (("train", train_kinds), ("val", val_kinds), ("test", test_kinds)):
            _check(self.problem, problem, vocabulary, f"{split}_kinds", kinds)
            self.kinds[split] = np.array(kinds)
            self.numbers[split] = max(self.problem.numbers(*kind) for kind in kinds)
        self.table: Tensor | None = None
        self.input_size = self.output_size = vocabulary
        if embedding == "learned":
            self.tokens, self.input_size, self.input_names = vocabulary, 1, ["token"]
        elif embedding is not None:
            self.table = torch.randn(vocabulary, embedding, generator=torch.Generator().manual_seed(0))
            self.input_size = embedding
        self.class_names = list(map(str, range(vocabulary)))
        self.chance = 1 / self.problem.answers(vocabulary)
        by_length = problem == "induction_heads"
        found = {kind[0 if by_length else 1] for kind in test_kinds}  # each by itself, and nothing between two of them
        edges = sorted({edge for number in found for edge in (number, number + 1)})
        self.accuracy_by = AccuracyBy("length" if by_length else "pairs", edges)

    def make(self, u: np.ndarray, kinds: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """A kind is (steps, things to be kept)."""
        longest = int(kinds[:, 0].max())
        tokens, answers = np.zeros((len(u), longest), np.int64), np.full((len(u), longest), NONE)
        for steps, pairs in np.unique(kinds, axis=0).tolist():
            rows = np.flatnonzero((kinds == (steps, pairs)).all(1))
            own, asked = self.problem.make(u[rows], steps, pairs, self.vocabulary)
            tokens[rows, :steps], answers[rows, :steps] = own, asked
            tokens[rows, steps:] = own[:, -1:]
        read, scored = torch.from_numpy(tokens), torch.from_numpy(answers != NONE)
        x = self.table[read] if self.table is not None else as_input(read, self.vocabulary, self.tokens)
        return x, torch.from_numpy(np.where(answers == NONE, 0, answers)), scored

    def read_labels(self, x: Tensor) -> Tensor | None:
        return as_tokens(x, self.tokens) if self.table is None else None

    def summary(self) -> str:
        kinds = "; ".join(f"{split} {written(kinds.tolist())}" for split, kinds in self.kinds.items())
        return f"{self.name}: {self.vocabulary:,} tokens, [steps, kept] {kinds}; {self.sizes()}"

    def facts(self) -> dict[str, Any]:
        return {"baselines": {"guess": {"acc": self.chance}}}


def _check(problem: Problem, name: str, vocabulary: int, key: str, kinds: Kinds) -> None:
    if not kinds or any(len(kind) != 2 for kind in kinds):
        raise ValueError(f"{key}={written(kinds)} is no list of [steps, things to be kept]; give [[64, 4]], say")
    for steps, pairs in kinds:
        least = problem.steps(pairs)
        size(LONGEST, **{key: pairs})
        at_most(LONGEST, **{key: steps})
        if steps < least or (name == "mqar" and steps % 2):
            kind = "an even number of " if name == "mqar" else ""
            raise ValueError(f"{key}=[[{steps}, {pairs}]]: {name} of {pairs} wants {kind}at least {least} steps")
        if name == "induction_heads" and pairs != 1:
            raise ValueError(f"{key}=[[{steps}, {pairs}]]: induction_heads keeps one token; give [[{steps}, 1]]")
        if vocabulary < problem.smallest or (name == "mqar" and vocabulary // 2 - 1 < pairs):
            wanted = max(problem.smallest, 2 * pairs + 2 if name == "mqar" else 0)
            raise ValueError(f"vocabulary={vocabulary} is too small for {name} of {pairs}; give at least {wanted}")
