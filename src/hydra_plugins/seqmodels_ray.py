"""A Ray cluster: -m hydra/launcher=ray

hydra-ray-launcher does the work; here it is said what to install when it is missing.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Ray(Launcher):
    """The jobs of a sweep as Ray's tasks."""

    def __init__(self, ray: DictConfig) -> None:
        """
        Args:
            ray: see conf/hydra/launcher/ray.yaml.
        """
        self.options = ray
        self.plugin: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """
        Raises:
            ValueError: the plugin is not installed.
        """
        try:
            from hydra_plugins.hydra_ray_launcher.ray_launcher import RayLauncher
        except ImportError:
            raise ValueError(
                'hydra/launcher=ray needs hydra-ray-launcher, in an environment of its own: pip install -e ".[ray]"'
            ) from None
        self.plugin = RayLauncher(ray=self.options)
        self.plugin.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Start a local cluster or join one, and wait for all jobs."""
        return self.plugin.launch(job_overrides, initial_job_idx)
