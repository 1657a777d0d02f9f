"""A figure as a part of a page: text and lines take the page's colours, and nothing in it meets the next figure."""

import re
import warnings
from html import escape
from io import StringIO
from typing import Any

from matplotlib.figure import Figure

WIDTH = 12.5  # inches: the page's 1,200 pixels

INK, PAPER = "#010203", "#fdfcfb"  # stand-ins for the page's colours, exchanged in `svg`

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "seqmodels",
    "text.parse_math": False,  # a `$` in a name is a `$`
    "axes.unicode_minus": False,
    "font.size": 9.5,
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}color": INK for part in ("label", "title", "edge")},
    "axes.linewidth": 0.6,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
}
"""In which a figure is drawn."""


def svg(figure: Figure, title: str) -> str:
    """The figure as wide as there is room, without ids, which would meet those of the next one."""
    file = StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing")  # the browser's fonts have it
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z.]+(_\d+)+"', "", text)
    text = text.replace(INK, "currentColor").replace(PAPER, "var(--paper)")
    width, height = (float(size) for size in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    size = f'style="max-width:{width * 4 / 3:.0f}px" viewBox="0 0 {width} {height}"'
    opening = f'<svg role="img" aria-label="{escape(title, quote=True)}" {size}>'
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1)


def short(label: str, longest: int = 46) -> str:
    """A label that leaves room for the data."""
    return label if len(label) <= longest else f"{label[: longest - 1]}…"
