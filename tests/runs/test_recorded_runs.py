"""Whole runs of recorded steps: with what stands in for a GPU they give the bits of plain ones, killed or not."""

import pytest

from seqmodels.modules.recorded import RecordedStep
from seqmodels.runs.run import compose, train
from tests.support.attempts import DIGITS, EXACT, SINE, checkpoint, cut_and_resumed, same, whole
from tests.support.recording import by_running_again

GRAPHS = "trainer.cuda_graphs=true"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [[*SINE, "core=lru", "core.dropout=0.2", "module.backprop_windows=2"], DIGITS], ids=["streams", "epochs"]
)
def test_a_run_of_recorded_steps_is_the_plain_run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "seqmodels.runs.build.record_steps",
        lambda module, trainer: setattr(module, "recorded", RecordedStep(module, by_running_again)),
    )
    plain = checkpoint(train(compose(words), "plain").folder)
    for folder in (whole([*words, GRAPHS]), cut_and_resumed([*words, GRAPHS], [7, 13])):
        ours = checkpoint(folder)
        assert [key for key in EXACT if key in plain and not same(ours[key], plain[key])] == []
