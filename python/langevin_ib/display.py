"""What results look like in notebooks: cards and small curves that need no other file, on light and dark grounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BAD", "GOOD", "card", "colour", "curve"]

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
"""What is sampled, its law, a finer run, and rivals: the palette of Okabe and Ito (2008), which is told apart under all
colour-blindnesses and seen on white and on black."""

GOOD, BAD = _COLOURS[2], _COLOURS[1]
"""The colours of verdicts, which words say, too."""


def colour(number: int) -> str:
    """Return a colour of the one palette of all figures: 0 is sampled, 1 a law, 2 a finer run, others are rivals."""
    return _COLOURS[number % len(_COLOURS)]


_CARD = "display:inline-block;border:1px solid #8888;border-radius:6px;padding:.5em 1em;max-width:95%;overflow-x:auto"
_CELL = "text-align:left;vertical-align:baseline;font-weight:normal"


def card(title: str, rows: Iterable[tuple[str, str]], *, good: bool | None = None, figure: str = "") -> str:
    """Return HTML of a headline, a table and a figure.

    Parameters
    ----------
    title : str
        The headline, as text.
    rows : iterable of (str, str)
        Names, as text, and values, as text or, if they begin with "<", as HTML.
    good : bool, optional
        Whether the headline is a good verdict or a bad one.
    figure : str
        HTML below the table.
    """
    colour = "" if good is None else f' style="color:{GOOD if good else BAD}"'
    head = f'<tr><th style="{_CELL};white-space:nowrap;padding-right:1em">'
    lines = (f'{head}{escape(name)}</th><td style="{_CELL}">{_html(value)}</td></tr>' for name, value in rows)
    return f'<div style="{_CARD}"><b{colour}>{escape(title)}</b><table>{"".join(lines)}</table>{figure}</div>'


def _html(value: str) -> str:
    return value if value.startswith("<math") else escape(value)


def curve(x: ArrayLike, y: ArrayLike, label: str) -> str:
    """Return a small curve over its axis, as SVG; nothing if there is nothing finite to draw.

    Parameters
    ----------
    x, y : array_like, shape (points,)
        What is drawn, from left to right; heights far above the others are cut.
    label : str
        What is on the axis, as text.
    """
    places, heights = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    finite = np.isfinite(heights)
    if not finite.any() or not np.isfinite(places).all() or places[-1] <= places[0] or heights[finite].max() <= 0.0:
        return ""
    top = min(float(heights[finite].max()), 5.0 * float(np.quantile(heights[finite], 0.9)) or np.inf)
    across = 4.0 + 232.0 * (places - places[0]) / (places[-1] - places[0])
    down = 64.0 - 60.0 * np.minimum(np.where(finite, heights, top), top) / top
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
    said = _ends(places, label)
    return (
        '<svg viewBox="0 0 240 82" width="240" role="img" fill="currentColor" font-size="10">'
        f'<polyline points="{points}" fill="none" stroke="{colour(1)}" stroke-width="1.5"/>'
        f'<path d="M4 64.5H236" stroke="currentColor" stroke-width=".7"/>{said}</svg>'
    )


def _ends(places: NDArray[np.float64], label: str) -> str:
    ends: Sequence[tuple[int, str, str]] = (
        (4, "start", f"{places[0]:.3g}"),
        (120, "middle", label),
        (236, "end", f"{places[-1]:.3g}"),
    )
    return "".join(f'<text x="{x}" y="77" text-anchor="{anchor}">{escape(text)}</text>' for x, anchor, text in ends)
