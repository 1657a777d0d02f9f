"""What we tell people to install: never the package of this name on PyPI, which is somebody else's."""

import re
from pathlib import Path

from tests.conftest import ROOT

WRONG = re.compile(r"(pip|pipx|uv|uvx|poetry|conda)\s+(install|add|run)\s[^\n`]*?(?<![\w./-])seqmodels(?![\w./-])")


def texts() -> list[Path]:
    places = [ROOT.glob("*.md"), ROOT.glob("*.toml"), *((ROOT / name).rglob("*") for name in FOLDERS)]
    return [path for place in places for path in place if path.suffix in (".md", ".py", ".yaml", ".toml", ".ipynb", "")]


FOLDERS = ("src", "conf", "docs", "benchmarks", "tests", ".ci")


def test_nobody_is_sent_to_the_stranger_of_our_name() -> None:
    read = [path for path in texts() if path.is_file() and "__pycache__" not in path.parts]
    assert len(read) > 300
    wrong = [f"{path.name}: {found[0]}" for path in read for found in WRONG.finditer(path.read_text())]
    assert not wrong, wrong


def test_what_the_wrong_form_looks_like() -> None:
    stranger = "seq" + "models"
    for text in (f'pip install "{stranger}[export]"', f"pip install {stranger}", f"uv add {stranger}==0.0.3"):
        assert WRONG.search(text), text
    for text in ('pip install -e ".[export]"', f"pip install dist/{stranger}-0.1.0-py3-none-any.whl"):
        assert not WRONG.search(text), text
