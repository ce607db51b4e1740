"""New axes, where none are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["new_axes"]


def new_axes() -> Axes:
    """Return the axes of a new figure."""
    from matplotlib import pyplot  # noqa: PLC0415 # pyplot chooses a backend, which no import of a library should

    _, ax = pyplot.subplots(layout="constrained")
    return ax
