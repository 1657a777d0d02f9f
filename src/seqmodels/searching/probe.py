"""A space against the config, before the first trial: every key and every choice is composed once."""

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from seqmodels.command import message_of
from seqmodels.searching.dimension import Choice, Dimension, words_for
from seqmodels.searching.setting import OWN, Search

FORBIDDEN = ("name", "monitor", "mode", "resume", "trust", "test", "callbacks.pruning", *OWN)
"""Keys by which a trial would leave its study, or choose by the test data."""


def probe(search: Search) -> None:
    """Compose a trial for each of them.

    Raises:
        ValueError: names the dimension and the value that make no config.
    """
    for dimension in search.space:
        values: tuple[Choice, ...] = dimension.choices or (dimension.low,)
        for value in values:
            words = dimension.words_for(value)
            for word in words:
                _refuse(dimension, word)
            chosen = {**_conditions(dimension, search), dimension.key: value}
            try:
                search.config(words_for(search.space, chosen))
            except (ValueError, HydraException, OmegaConfBaseException) as error:
                raise ValueError(f"space.{dimension.key}, {' '.join(words)}: {message_of(error)}") from error


def _refuse(dimension: Dimension, word: str) -> None:
    key = word.lstrip("+~").partition("=")[0]
    if key in FORBIDDEN or word.startswith("~") or key.split(".")[0] in ("hydra", "space"):
        raise ValueError(f"space.{dimension.key}: {word} is not for a search to change")


def _conditions(dimension: Dimension, search: Search) -> dict[str, Choice]:
    """Values of other dimensions under which this one counts."""
    chosen: dict[str, Choice] = {}
    for key, values in (dimension.when or {}).items():
        other = next(candidate for candidate in search.space if candidate.key == key)
        chosen |= {**_conditions(other, search), key: values[0]}
    return chosen
