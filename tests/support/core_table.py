"""README's table of cores, made of conf/core/ and the classes that it names.

python -m tests.support.core_table      writes it anew
"""

import inspect
import re
import sys

from hydra.utils import get_class, instantiate

from seqmodels.cores.base import Core
from seqmodels.runs.run import compose
from tests.conftest import ROOT, options

HEADER = "| `core=` | what it is | paper | file | state | in a window |"
README = ROOT / "README.md"
ARXIV = re.compile(r"arXiv\s+(\d{4}\.\d{4,5})")


def table() -> str:
    """A row for each YAML in conf/core/."""
    return "\n".join([HEADER, "|---|---|---|---|---|---|", *map(_row, options("core"))]) + "\n"


def _row(name: str) -> str:
    said = re.match(r"# (.+?)\.(?= [A-Z]|$)", (ROOT / "conf/core" / f"{name}.yaml").read_text(), re.MULTILINE)
    if said is None:
        raise ValueError(f"conf/core/{name}.yaml does not begin with a comment that says what it is, and whose")
    config = compose([f"core={name}"]).core
    module = inspect.getmodule(get_class(config.get("layer", config)._target_))
    assert module is not None
    paper = ARXIV.search(said[1]) or ARXIV.search(module.__doc__ or "")
    core = instantiate(config)(input_size=1)
    layer = [one for one in core.modules() if isinstance(one, Core)][-1]
    steps = ["reset" if layer.takes_reset else "reset, cut", *["dt"] * layer.takes_dt]
    cells = (
        f"[`{name}`](conf/core/{name}.yaml)",
        ARXIV.sub("", said[1]).replace(", )", ")"),
        f"[{paper[1]}](https://arxiv.org/abs/{paper[1]})" if paper else "",
        f"`src/{module.__name__.replace('.', '/')}.py`",
        f"{sum(tensor.numel() for tensor in core.initial_state(1)):,}",
        ", ".join(steps),
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def replaced(text: str) -> str:
    """README's text with the table of now."""
    found = re.search(rf"^{re.escape(HEADER)}\n(\|.*\n)+", text, re.MULTILINE)
    assert found, f"README.md has no table that begins with {HEADER}"
    return text.replace(found[0], table())


if __name__ == "__main__":
    README.write_text(replaced(README.read_text()))
    sys.stdout.write(table())
