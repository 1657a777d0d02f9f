"""What packages with windows, pieces and steps do with their state: the table of docs/peers.md.

    python benchmarks/peers_streams.py
    python benchmarks/peers_streams.py ncps keras_on_jax --page docs/peers.md

Each `streams/peer_NAME.py` describes a package and pins it in its first lines (inline script metadata, PEP 723). One by
one they get an environment of their own in a temporary folder, in which `streams/laws.py` asks them the same
questions. `--page` puts the rows into that page's table and leaves those of other packages as they are.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "streams"
LAWS = ("pieces", "steps", "rows", "future", "saved")
HEADER = (
    "| package | layers | dtype | pieces = whole | steps = window | rows apart | future without influence "
    "| state saved | seen |\n|---|---|---|---|---|---|---|---|---|"
)
NAMES = 12  # that a row spells out


def main() -> None:
    known = sorted(path.stem.removeprefix("peer_") for path in FOLDER.glob("peer_*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", default=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--page", type=Path, help="a page whose table gets the rows")
    words = parser.parse_args()
    if unknown := set(words.peers) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: no such peer; choose from {', '.join(known)}")
    failed = []
    print(HEADER)
    for name in words.peers:
        script = FOLDER / f"peer_{name}.py"
        try:
            rows = table_rows(package(script), seen(script))
        except subprocess.CalledProcessError as error:
            failed.append(name)
            print(f"{name} failed:\n{error.stdout}\n{error.stderr}", file=sys.stderr)
            continue
        print("\n".join(rows), flush=True)
        if words.page:
            words.page.write_text(with_rows(words.page.read_text(), rows))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def pins(script: str) -> list[str]:
    """The dependencies in a script's inline metadata."""
    block = re.search(r"(?ms)^# /// script\n(.*?)^# ///$", script)
    if block is None:
        raise ValueError("no inline script metadata (# /// script)")
    dependencies: list[str] = tomllib.loads(re.sub(r"(?m)^# ?", "", block[1]))["dependencies"]
    return dependencies


def package(script: Path) -> str:
    """What a row is about: the first of the script's pins, and what its name says behind `_on_`."""
    _, on, backend = script.stem.partition("_on_")
    return pins(script.read_text())[0].replace("==", " ") + (f" on {backend}" if on else "")


def seen(script: Path) -> list[dict[str, Any]]:
    """What `laws.report` says of each layer, in an environment that has what the script pins."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(Path(folder) / "venv", with_pip=True)
        python = str(Path(folder) / "venv" / "bin" / "python")
        call([python, "-m", "pip", "install", "--quiet", "--no-compile", *pins(script.read_text())], folder)
        out = call([python, "-W", "ignore", str(script.resolve())], folder)
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def call(command: Sequence[str], folder: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def table_rows(package: str, layers: Iterable[dict[str, Any]]) -> list[str]:
    """A row for each layer; those of which the same is to be said share one, with the largest differences."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in layers:
        groups.setdefault((one["dtype"], *verdicts(one), one["remark"]), []).append(one)
    rows = []
    for (dtype, *said, remark), alike in groups.items():
        cells = [worst([one[law] for one in alike], verdict) for law, verdict in zip(LAWS, said, strict=True)]
        rows.append(" | ".join([f"| {package}", named(alike), dtype, *cells, f"{remark} |"]))
    return rows


def named(layers: Sequence[dict[str, Any]]) -> str:
    names = [one["layer"] for one in layers]
    if len(names) <= NAMES:
        return "; ".join(names)
    return f"{'; '.join(names[: NAMES // 2])} and {len(names) - NAMES // 2} more"


def verdicts(one: dict[str, Any]) -> list[str]:
    """Of each law: yes, no, none (there is no such way), raises, or what the law itself says in a word."""
    return [verdict(one, law) for law in LAWS]


def verdict(one: dict[str, Any], law: str) -> str:
    found = one[law]
    if found is None:
        return "none"
    if law in ("pieces", "steps") and one["memory"] == 0:
        return "no memory"
    if isinstance(found, str):
        return f"raises {found}" if found.endswith("Error") else found
    return "yes" if found <= one["tolerance"] else "no"


def worst(found: Sequence[Any], verdict: str) -> str:
    if verdict == "yes":
        return f"yes, {max(found):.0e}" if max(found) else "yes, 0"
    return f"**no, {max(found):.2g}**" if verdict == "no" else verdict


def with_rows(page: str, rows: Sequence[str]) -> str:
    """The page with these rows of one package in its table, in the place of those it had, or in the order of names."""
    before, table, after = re.split(rf"(?s)({re.escape(HEADER)}\n(?:\|.*?\n)*(?=[^|]|$))", page)
    package = name_of(rows[0])
    others = [line for line in table.removeprefix(HEADER).strip().splitlines() if name_of(line) != package]
    ordered = sorted([*others, *rows], key=lambda line: name_of(line).lower())
    return before + "\n".join([HEADER, *ordered]) + "\n" + after


def name_of(row: str) -> str:
    """A row's package without its version."""
    return re.sub(r" [\d.]+", "", row.split("|")[1]).strip()


if __name__ == "__main__":
    main()
