"""Names of groups: what tells them apart, said as one would on the command line: `core=gru, lr=0.01`."""

from collections.abc import Callable, Sequence

Settings = dict[str, str]


def varied(settings: Sequence[Settings]) -> list[str]:
    """The keys whose values differ, in the config's order; a key that is not there is a value too."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if any(one.get(key) != settings[0].get(key) for one in settings)]


def name_parts(
    settings: Sequence[Settings], words: Sequence[Sequence[str]], choices: Callable[[int], dict[str, str]]
) -> list[dict[str, str]]:
    """For each group the parts of its name, `{"core": "gru", "lr": "0.01"}`.

    A part of the config that was chosen as a whole (it has a `_target_`) is named by the choice, and what the choice
    brings along is left out: `core=gru` changes several keys, and says it all. Keys that a command names stay.

    Args:
        settings: of each group.
        words: of the commands behind each group.
        choices: of the i-th group, `core: gru`; asked only where it is needed.
    """
    keys = varied(settings)
    explicit = {word.lstrip("+~").partition("=")[0] for group in words for word in group}
    blocks = sorted(
        {key.removesuffix("._target_") for one in settings for key in one if key.endswith("._target_")} - {"trainer"},
        key=len,
        reverse=True,
    )  # the innermost first; `trainer=gpu` says where a run ran, not what it was
    parts: list[Settings] = [{} for _ in settings]
    chosen: dict[str, list[str]] = {}
    for key in keys:
        block = next((block for block in blocks if f"{key}.".startswith(f"{block}.")), None)
        if block is not None and block not in chosen:
            chosen[block] = [_choice(block, one, lambda i=i: choices(i)) for i, one in enumerate(settings)]  # type: ignore[misc]
            if len(set(chosen[block])) > 1:
                for part, name in zip(parts, chosen[block], strict=True):
                    part[block] = name
        brought = block is not None and key not in explicit and _follows(key, settings, chosen[block])
        for part, one in zip(parts, settings, strict=True):
            if key in one and key != block and not brought:
                part[key] = one[key]
    return _distinct(_shortened(parts), settings, keys)


def _choice(block: str, settings: Settings, choices: Callable[[], dict[str, str]]) -> str:
    target = settings.get(f"{block}._target_")
    if target is None:
        return "none"
    return choices().get(block.rpartition(".")[2]) or target.rpartition(".")[2].lower()


def _follows(key: str, settings: Sequence[Settings], names: Sequence[str]) -> bool:
    """Whether the choice's name decides the key's value."""
    values: dict[str, str | None] = {}
    return all(values.setdefault(name, one.get(key)) == one.get(key) for name, one in zip(names, settings, strict=True))


def _shortened(parts: Sequence[Settings]) -> list[dict[str, str]]:
    """The shortest ends of the keys that tell them apart: `lr`, but `core.dropout` beside `module.dropout`."""
    keys = list(dict.fromkeys(key for part in parts for key in part))
    short = {}
    for key in keys:
        pieces = key.split(".")
        ends = (".".join(pieces[i:]) for i in reversed(range(len(pieces))))
        others = [f".{other}" for other in keys if other != key]
        short[key] = next((end for end in ends if not any(other.endswith(f".{end}") for other in others)), key)
    return [{short[key]: value for key, value in part.items()} for part in parts]


def _distinct(parts: list[dict[str, str]], settings: Sequence[Settings], keys: Sequence[str]) -> list[dict[str, str]]:
    """Groups that got the same name by their choices are told apart by everything that differs."""
    names = [tuple(part.items()) for part in parts]
    return [
        part if names.count(name) == 1 else {key: one.get(key, "-") for key in keys}
        for part, name, one in zip(parts, names, settings, strict=True)
    ]
