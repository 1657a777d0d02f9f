"""Steps recorded without a GPU: what is played runs the function again, into the same memory, as a CUDA graph would."""

from collections.abc import Callable

from seqmodels.modules.same_results import Results
from seqmodels.modules.tensor_trees import tensors_of


def by_running_again(run: Callable[[], Results]) -> tuple[Callable[[], None], Results]:
    """A `Recorder`."""
    results = run()
    kept = tensors_of(results)

    def play() -> None:
        for place, new in zip(kept, tensors_of(run()), strict=True):
            place.copy_(new)

    return play, results
