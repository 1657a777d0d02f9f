"""A piece without steps or without rows goes through every module: nothing is read, and the state is as it came."""

from functools import partial

import pytest
import torch

from seqmodels.cores.recurrent import GRU
from seqmodels.modules.base import SequenceModule
from seqmodels.modules.classifier import SequenceClassifier
from seqmodels.modules.labeller import SequenceLabeller
from seqmodels.modules.regressor import StreamRegressor

MODULES = {
    "classifier": SequenceClassifier,
    "classifier of the mean": partial(SequenceClassifier, readout="mean"),
    "labeller": SequenceLabeller,
    "regressor": StreamRegressor,
    "regressor of changes": partial(
        StreamRegressor, predict_change=True, difference_inputs=True, target_inputs=[0, 1, 2, 0], nan_input="error"
    ),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(("b", "t"), [(2, 0), (0, 0), (0, 5)])
def test_nothing_in_nothing_out(name: str, b: int, t: int) -> None:
    adam = partial(torch.optim.Adam, lr=0.01)
    module: SequenceModule = MODULES[name](partial(GRU, hidden_size=5), adam, 3, 4).eval()  # type: ignore[operator]
    _, (*before,) = module(torch.randn(b or 1, 6, 3))
    y, after = module(torch.randn(b, t, 3), tuple(tensor[:b] for tensor in before))
    torch.testing.assert_close(after, tuple(tensor[:b] for tensor in before), atol=0, rtol=0)
    if "classifier" in name:
        assert y.shape == (b, 4)
        assert y.isnan().all()
    else:
        assert y.shape == (b, t, 4)
