"""torch.compile in place: the same names and numbers; and weights that bring their own statistics."""

import pytest
import torch

from seqmodels.modules.base import SequenceModule
from tests.modules.test_classifier import classifier
from tests.modules.test_regressor import regressor
from tests.modules.test_tbptt import sgd, step, stream


@pytest.mark.parametrize("make", [regressor, classifier])
def test_compiling_keeps_the_names_of_the_weights(make: type[SequenceModule]) -> None:
    plain, compiled = make(), make(compile=True)
    assert list(plain.state_dict()) == list(compiled.state_dict())
    assert plain.core._compiled_call_impl is None
    assert compiled.core._compiled_call_impl is not None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # Dynamo looks at it
@pytest.mark.parametrize(
    ("core", "initial_state"), [("lstm", "zeros"), ("lstm", "learned"), ("min_gru", "zeros")], ids=str
)
def test_compiled_training_is_the_same_training(core: str, initial_state: str) -> None:
    modules = [regressor(core, compile=compile, initial_state=initial_state) for compile in (False, True)]
    optimizers = [sgd(module) for module in modules]
    for w in stream(9, torch.float32)[::2]:  # of one length: each other would be compiled anew
        plain, compiled = (step(*pair, w) for pair in zip(modules, optimizers, strict=True))
        for mine, theirs in zip(compiled, plain, strict=True):
            torch.testing.assert_close(mine, theirs)


def test_weights_bring_their_own_statistics() -> None:
    """A module that normalised takes weights that did not, and the other way round."""
    plain, normal = classifier(), classifier(input_stats=(0.3, 0.2))
    x = torch.rand(4, 8, 8)
    expected = {module: module(x)[0] for module in (plain, normal)}
    for source in (plain, normal):
        for target in (classifier(), classifier(input_stats=(0.5, 2.0))):
            target.load_state_dict(source.state_dict())
            assert torch.equal(target(x)[0], expected[source])
            assert target._normalizes == (source is normal)
