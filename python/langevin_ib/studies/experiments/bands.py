"""Bands over seeds: the median as a line, the quartiles as an area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .experiment import Array, quartiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["band", "drawing", "extremes"]


def drawing(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

    return Figure(figsize=(width, height), layout="constrained")


def band(ax: Axes, x: Array, values: Array, *, color: str, label: str | None = None, style: str = "-") -> None:
    """Draw the median of values of shape (seeds, len(x)) as a line, and their quartiles as an area."""
    low, middle, high = quartiles(values)
    ax.plot(x, middle, style, color=color, label=label)
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0.0)


def extremes(ax: Axes, x: Array, values: Array, what: str) -> None:
    """Draw bands of the largest, median and least over the last axis of values, shape (seeds, len(x), channels)."""
    for name, share, color in (("largest", 1.0, "C1"), ("median", 0.5, "C0"), ("least", 0.0, "C2")):
        band(ax, x, np.quantile(values, share, axis=-1), color=color, label=f"{name} over {what}")
