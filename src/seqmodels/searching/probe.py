"""Whether a search can be run at all: every value that it may choose makes a config, before the first trial begins."""

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from seqmodels.config.migrate import migrated_key
from seqmodels.config.overrides import key_of
from seqmodels.exceptions import message_of
from seqmodels.searching.setting import OWN, Search
from seqmodels.searching.space import Choice, Dimension, overrides_for

FORBIDDEN = ("name", "monitor", "mode", "resume", "trust", "test", "callbacks.pruning", *OWN)
"""Keys by which a trial would leave its study, or choose by the test data."""


def probe(search: Search) -> None:
    """Compose a trial for each value of the space, of a range for its lower end.

    Raises:
        ValueError: names the dimension and the value that make no config.
    """
    for dimension in search.space:
        if (today := migrated_key(dimension.key)) != dimension.key:
            raise ValueError(f"space.{dimension.key} is {today} now; write space.{today} in the YAML of the search")
        values: tuple[Choice, ...] = dimension.choices or (dimension.low,)
        for value in values:
            overrides = dimension.overrides_for(value)
            for override in overrides:
                _refuse(dimension, override)
            chosen = {**_conditions(dimension, search), dimension.key: value}
            try:
                search.config(overrides_for(search.space, chosen))
            except (ValueError, HydraException, OmegaConfBaseException) as error:
                raise ValueError(f"space.{dimension.key}, {' '.join(overrides)}: {message_of(error)}") from error


def _refuse(dimension: Dimension, override: str) -> None:
    key = key_of(override)
    if key in FORBIDDEN or override.startswith("~") or key.split(".")[0] in ("hydra", "space"):
        raise ValueError(f"space.{dimension.key}: {override} is not for a search to change")


def _conditions(dimension: Dimension, search: Search) -> dict[str, Choice]:
    """Values of other dimensions under which this one counts."""
    chosen: dict[str, Choice] = {}
    for key, values in (dimension.when or {}).items():
        other = next(candidate for candidate in search.space if candidate.key == key)
        chosen |= {**_conditions(other, search), key: values[0]}
    return chosen
