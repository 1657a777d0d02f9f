"""The grammar of overrides, `key=value`: read, quoted, merged into a config."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from yaml import YAMLError

from seqmodels.config.migrate import refuse_old_name


def quote(value: str) -> str:
    """The value in quotes, so that Hydra takes any text as it is."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _last_of_each_key(words: Sequence[str]) -> dict[str, Override]:
    return {override.key_or_group: override for override in OverridesParser.create().parse_overrides(list(words))}


def value_of(word: str) -> str:
    """What stands behind the `=` of a word, without Hydra's quotes."""
    try:
        return str(parsed([word])[0][1])
    except HydraException:
        return word.partition("=")[2]


def parsed(words: Sequence[str]) -> list[tuple[str, Any]]:
    """Hydra's overrides as (key, value)."""
    return [
        (override.key_or_group, _plain(override)) for override in OverridesParser.create().parse_overrides(list(words))
    ]


def _plain(override: Override) -> Any:
    value = override.value()
    return value.text if isinstance(value, QuotedString) else value


def take(words: list[str], key: str) -> tuple[list[str], str | None]:
    """The words without `key=...`, and its value; a path may hold what Hydra's grammar does not allow."""
    values = [word.removeprefix(f"{key}=") for word in words if word.startswith(f"{key}=")]
    return [word for word in words if not word.startswith(f"{key}=")], values[-1] if values else None


def quoted(words: list[str], key: str) -> list[str]:
    """The words with the value of `key=...` in quotes, so that Hydra takes any path as it is."""
    return [_quoted(word, key) for word in words]


def _quoted(word: str, key: str) -> str:
    value = word.removeprefix(f"{key}=")
    is_plain = value != word and value != "null" and value[:1] not in ("'", '"')
    return f"{key}={quote(value)}" if is_plain else word


def overrides_in(words: list[str]) -> list[str]:
    """Without flags such as --config-dir and their values."""
    return [word for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]


def merge(cfg: DictConfig, words: Sequence[str]) -> None:
    """Change a config in place by words such as `datamodule.noise_std=0.3`, whose values are YAML.

    Raises:
        ValueError: a word does not parse, or its key lies below a value.
    """
    with open_dict(cfg):
        for word in words:
            refuse_old_name(word)
            key, _, _ = word.partition("=")
            try:
                value = OmegaConf.from_dotlist([word])
                OmegaConf.update(cfg, key, OmegaConf.select(value, key), force_add=True)
            except YAMLError as error:
                raise ValueError(
                    f"{word} cannot be read: {str(error).splitlines()[0]}; texts with characters that mean something "
                    f"stand in double quotes within the single ones: '{key}=[\"*.csv\"]'"
                ) from error
            except (ValueError, AttributeError, TypeError) as error:
                raise ValueError(f"{word} cannot be read: {str(error).splitlines()[0]}") from error
