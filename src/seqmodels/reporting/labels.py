"""Names of groups: what tells them apart, said as one would on the command line: `core=gru, lr=0.01`."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from seqmodels.config.overrides import key_of

Settings = dict[str, str]


def varied(settings: Sequence[Settings]) -> list[str]:
    """The keys whose values differ, in the config's order; a key that is not there is a value too."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if any(one.get(key) != settings[0].get(key) for one in settings)]


def name_parts(
    settings: Sequence[Settings], overrides: Sequence[Sequence[str]], choice: Callable[[int, str], str | None]
) -> list[dict[str, str]]:
    """For each group the parts of its name, `{"core": "gru", "lr": "0.01"}`.

    A part of the config that was chosen as a whole (it has a `_target_`) is named by the choice, and what the choice
    brings along is left out: `core=gru` changes several keys, and says it all. So it is with an experiment, but for its
    core, which is what most experiments are told apart by and stands first. Keys that a command names stay.

    Args:
        settings: of each group.
        overrides: of the commands behind each group.
        choice: of the i-th group in a config group, `choice(0, "core")`, if known; asked only where it is needed.
    """
    keys = varied(settings)
    explicit = {key_of(override) for group in overrides for override in group}
    experiments = [one.get("experiment", "") for one in settings]
    parts: list[Settings] = [{} for _ in settings]
    for block, members in _blocks(settings, keys).items():
        names = [""] * len(settings)
        if block and not explicit.issuperset(members):
            whole = block.partition(".")[0] if block.startswith("core.") else block
            names = [_choice(whole, block, one, partial(choice, i)) for i, one in enumerate(settings)]
            if len(set(names)) > 1 and (whole == "core" or not _decides(experiments, names)):
                for part, name in zip(parts, names, strict=True):
                    part[whole] = name
        for key in members:
            values = [one.get(key) for one in settings]
            by_experiment = key != "experiment" and _decides(experiments, values)
            brought = key not in explicit and (_decides(names, values) or by_experiment)
            for part, one in zip(parts, settings, strict=True):
                if key in one and key != block and not brought:
                    part[key] = one[key]
    parts = [{key: part[key] for key in sorted(part, key=lambda key: key != "core")} for part in parts]
    return _distinct(_rounded(_shortened(parts)), settings, keys)


def _blocks(settings: Sequence[Settings], keys: Sequence[str]) -> dict[str, list[str]]:
    """The keys by the innermost part of the config with a `_target_` that they belong to; "" for none.

    The trainer is no such part: `trainer=gpu` says where a run ran, not what it was.
    """
    targets = {key.removesuffix("._target_") for one in settings for key in one if key.endswith("._target_")}
    innermost = sorted(targets - {"trainer"}, key=len, reverse=True)
    blocks: dict[str, list[str]] = {}
    for key in keys:
        blocks.setdefault(next((name for name in innermost if f"{key}.".startswith(f"{name}.")), ""), []).append(key)
    return blocks


def _choice(whole: str, block: str, settings: Settings, choice: Callable[[str], str | None]) -> str:
    """The choice of the whole that the block is a part of, else the class: that of a layer, where a core has one."""
    target = settings.get(f"{block}._target_") or settings.get(f"{whole}._target_")
    if target is None:
        return "none"
    return choice(whole.rpartition(".")[2]) or target.rpartition(".")[2].lower()


def _decides(names: Sequence[str], values: Sequence[str | None]) -> bool:
    """Whether there are several names, and each comes with one value alone."""
    found: dict[str, str | None] = {}
    return len(set(names)) > 1 and all(
        found.setdefault(n, value) == value for n, value in zip(names, values, strict=True)
    )


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


def _rounded(parts: list[dict[str, str]]) -> list[dict[str, str]]:
    """A search draws `lr=0.0013248910472`; the first digits that tell the groups apart, four at least, say as much."""
    for key in dict.fromkeys(key for part in parts for key in part):
        values = {part[key] for part in parts if key in part}
        for digits in range(4, 10):
            brief = {value: _in_digits(value, digits) for value in values}
            if len(set(brief.values())) == len(values):
                parts = [{**part, key: brief[part[key]]} if key in part else part for part in parts]
                break
    return parts


def _in_digits(value: str, digits: int) -> str:
    try:
        number = float(value)
    except ValueError:
        return value
    return f"{number:.{digits}g}" if len(value) > 8 and not number.is_integer() else value


def _distinct(parts: list[dict[str, str]], settings: Sequence[Settings], keys: Sequence[str]) -> list[dict[str, str]]:
    """Groups that got the same name by their choices are told apart by everything that differs."""
    names = [tuple(part.items()) for part in parts]
    often = Counter(names)
    return [
        part if often[name] == 1 else {key: one.get(key, "-") for key in keys}
        for part, name, one in zip(parts, names, settings, strict=True)
    ]
