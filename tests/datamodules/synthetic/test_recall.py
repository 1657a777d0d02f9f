"""Recall problems: what is asked for was read before, and a plain reader that keeps everything answers it."""

from typing import Any

import numpy as np
import pytest
import torch

from seqmodels.datamodules.synthetic.recall import Recall
from seqmodels.datamodules.synthetic.recall_problems import distinct

VOCABULARY = 40
KINDS: dict[str, list[list[int]]] = {
    "mqar": [[16, 2], [24, 6], [64, 16]],
    "selective_copying": [[9, 3], [40, 16]],
    "induction_heads": [[4, 1], [30, 1]],
}


def made(problem: Any, count: int = 300) -> tuple[Recall, list[list[int]], list[dict[int, int]]]:
    """Tokens, and the answers by step."""
    kinds = KINDS[problem]
    data = Recall(problem, VOCABULARY, None, kinds, kinds, kinds, train_size=count)
    x, labels, scored = data.splits["train"].__getitems__(torch.arange(count))
    assert (x.sum(-1) == 1).all()
    asked = [
        {step: label for step, (label, counts) in enumerate(zip(*row, strict=True)) if counts}
        for row in zip(labels.tolist(), scored.tolist(), strict=True)
    ]
    return data, x.argmax(-1).tolist(), asked


def kind_of(problem: str, row: int, count: int = 300) -> list[int]:
    return KINDS[problem][row * len(KINDS[problem]) // count]


def test_mqar_asks_for_each_key_once_and_for_what_stood_behind_it() -> None:
    _, sequences, answers = made("mqar")
    for row, (tokens, asked) in enumerate(zip(sequences, answers, strict=True)):
        steps, pairs = kind_of("mqar", row)
        known = dict(zip(tokens[0 : 2 * pairs : 2], tokens[1 : 2 * pairs : 2], strict=True))
        assert len(known) == len(set(known.values())) == pairs
        assert all(1 <= key < 20 <= value < 40 for key, value in known.items())
        assert all(2 * pairs <= step < steps and step % 2 == 0 for step in asked)
        assert sorted(tokens[step] for step in asked) == sorted(known)
        assert all(known[tokens[step]] == answer for step, answer in asked.items())
        assert set(tokens[steps:]) <= {tokens[steps - 1]}, "padding is the last token again"


def test_a_key_comes_back_the_sooner_the_likelier() -> None:
    """The first key's distance falls as 1 / distance, nearly: the nearest of 14 places has 0.31 of it."""
    data = Recall("mqar", 64, None, [[32, 2]], train_size=6000)
    x, _, scored = data.splits["train"].__getitems__(torch.arange(6000))
    first = (x.argmax(-1) == x.argmax(-1)[:, :1]) & scored
    weight = np.arange(1, 15) ** -0.99
    assert first[:, 4].float().mean().item() == pytest.approx(weight[0] / weight.sum(), abs=0.03)


def test_selective_copying_asks_for_what_is_no_blank_in_its_order() -> None:
    _, sequences, answers = made("selective_copying")
    for row, (tokens, asked) in enumerate(zip(sequences, answers, strict=True)):
        steps, kept = kind_of("selective_copying", row)
        assert tokens[steps - kept : steps] == [1] * kept
        assert [token for token in tokens[: steps - kept] if token] == [
            asked[step] for step in range(steps - kept, steps)
        ]
        assert min(asked.values()) >= 2
        assert len(asked) == kept


def test_induction_heads_asks_for_what_followed_the_marker() -> None:
    _, sequences, answers = made("induction_heads")
    for row, (tokens, asked) in enumerate(zip(sequences, answers, strict=True)):
        steps, _ = kind_of("induction_heads", row)
        place = tokens.index(0)
        assert tokens[:steps].count(0) == 2
        assert asked == {steps - 1: tokens[place + 1]}
        assert tokens[steps - 1] == 0


def test_distinct_numbers_are_distinct_and_each_as_likely() -> None:
    found = distinct(5, np.random.default_rng(0).random((6000, 3)))
    assert (np.sort(found, 1)[:, 1:] > np.sort(found, 1)[:, :-1]).all()
    selections = np.unique(found, axis=0, return_counts=True)[1]
    assert len(selections) == 60
    assert abs(selections - 100).max() < 45
    assert np.sort(distinct(4, np.full((1, 4), 1 - 2**-53))).tolist() == [[0, 1, 2, 3]]


def test_accuracy_is_told_of_each_kind_of_the_test_by_itself() -> None:
    assert Recall(test_kinds=[[64, 4], [32, 2], [64, 5]]).accuracy_by == ("pairs", [2, 3, 4, 5, 6])
    heads = Recall("induction_heads", 16, None, [[9, 1]], [[9, 1]], [[64, 1], [9, 1]])
    assert heads.accuracy_by == ("length", [9, 10, 64, 65])


def test_an_embedding_is_the_same_vector_for_a_token_in_all_runs() -> None:
    plain = Recall("mqar", VOCABULARY, None, [[16, 2]], train_size=9)
    tables = []
    for seed in (1, 1, 2):
        data = Recall("mqar", VOCABULARY, 6, [[16, 2]], train_size=9, seed=seed)
        assert (data.input_size, data.output_size) == (6, VOCABULARY)
        assert data.table is not None
        tables.append(data.table)
        if seed == 1:
            x, one_hot = (one.splits["train"].__getitems__(torch.arange(9))[0] for one in (data, plain))
            torch.testing.assert_close(x, one_hot @ data.table)
    assert torch.equal(tables[0], tables[2])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"problem": "mqr"}, "problem=mqr is not known"),
        ({"train_kinds": []}, r"train_kinds=\[\] is no list of \[steps, things to be kept\]"),
        ({"val_kinds": [[64]]}, r"val_kinds=\[\[64\]\] is no list"),
        ({"test_kinds": [[15, 4]]}, r"test_kinds=\[\[15, 4\]\]: mqar of 4 wants an even number of at least 16 steps"),
        ({"test_kinds": [[17, 4]]}, r"test_kinds=\[\[17, 4\]\]: mqar of 4 wants an even number of"),
        ({"test_kinds": [[64, 0]]}, "test_kinds=0 is too small"),
        ({"vocabulary": 8}, "vocabulary=8 is too small for mqar of 4; give at least 10"),
        (
            {"problem": "induction_heads"},
            r"train_kinds=\[\[64, 4\]\]: induction_heads keeps one token; give \[\[64, 1\]\]",
        ),
        ({"vocabulary": 10**6}, "vocabulary=1000000 is too large"),
        ({"embedding": 0}, "embedding=0 is too small"),
    ],
)
def test_a_wrong_argument_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Recall(**wrong)
