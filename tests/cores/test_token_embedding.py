"""A core of tokens reads what it would read of their vectors, in every way that a core is called."""

from functools import partial
from typing import Any

import pytest
import torch

from seqmodels.cores.base import Core
from seqmodels.cores.lru import LRU
from seqmodels.cores.recurrent import LSTM
from seqmodels.cores.stack import Stack
from seqmodels.cores.token_embedding import TokenEmbedding
from seqmodels.datamodules.synthetic.formal_language import FormalLanguage
from seqmodels.datamodules.synthetic.recall import Recall
from seqmodels.modules.classifier import SequenceClassifier
from seqmodels.modules.labeller import SequenceLabeller

CORES: list[partial[Core]] = [partial(LSTM, hidden_size=4), partial(Stack, layer=partial(LRU), hidden_size=4)]


def labeller(core: Any = CORES[0], **settings: Any) -> SequenceLabeller:
    torch.manual_seed(1)
    return SequenceLabeller(core, torch.optim.SGD, 1, 5, **{"tokens": 300, "embedding": 6, **settings})


@pytest.mark.parametrize("core", CORES)
def test_tokens_are_read_as_their_vectors(core: partial[Core]) -> None:
    torch.manual_seed(1)
    embedded = TokenEmbedding(core, 9, 3)
    x, reset = torch.randint(9, (2, 7, 1)), torch.rand(2, 7) < 0.4
    vectors = embedded.embedding.weight[x[..., 0]]
    y, state = embedded(x)
    expected = embedded.core(vectors, None, reset)
    torch.testing.assert_close(y, embedded.core(vectors)[0])
    torch.testing.assert_close(embedded(x, None, reset), expected)
    torch.testing.assert_close(embedded(x.float(), state, reset)[0], embedded.core(vectors, state, reset)[0])
    nothing, same = embedded(x[:, :0], state)
    assert (nothing.shape, nothing.dtype, same) == ((2, 0, 4), torch.float32, state)


@pytest.mark.parametrize("start", ["zeros", "learned"])
def test_a_labeller_reads_a_sequence_of_tokens_in_pieces(start: str) -> None:
    module, x = labeller(initial_state=start), torch.randint(300, (3, 8, 1))
    whole, _ = module(x)
    first, state = module(x[:, :5])
    torch.testing.assert_close(torch.cat([first, module(x[:, 5:], state)[0]], 1), whole)
    whole.sum().backward()
    assert all(weight.grad is not None for weight in module.parameters())


def test_no_token_is_rounded_to_another_where_weights_have_16_bits() -> None:
    module = labeller().bfloat16()
    logits = module(torch.tensor([[[256]], [[257]]]))[0]
    assert (logits[0] != logits[1]).any(), "257 is 256 in bfloat16"


def test_what_is_said_of_a_wrong_token() -> None:
    with pytest.raises(ValueError, match="x holds tokens from 3 to 300; this model knows 300, numbered from 0"):
        labeller()(torch.tensor([[[3], [300]]]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"embedding": None}, r"embedding=null, but this data is made of 300 tokens.* give module.embedding=128"),
        ({"tokens": None}, r"embedding=6 is for tokens.* give module.embedding=null, or with datamodule=recall"),
        ({"embedding": 0}, "embedding=0 is too small"),
    ],
)
def test_tokens_and_their_vectors_come_together(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        labeller(**settings)


def test_sources_give_the_numbers_of_what_they_give_one_hot() -> None:
    recall = partial(Recall, "mqar", 40, train_kinds=[[16, 2]], train_size=9)
    language = partial(FormalLanguage, "words_s3", answers="every", train_size=9)
    for make in (recall, language):
        one_hot, numbers = make(embedding=None), make(embedding="learned")
        x, *rest = one_hot.splits["train"].__getitems__(torch.arange(9))
        tokens, *same = numbers.splits["train"].__getitems__(torch.arange(9))
        assert torch.equal(tokens[..., 0], x.argmax(-1))
        assert all(map(torch.equal, rest, same))
        assert (numbers.input_size, numbers.tokens) == (1, one_hot.input_size)
        assert list(numbers.input_names) == ["token"]
        read = one_hot.read_labels(x)
        assert read is not None
        assert torch.equal(read, numbers.read_labels(tokens))  # type: ignore[arg-type]


def test_a_classifier_of_tokens() -> None:
    module = SequenceClassifier(CORES[0], torch.optim.SGD, 1, 2, tokens=9, embedding=3)
    assert module(torch.randint(9, (4, 6, 1)), lengths=torch.tensor([1, 2, 3, 6]))[0].shape == (4, 2)
