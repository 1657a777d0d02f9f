"""References in a saved config, `${name}`, taken from the config itself and from nowhere else.

OmegaConf would also run resolvers: `${oc.env:SECRET}` reads the environment, which a folder from a stranger must not,
and a few lines that name each other twice grow to more than any memory holds.
"""

import re
from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf

KEY = re.compile(r"\$\{([\w.\[\]-]+)\}")
"""A reference to a key, absolute `${a.b}` or relative `${.b}`; what else begins with `${` is something to be run."""

RESOLVER = re.compile(r"\$\{\s*([\w.]+)\s*:")

MOST = 1_000_000
"""Values and signs that a config may come to."""

Path = tuple[str | int, ...]


def resolved(config: dict[str, Any], origin: str, trust: Sequence[str] = ()) -> dict[str, Any]:
    """The config with each reference replaced by what it names.

    Args:
        config: plain values.
        origin: where it comes from, for the message.
        trust: names of resolvers that may run, such as oc.env.

    Raises:
        ValueError: names the key that calls a resolver, refers to nothing or to itself, or grows without end.
    """
    return _Resolved(config, origin, trust).tree(config, ())


class _Resolved:
    def __init__(self, root: dict[str, Any], origin: str, trust: Sequence[str]) -> None:
        self.root, self.origin, self.trust = root, origin, trust
        self.left = MOST
        self.inside: set[Path] = set()

    def tree(self, node: Any, path: Path) -> Any:
        self._spend(1 + (len(node) if isinstance(node, str) else 0))
        if isinstance(node, dict):
            return {key: self.tree(child, (*path, key)) for key, child in node.items()}
        if isinstance(node, list):
            return [self.tree(child, (*path, number)) for number, child in enumerate(node)]
        return self._text(node, path) if isinstance(node, str) and "${" in node else node

    def _text(self, text: str, path: Path) -> Any:
        if path in self.inside:
            raise ValueError(f"{self.origin}: {_shown(path)}={text} refers to itself")
        self.inside.add(path)
        try:
            if whole := KEY.fullmatch(text):
                value = self._at(whole[1], text, path)
            else:
                value = KEY.sub(lambda found: str(self._at(found[1], text, path)), text)
                self._spend(len(value))
        finally:
            self.inside.discard(path)
        return self._run(value, path) if isinstance(value, str) and "${" in value else value

    def _at(self, key: str, text: str, path: Path) -> Any:
        """What a reference in the value at `path` names."""
        bare = key.lstrip(".")
        dots = len(key) - len(bare)
        place: Path = path[: max(0, len(path) - dots)] if dots else ()
        node: Any = self.root
        for step in place:
            node = node[step]
        for step in filter(None, re.split(r"[.\[\]]", bare)):
            here: Any = int(step) if isinstance(node, list) and step.isdecimal() else step
            if isinstance(node, str) and "${" in node:
                node = self._text(node, place)
            known = isinstance(node, dict) and here in node
            if not known and not (isinstance(node, list) and isinstance(here, int) and here < len(node)):
                raise ValueError(f"{self.origin}: {_shown(path)}={text} refers to what is not there")
            node, place = node[here], (*place, here)
        return self.tree(node, place)

    def _run(self, text: str, path: Path) -> Any:
        """A value that is more than references to keys."""
        named = RESOLVER.findall(text)
        if named and text.count("${") == len(named) and set(named) <= set(self.trust):
            return OmegaConf.to_container(OmegaConf.create({"value": text}), resolve=True)["value"]  # type: ignore[index,call-overload]
        what = f"{named[0]} would be run, which may read the environment" if named else "it would be run"
        remedy = f", or trust=[{named[0]}]" if named else ""
        raise ValueError(
            f"{_shown(path)}={text}, as {self.origin} says: {what}, so nothing was executed; say "
            f"{_shown(path)}=VALUE yourself{remedy}"
        )

    def _spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise ValueError(f"{self.origin} comes to more than {MOST:,} values by references to its own keys")


def _shown(path: Path) -> str:
    return ".".join(map(str, path))
