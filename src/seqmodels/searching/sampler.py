"""Samplers and pruners from the config, and why a study that goes on proposes what it would have proposed."""

import inspect
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from hydra.utils import get_class
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from seqmodels.config.hints import fits

PACKAGES = {"optuna.samplers.CmaEsSampler": "cmaes"}
"""What Optuna imports only when it is used, and does not bring along."""


class Seeded(BaseSampler):
    """A sampler whose random numbers depend on the search's seed, the trial's number and the key alone.

    So a study that was stopped, or is shared, needs no generator to be saved: each proposal follows from the trials
    that are finished, and two processes never draw the same.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        """
        Args:
            make: a sampler with this seed.
            seed: of the search.
        """
        self.make, self.seed = make, seed
        self.current = make(seed)

    def _fresh(self, *what: object) -> BaseSampler:
        return self.make(zlib.crc32("/".join(map(str, (self.seed, *what))).encode()))

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self.current = self._fresh(trial.number)
        self.current.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.current.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self.current.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        sampler = self._fresh(trial.number, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        self.current.after_trial(study, trial, state, values)


def sampler_of(config: Mapping[str, Any], seed: int) -> BaseSampler:
    """The sampler of `sampler:`.

    Raises:
        ValueError: an option is wrong, or the sampler needs a package that is not installed.
    """
    package = PACKAGES.get(config["_target_"])
    if package and find_spec(package) is None:
        raise ValueError(f"sampler={config['_target_']} needs the package {package}: pip install {package}")
    return Seeded(lambda number: _made("sampler", config, seed=number), seed)


def pruner_of(config: Mapping[str, Any]) -> BasePruner:
    """The pruner of `pruner:`.

    Raises:
        ValueError: an option is wrong.
    """
    return _made("pruner", config)


def _made(section: str, config: Mapping[str, Any], **more: Any) -> Any:
    options = {key: value for key, value in config.items() if key != "_target_"}
    kind = get_class(config["_target_"])
    for key, value in options.items():
        default = inspect.signature(kind).parameters[key].default  # Optuna's annotations cannot be read at run time
        if isinstance(default, int | float) and not fits(value, type(default)):
            expected = type(default).__name__
            raise ValueError(
                f"{section}.{key}={value!r} has the wrong type {type(value).__name__}; expected {expected}"
            )
    try:
        return kind(**options, **more)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{section}: {error}") from error
