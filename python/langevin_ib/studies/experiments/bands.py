"""Bands over seeds: the median as a line, the quartiles as an area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...display import colour
from .arms import Array
from .experiment import quartiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["band", "drawing", "drifts", "extremes"]


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
    for name, share, color in (("largest", 1.0, colour(1)), ("median", 0.5, colour(0)), ("least", 0.0, colour(2))):
        band(ax, x, np.quantile(values, share, axis=-1), color=color, label=f"{name} over {what}")


def drifts(ax: Axes, arrays: Mapping[str, Array], main: str, controls: Mapping[str, str]) -> None:
    """Draw how imbalances change in an arm and in those of the controls that were run, against the time."""
    for place, (arm, called) in enumerate({main: "SGD as it is", **controls}.items()):
        if f"{arm}.imbalance" in arrays:
            first = arrays[f"{arm}.first_imbalance"]
            moved = np.abs(arrays[f"{arm}.imbalance"] - first[:, None]).sum(axis=2)
            share = moved / np.abs(first).sum(axis=1)[:, None]
            style = "-" if arm == main else "--"
            band(ax, arrays[f"{arm}.steps"], share, color=colour(place), label=called, style=style)
    ax.set(xscale="log", yscale="log", ylabel="relative change of imbalances")
