"""conf/hydra/launcher/ instead of the options that launcher plugins register under the same names."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin

PRESETS = ("submitit_slurm", "submitit_local", "ray")


class Presets(SearchPathPlugin):
    """Called once all plugins are there; Hydra would warn of every pair, and refuse what only our YAML knows."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        launchers = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
        for name in PRESETS:
            launchers.pop(f"{name}.yaml", None)
