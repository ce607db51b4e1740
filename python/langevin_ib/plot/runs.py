"""Draw the histograms of several runs over each other, each with the band of its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import shown
from ..display import colour
from ..errors import InvalidArgumentError
from ..observe import HistogramResult
from .axes import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["runs"]


def runs(histograms: Mapping[str, HistogramResult], *, ax: Axes | None = None) -> Axes:
    """Draw histograms of one observable as densities, each with a band of two standard errors.

    The bands come from the spread between groups of walkers, so they pay for autocorrelation.

    Parameters
    ----------
    histograms : mapping of str to HistogramResult
        The histograms by label, in any bins.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, for further changes.

    Raises
    ------
    InvalidArgumentError
        If it is no such mapping, or the observables are not the same.
    """
    observable = _observable_of(histograms)
    ax = new_axes() if ax is None else ax
    for number, (label, histogram) in enumerate(histograms.items()):
        mean, error, color = histogram.density(), histogram.density_error(), colour(number)
        ax.stairs(mean, histogram.edges, baseline=None, color=color, label=label)
        if np.isfinite(error).all():
            ax.stairs(mean + 2 * error, histogram.edges, baseline=mean - 2 * error, fill=True, alpha=0.35, color=color)
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel(observable)
    ax.set_ylabel(f"density with respect to d {observable}")
    ax.legend(fontsize="small", frameon=False, loc="upper right")
    return ax


def _observable_of(histograms: Any) -> str:
    if not isinstance(histograms, Mapping) or not histograms:
        raise InvalidArgumentError(f'histograms = {shown(histograms)}: give {{"label": run["theta"], ...}}')
    for label, each in histograms.items():
        if not isinstance(each, HistogramResult):
            raise InvalidArgumentError(f"{label!r} is a {type(each).__name__}; give the filled histogram of a run")
    names = {each.provenance.observable for each in histograms.values()}
    if len(names) > 1:
        raise InvalidArgumentError(f"the histograms are of {', '.join(sorted(names))}; draw one observable at a time")
    return str(names.pop())
