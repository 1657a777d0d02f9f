"""Formal languages against plain evaluators: words as text, answers by Python's own arithmetic and by moving things."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from seqmodels.datamodules.synthetic.formal_language import FormalLanguage
from seqmodels.datamodules.synthetic.languages.permutations import GROUPS, words_over
from tests.support.data import same


def permuted(word: list[str]) -> str:
    things = sorted(word[0])
    for permutation in word:
        things = [things[int(place)] for place in permutation]
    return "".join(things)


def odd(count: int) -> str:
    return "odd" if count % 2 else "even"


PLAIN: dict[str, Callable[[list[str]], str]] = {
    "parity": lambda word: odd(word.count("1")),
    "even_pairs": lambda word: odd(sum(a != b for a, b in pairwise(word))),
    "cycle_navigation": lambda word: str((word.count("+1") - word.count("-1")) % 5),
    "modular_arithmetic": lambda word: str(eval("".join(word).rstrip("=")) % 5),
    "modular_arithmetic_brackets": lambda word: str(eval("".join(word).rstrip("=")) % 5),
    "words_s3": permuted,
    "words_a5": permuted,
    "words_s5": permuted,
}
every_language = pytest.mark.parametrize("language", PLAIN)


def batch(data: FormalLanguage, split: str, count: int) -> Any:
    return data.splits[split].__getitems__(torch.arange(count))


@every_language
def test_the_answer_is_that_of_a_plain_evaluator(language: Any) -> None:
    data = FormalLanguage(language, train_size=300, train_lengths=(1, 40), test_size=30, seed=3)
    for split, count in (("train", 300), ("test", 30)):
        x, labels, lengths = batch(data, split, count)
        assert (x.sum(-1) == 1).all()
        shortest, longest = (1, 40) if split == "train" else (40, 256)
        admissible = data.language.lengths(shortest, longest)
        assert set(lengths.tolist()) <= set(admissible)
        assert split == "test" or set(lengths.tolist()) == set(admissible), "each length is there"
        for row, label, length in zip(x, labels.tolist(), lengths.tolist(), strict=True):
            word = [data.input_names[symbol] for symbol in row[:length].argmax(-1)]
            assert data.class_names[label] == PLAIN[language](word), word
            assert (row[length:] == row[length - 1]).all(), "padding is the last symbol again"


@pytest.mark.parametrize("language", [name for name in PLAIN if name != "modular_arithmetic_brackets"])
def test_every_prefix_is_asked_for_and_answered(language: Any) -> None:
    data = FormalLanguage(language, answers="every", train_size=5, val_size=5, val_lengths=(9, 30))
    for split, first in (("train", 1), ("val", 9)):
        x, labels, scored = batch(data, split, 5)
        assert len(x[0]) == (40 if split == "train" else 30)
        for row, answers, counts in zip(x.argmax(-1), labels.tolist(), scored.tolist(), strict=True):
            word = [data.input_names[symbol] for symbol in row]
            asked = {step for step in range(first, len(word) + 1) if word[step - 1] not in list("+-*")}
            assert {step for step, count in enumerate(counts, 1) if count} == asked
            for step in asked:
                assert data.class_names[answers[step - 1]] == PLAIN[language](word[:step])


@pytest.mark.parametrize("name", GROUPS)
def test_groups_are_groups_and_few_generators_reach_all(name: str) -> None:
    sizes = {"s3": 6, "a5": 60, "s5": 120}
    for count in (2, 3, 5, None):
        language = words_over(name, count)
        assert len(language.classes) == len(set(language.classes)) == sizes[name]
        assert len(set(language.symbols)) == (count or sizes[name])
        _, answers = language.spell(np.random.default_rng(0).random((50, 200)), np.full(50, 200))
        assert set(answers.flatten()) == set(range(sizes[name])), "not every element is reached"


@every_language
def test_answers_are_no_more_likely_than_their_meaning_has_them(language: Any) -> None:
    """Uniform but for products, where 0 is more frequent."""
    data = FormalLanguage(language, train_size=4000)
    _, labels, _ = batch(data, "train", 4000)
    counts = torch.bincount(labels, minlength=data.output_size) / 4000
    spread = 3.5 * (data.chance * (1 - data.chance) / 4000) ** 0.5 if "arithmetic" not in language else 0.15
    assert (counts - data.chance).abs().max() < max(spread, 0.01)


def test_a_sample_is_a_function_of_seed_part_and_index() -> None:
    data = FormalLanguage("modular_arithmetic_brackets", train_size=90, train_lengths=(9, 9))
    whole = batch(data, "train", 90)
    again = FormalLanguage("modular_arithmetic_brackets", train_size=90, train_lengths=(9, 9), batch_size=7)
    assert same(again.splits["train"].__getitems__(torch.tensor([70, 3])), [tensor[[70, 3]] for tensor in whole])
    other = FormalLanguage("modular_arithmetic_brackets", train_size=90, train_lengths=(9, 9), seed=2)
    assert not torch.equal(batch(other, "train", 90)[0], whole[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"language": "paritty"}, "language=paritty is not known; choose "),
        ({"generators": 2}, "generators=2 is for words over permutations; give datamodule.generators=null, or "),
        ({"language": "words_s3", "generators": 7}, "generators=7 of S3: give an integer from 2 to 6, or null"),
        ({"language": "words_s3", "generators": 1}, "generators=1 is too small; give an integer of at least 2"),
        ({"language": "modular_arithmetic_brackets", "answers": "every"}, "answers=every, but prefixes of modular_ar"),
        ({"train_lengths": [9]}, r"train_lengths=\[9\] is no range of lengths; give \[shortest, longest\]"),
        ({"val_lengths": [9, 8]}, r"val_lengths=\[9, 8\] is no range of lengths"),
        ({"test_lengths": [0, 8]}, r"test_lengths=\[0, 8\] is no range of lengths"),
        ({"test_lengths": [1, 10**7]}, r"test_lengths=\[1, 10000000\] is too long; give words of at most 1000000"),
        ({"language": "modular_arithmetic", "train_lengths": [3, 3]}, r"train_lengths=\[3, 3\] holds no length that"),
        ({"bins": 0}, "bins=0 is too small"),
    ],
)
def test_a_wrong_argument_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        FormalLanguage(**wrong)
