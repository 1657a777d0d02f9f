"""A run's YAML files are read as OmegaConf wrote them, whatever a folder may hold."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seqmodels.config.yaml_files import MOST, read_yaml

VALUES = [1, 1e-05, 1e20, 0.001, 12.0, float("inf"), "1e-3", "2026-11-22", "on", "null", "0x1f", True, None, [1, ["a"]]]


def test_values_come_back_as_they_were() -> None:
    config = {f"key{number}": value for number, value in enumerate(VALUES)}
    path = Path("config.yaml")
    OmegaConf.save(OmegaConf.create(config), path)
    assert read_yaml(path) == config


@pytest.mark.parametrize(
    "text", ["1e-3", "-1E5", "+2e+3", "3.e4", "1.5e-3", "2026-11-22", "1.2.3", "e5", "1e", "12:30:00"]
)
def test_values_of_a_hand_are_what_hydra_takes_them_for(text: str) -> None:
    path = Path("config.yaml")
    path.write_text(f"key: {text}")
    assert read_yaml(path) == OmegaConf.to_container(OmegaConf.load(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "cannot be read: did not find expected node content in line 2"),
        ("- 1", "holds no keys"),
        ("a: !!python/object:os.system {}", "cannot be read: could not determine a constructor"),
        ("a: &a [*a]", "holds more than"),
        (f"a: [{'1, ' * MOST}]\nb: 1", "holds more than"),
    ],
)
def test_what_is_no_config_is_refused(content: str, message: str) -> None:
    path = Path("config.yaml")
    path.write_text(content)
    with pytest.raises(ValueError, match=f"config.yaml {message}"):
        read_yaml(path)
