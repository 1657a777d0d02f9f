"""benchmarks/peers_streams.py: what a peer pins, and rows of docs/peers.md."""

import runpy
from typing import Any

import pytest

from tests.conftest import ROOT

SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "peers_streams.py"))
PEERS = sorted((ROOT / "benchmarks" / "streams").glob("peer_*.py"))
PAGE = (ROOT / "docs" / "peers.md").read_text()


def layer(name: str, **found: Any) -> dict[str, Any]:
    facts = {"layer": name, "dtype": "float64", "tolerance": 1e-10, "remark": "", "memory": 1.0}
    return facts | dict.fromkeys(SCRIPT["LAWS"], 0.0) | found


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.stem)
def test_a_peer_pins_its_package_first_and_stands_on_the_page(peer: Any) -> None:
    pins = SCRIPT["pins"](peer.read_text())
    assert "==" in pins[0]
    assert any(pin.startswith("torch==") for pin in pins)
    assert f"\n| {SCRIPT['package'](peer)} | " in PAGE


def test_layers_of_which_the_same_is_to_be_said_share_a_row() -> None:
    layers = [
        layer("a", pieces=1e-16, steps=None),
        layer("b", steps="ValueError"),
        layer("c", pieces=3e-16, steps=None),
        layer("d", rows=0.25, saved="pickle"),
        layer("e", memory=0.0),
    ]
    assert SCRIPT["table_rows"]("some 1.0", layers) == [
        "| some 1.0 | a; c | float64 | yes, 3e-16 | none | yes, 0 | yes, 0 | yes, 0 |  |",
        "| some 1.0 | b | float64 | yes, 0 | raises ValueError | yes, 0 | yes, 0 | yes, 0 |  |",
        "| some 1.0 | d | float64 | yes, 0 | yes, 0 | **no, 0.25** | yes, 0 | pickle |  |",
        "| some 1.0 | e | float64 | no memory | no memory | yes, 0 | yes, 0 | yes, 0 |  |",
    ]


def test_rows_of_a_package_take_the_place_of_those_it_had() -> None:
    page = f"before\n\n{SCRIPT['HEADER']}\n| b on x 1.0 | old |\n| c 1.0 | kept |\n\nbehind\n"
    new = SCRIPT["with_rows"](page, ["| b on x 1.1 | new |", "| b on x 1.1 | more |"])
    assert new == page.replace("| b on x 1.0 | old |", "| b on x 1.1 | new |\n| b on x 1.1 | more |")
    assert SCRIPT["with_rows"](new, ["| a 2 | new |"]) == new.replace(
        "| b on x 1.1 | new |", "| a 2 | new |\n| b on x 1.1 | new |"
    )
