"""Formal languages: read a word, say what is right of it; trained on short words, tested on long ones.

    parity                          0 1 1 0 1       odd          ones, modulo 2
    even_pairs                      a b b a a       even         changes of the letter, modulo 2
    cycle_navigation                +1 +1 stay -1   1            position on a cycle of five
    modular_arithmetic              3 * 4 - 2 =     0            modulo 5, products first
    modular_arithmetic_brackets     (-(3+4)) = ...  2            modulo 5
    words_s3, words_a5, words_s5    102 120 021     210          product of permutations

A core can say which only if its state follows the word, whatever its length; training lengths alone can be learned by
heart. Up to the brackets, which want a stack, all languages are regular: some finite state does it for ever. The form,
words of 3 to 40 symbols for the training and of 40 to 256 for the test, one answer for a word, is that of Beck et al.
2024 (xLSTM, arXiv 2405.04517), Grazzi et al. 2025 (arXiv 2411.12537) and Walker et al. 2025 (arXiv 2505.17761). They
choose the best weights by validations of the test's lengths, and so does this by default.

With answers=every each prefix that has an answer is asked for it, which is much more to learn from: words over
permutations are mostly trained so. Every word is then as long as its split allows. In the training all its prefixes
are asked for; in validation and test those of the split's lengths, and accuracy by length is that of prefixes.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from seqmodels.config.ranges import LONGEST, at_least, one_of, size, written
from seqmodels.datamodules.synthetic.generated import GeneratedKinds
from seqmodels.datamodules.synthetic.languages.arithmetic import MODULAR_ARITHMETIC, MODULAR_ARITHMETIC_BRACKETS
from seqmodels.datamodules.synthetic.languages.counting import CYCLE_NAVIGATION, EVEN_PAIRS, PARITY
from seqmodels.datamodules.synthetic.languages.language import NONE, Language
from seqmodels.datamodules.synthetic.languages.permutations import words_over
from seqmodels.datamodules.synthetic.tokens import Learned, as_input, as_tokens
from seqmodels.datamodules.window import AccuracyBy

Name = Literal[
    "parity", "even_pairs", "cycle_navigation", "modular_arithmetic", "modular_arithmetic_brackets",
    "words_s3", "words_a5", "words_s5",
]  # fmt: skip
Answers = Literal["last", "every"]
Lengths = Sequence[int]

LONGEST_WORD = 1_000_000

LANGUAGES: dict[str, Language] = {
    "parity": PARITY,
    "even_pairs": EVEN_PAIRS,
    "cycle_navigation": CYCLE_NAVIGATION,
    "modular_arithmetic": MODULAR_ARITHMETIC,
    "modular_arithmetic_brackets": MODULAR_ARITHMETIC_BRACKETS,
}
"""Those without a setting of their own."""


class FormalLanguage(GeneratedKinds):
    """Batches x (B, T, D) one-hot, labels (B,) and lengths (B,) for a classifier; with answers=every x, labels (B, T)
    and scored (B, T) bool for a labeller.

    A word is padded with its last symbol; T is that of the longest in the batch.

    Attributes:
        name: the language's, with `generators` as words_a5_of_2.
        input_size: D, symbols. output_size: classes.
    """

    def __init__(
        self,
        language: Name = "parity",
        generators: int | None = None,
        answers: Answers = "last",
        embedding: Learned = None,
        train_lengths: Lengths = (3, 40),
        val_lengths: Lengths = (40, 256),
        test_lengths: Lengths = (40, 256),
        bins: int = 8,
        **options: Any,
    ) -> None:
        """
        Args:
            language: see above.
            generators: of words over permutations: in how many of them words are written; None: all of the group.
            answers: of the whole word, or of every prefix.
            embedding: None: symbols are one-hot. learned: x is (B, T, 1), their numbers, and the module learns vectors.
            train_lengths, val_lengths, test_lengths: [shortest, longest] number of symbols; all that the language has
                between them are as frequent as each other.
            bins: equal ranges of the test's lengths whose accuracies are told apart.
            options: as in `GeneratedData`.

        Raises:
            ValueError: an argument is outside its range, or two contradict each other.
        """
        super().__init__(**options)
        one_of(Name, language=language)
        one_of(Answers, answers=answers)
        one_of(Learned, embedding=embedding)
        size(LONGEST, bins=bins)
        if generators is not None:
            at_least(2, generators=generators)
        self.language = _language(language, generators)
        self.name = language if generators is None else f"{language}_of_{generators}"
        self.task = "classification" if answers == "last" else "labelling"
        self.loss_steps = "scored"
        if answers == "every" and not self.language.every:
            raise ValueError(
                f"answers=every, but prefixes of {language} have no value; give datamodule.answers=last "
                f"module=classifier, or another language, such as modular_arithmetic"
            )
        self.kinds, self.numbers = {}, {}
        for split, lengths in (("train", train_lengths), ("val", val_lengths), ("test", test_lengths)):
            known = _lengths(self.language, language, f"{split}_lengths", lengths)
            first = 1 if split == "train" else lengths[0]
            self.kinds[split] = np.array([(n, n) for n in known] if answers == "last" else [(first, known[-1])])
            self.numbers[split] = known[-1]
        bins = min(bins, test_lengths[1] - test_lengths[0] + 1)
        edges = np.linspace(test_lengths[0], test_lengths[1] + 1, bins + 1)
        self.accuracy_by = AccuracyBy("length", tuple(np.ceil(edges).astype(int).tolist()))
        self.symbols, self.class_names = list(self.language.symbols), list(self.language.classes)
        self.tokens = len(self.symbols) if embedding else None
        self.input_names = ["token"] if embedding else self.symbols
        self.input_size, self.output_size = len(self.input_names), len(self.class_names)
        self.chance = 1 / self.output_size

    def make(self, u: np.ndarray, kinds: np.ndarray) -> tuple[Tensor, ...]:
        """A kind is the shortest prefix that is asked for, and the word's length; each symbol takes a number."""
        first, lengths = np.ascontiguousarray(kinds.T)
        longest = int(lengths.max())
        symbols, answers = self.language.spell(u[:, :longest], lengths)
        rows, step = np.arange(len(u)), np.arange(longest)
        padded = symbols[rows[:, None], np.minimum(step, lengths[:, None] - 1)]
        x = as_input(torch.from_numpy(padded), len(self.symbols), self.tokens)
        if self.task == "classification":
            return x, torch.from_numpy(answers[rows, lengths - 1]), torch.from_numpy(lengths)
        scored = (answers != NONE) & (step >= first[:, None] - 1) & (step < lengths[:, None])
        return x, torch.from_numpy(np.where(scored, answers, 0)), torch.from_numpy(scored)

    def read_labels(self, x: Tensor) -> Tensor | None:
        return as_tokens(x, self.tokens) if self.symbols == self.class_names else None

    def summary(self) -> str:
        lengths = ", ".join(f"{split} {kinds[0, 0]} to {kinds[-1, 1]}" for split, kinds in self.kinds.items())
        asked = "" if self.task == "classification" else ", every prefix asked for"
        of = f"{len(self.symbols)} symbols, {self.output_size} classes{asked}"
        return f"{self.name}: {of}; lengths {lengths}; {self.sizes()}"

    def facts(self) -> dict[str, Any]:
        return {"baselines": {"guess": {"acc": self.chance, "acc_balanced": self.chance}}}


def _language(name: str, generators: int | None) -> Language:
    if name.startswith("words_"):
        return words_over(name.removeprefix("words_"), generators)
    if generators is not None:
        raise ValueError(
            f"generators={generators} is for words over permutations; give datamodule.generators=null, or "
            f"datamodule.language=words_s3, words_a5 or words_s5"
        )
    return LANGUAGES[name]


def _lengths(language: Language, name: str, key: str, lengths: Lengths) -> range:
    """Those that words can have, between two."""
    if len(lengths) != 2 or not 1 <= lengths[0] <= lengths[1]:
        raise ValueError(f"{key}={written(lengths)} is no range of lengths; give [shortest, longest], such as [3, 40]")
    if lengths[1] > LONGEST_WORD:
        raise ValueError(f"{key}={written(lengths)} is too long; give words of at most {LONGEST_WORD} symbols")
    known = language.lengths(*lengths)
    if not known:
        raise ValueError(
            f"{key}={written(lengths)} holds no length that a word of {name} can have; give a wider range, such as "
            f"[2, 40]"
        )
    return known
