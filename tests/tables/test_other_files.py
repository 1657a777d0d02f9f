"""The lines of docs/signals.md that turn other files into Parquet do what they say."""

import re
from pathlib import Path

import numpy as np
from scipy.io import savemat

from seqmodels.tables.read import blocks

DOCS = Path(__file__).parents[2] / "docs" / "signals.md"


def test_arff_and_mat() -> None:
    Path("a.arff").write_text("@relation a\n@attribute x numeric\n@attribute kind {u,v}\n@data\n0.5,u\n?,v\n")
    savemat("a.mat", {"x": np.array([1.5, np.nan])})
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    exec(code, {})
    (block,) = blocks(Path("a.parquet"), ["x"], ["kind"])
    np.testing.assert_array_equal(block.numbers["x"], [0.5, np.nan])
    assert block.texts["kind"].values == ["u", "v"]
    (block,) = blocks(Path("b.parquet"), ["x"])
    np.testing.assert_array_equal(block.numbers["x"], [1.5, np.nan])
