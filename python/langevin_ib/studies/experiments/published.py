"""What the authors saved of their own runs: drawn over ours where an environment variable names the file."""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ArchiveError
from .arms import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["VARIABLE", "draw_published", "published"]

VARIABLE = "LANGEVIN_IB_PUBLISHED"
"""The path of an npz file with arrays such as "fig2_steps", "fig2_losses" and "fig2_ratios"."""

MANY, LABEL = 4, "published, one seed"


def published(figure: str) -> dict[str, Array]:
    """Return the saved arrays of a figure by their names, "steps", "losses", ...; none if no file is named.

    Raises
    ------
    ArchiveError
        If the file that is named cannot be read.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return {}
    try:
        with np.load(path) as saved:
            return {
                name.removeprefix(f"{figure}_"): np.asarray(saved[name], dtype=np.float64)
                for name in saved
                if name.startswith(f"{figure}_")
            }
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ArchiveError(
            f"{VARIABLE}={path!r} does not name a readable npz file of published arrays: {error}; unset it"
        ) from error


def draw_published(ax: Axes, saved: dict[str, Array], name: str, *, steps: str = "steps") -> None:
    """Draw saved curves over what is there, of many the largest, median and least; nothing if they are missing."""
    if name not in saved or steps not in saved:
        return
    values = saved[name].reshape(len(saved[steps]), -1)
    curves = values.T if values.shape[1] < MANY else np.quantile(values, [1.0, 0.5, 0.0], axis=1)
    for curve in curves:
        is_new = all(line.get_label() != LABEL for line in ax.lines)
        ax.plot(saved[steps], curve, color="black", lw=0.7, ls="-.", label=LABEL if is_new else None)
