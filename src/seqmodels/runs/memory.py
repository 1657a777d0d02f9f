"""What a run says when it asks for more memory than there is."""

from collections.abc import Iterator
from contextlib import contextmanager

from omegaconf import DictConfig

from seqmodels.config.flat import flat
from seqmodels.exceptions import first_line, is_out_of_memory

SIZES = ("datamodule.", "module.", "core.")
SHOWN = 3


@contextmanager
def memory_told(cfg: DictConfig) -> Iterator[None]:
    """Around what allocates.

    Raises:
        ValueError: there is not enough memory; the message names the largest sizes of the config.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        sizes = {key: value for key, value in flat(cfg).items() if key.startswith(SIZES) and _is_size(key, value)}
        largest = sorted(sizes, key=lambda key: -sizes[key])[:SHOWN]
        raise ValueError(
            f"{', '.join(f'{key}={sizes[key]}' for key in largest)}: this takes more memory than there is; give "
            f"smaller numbers ({first_line(error)})"
        ) from error


def _is_size(key: str, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and not key.endswith("seed")
