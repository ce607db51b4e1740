"""The picture behind everything: orbits of u v, slices across them, the way to balance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import geometry
from ..display import colour
from ..models import scalar_product

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_orbits", "orbits"]

END = 2.2
"""How far the picture reaches."""

LEVELS = (-1.0, -0.5, 0.5, 1.0)


def orbits() -> Figure:
    """Draw orbits u v = theta, slices (u² - v²) / 2 = level, and where balance takes points along their orbits.

    This is Figure 1 of arXiv 2601.06597, with the slices of other levels, which are orthogonal to the orbits just as
    well.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

    drawing = Figure(figsize=(6.4, 6.0), layout="constrained")
    ax = drawing.subplots()
    draw_orbits(ax, LEVELS)
    model = scalar_product()
    starts = np.array([[2.0, 0.2], [0.5, 2.0], [-2.0, -0.5], [-0.55, 1.8], [1.9, -0.21]])
    for start, stop in zip(starts, geometry.balance(model, starts), strict=True):
        s = np.linspace(0.0, np.log(stop[0] / start[0]), 60)
        ax.plot(start[0] * np.exp(s), start[1] * np.exp(-s), color="black", lw=1.4)
        ax.annotate("", stop, (start[0] * np.exp(s[-8]), start[1] * np.exp(-s[-8])), arrowprops={"arrowstyle": "->"})
        ax.plot(*start, "o", color="black", ms=4)
    ax.plot([], [], "-", color="black", label="balance: along the orbit to level 0")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2, frameon=False, fontsize="small")
    return drawing


def draw_orbits(ax: Axes, levels: Sequence[float]) -> None:
    """Draw orbits u v = theta and slices (u² - v²) / 2 = level, those of level 0 and of `levels`, with labels."""
    points = np.linspace(-END, END, 401)
    u, v = np.meshgrid(points, points)
    thetas = (-2.0, -1.0, -0.4, 0.4, 1.0, 2.0)
    ax.contour(u, v, u * v, levels=thetas, colors=colour(0), linewidths=1.0, linestyles="solid")
    ax.contour(u, v, (u**2 - v**2) / 2, levels=sorted(levels), colors="0.6", linewidths=0.8, linestyles="dashed")
    ax.plot(points, points, color=colour(3), lw=1.6)
    ax.plot(points, -points, color=colour(3), lw=1.6)
    for color, style, label in (
        (colour(0), "-", "orbits, u v = const"),
        (colour(3), "-", "slice of level 0, u² = v²"),
        ("0.6", "--", "slices of other levels"),
    ):
        ax.plot([], [], style, color=color, label=label)
    ax.set(xlim=(-END, END), ylim=(-END, END), xlabel="u", ylabel="v", aspect="equal")
