"""The pieces of a figure as SVG text: they take the page's colours and font, and have no ids that meet another's.

Lengths are pixels of a page that is wide enough; (0, 0) is on the upper left. A report draws little, and matplotlib
takes longer to import than all of it to write.
"""

from collections.abc import Iterable, Sequence
from html import escape
from unicodedata import east_asian_width

WIDTH = 1200.0
"""A figure is no wider: the page's own width."""

SIZE = 12.5
"""Of letters."""

INK, PAPER = "currentColor", "var(--paper)"

Point = tuple[float, float]


def svg(parts: Iterable[str], width: float, height: float, title: str) -> str:
    """The figure, as wide as there is room, up to `width`."""
    size = f'style="max-width:{width:.0f}px" viewBox="0 0 {width:.0f} {height:.0f}"'
    opening = f'<svg role="img" aria-label="{escape(title, quote=True)}" {size} font-size="{SIZE}">'
    return "\n".join([opening, *parts, "</svg>"])


def text(at: Point, words: str, anchor: str = "start", colour: str = INK, turned: bool = False) -> str:
    """Words whose middle line is at `at`; `anchor` says which end is: start, middle or end. Turned ones go upwards."""
    x, y = at
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    shift = 0.35 * SIZE  # from the middle of small letters to what they stand on
    return f'<text x="{x:.1f}" y="{y + shift:.1f}" text-anchor="{anchor}" fill="{colour}"{turn}>{escape(words)}</text>'


def line(points: Sequence[Point], colour: str = INK, width: float = 0.8, faint: float = 1) -> str:
    """Straight from point to point."""
    return (
        f'<polyline points="{_listed(points)}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-opacity="{faint}" stroke-linejoin="round"/>'
    )


def area(points: Sequence[Point], colour: str, faint: float = 1, edge: str = "none") -> str:
    """What lies inside the points."""
    return f'<polygon points="{_listed(points)}" fill="{colour}" fill-opacity="{faint}" stroke="{edge}"/>'


def box(left: float, top: float, width: float, height: float, colour: str, edge: str = "none", edges: float = 0) -> str:
    """A rectangle."""
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}" '
        f'stroke="{edge}" stroke-width="{edges}"/>'
    )


def dot(at: Point, radius: float, colour: str, faint: float = 1) -> str:
    """A disc."""
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius}" fill="{colour}" fill-opacity="{faint}"/>'


def width_of(words: str) -> float:
    """About how much room words take, rather too much than too little; the page's font is the reader's."""
    return 0.58 * SIZE * sum(1.8 if east_asian_width(sign) in "WF" else 1 for sign in words)


def short(label: str, longest: int = 46) -> str:
    """A label that leaves room for the data."""
    return label if len(label) <= longest else f"{label[: longest - 1]}…"


def _listed(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
