"""Draw histograms, laws and residuals on matplotlib axes that you pass in; nothing is computed here."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .cells import Law
from .comparison import Comparison
from .errors import InvalidArgumentError
from .observe import HistogramResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DrawableLaw", "density", "residuals"]

POINTS_PER_BIN = 8
"""How finely a law is drawn; divisible by two, so that edges and centres of bins are on the grid."""


class DrawableLaw(Law, Protocol):
    """A law with a density; `Density` is one."""

    def pdf(self, x: ArrayLike, /) -> NDArray[np.float64]:
        """Return the density with respect to the reference measure of the law."""


def density(
    histogram: HistogramResult,
    law: DrawableLaw,
    *,
    ax: Axes | None = None,
    finer: HistogramResult | None = None,
    rivals: Mapping[str, DrawableLaw] | None = None,
) -> Axes:
    """Draw a histogram as a density, with a band of one standard error, and a law over it.

    The band comes from the spread between groups of walkers, so it pays for autocorrelation. A law that is
    conditioned on intervals is scaled by the fraction of observations in the bins inside of them. Where a density is
    infinite its line leaves the axes.

    Parameters
    ----------
    histogram : HistogramResult
        The run.
    law : Density
        The law, or anything with ``pdf``, ``cdf``, ``support``, ``name``, ``reference`` and ``given``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes of a new figure.
    finer : HistogramResult, optional
        A second run, at half the step, drawn as a line.
    rivals : mapping of str to Density, optional
        Other laws by label, drawn as thin lines.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, for further changes.

    Raises
    ------
    InvalidArgumentError
        If ``histogram`` or ``finer`` is no filled histogram, or a law has not the members named above.
    """
    for name, run in (("histogram", histogram), ("finer", finer)):
        if run is not None and not isinstance(run, HistogramResult):
            raise InvalidArgumentError(f"{name} is a {type(run).__name__}; give the filled histogram of a run")
    ax = _new_axes() if ax is None else ax
    _draw_histogram(ax, histogram)
    if finer is not None:
        label = f"h = {finer.provenance.step_size:g}"
        ax.stairs(finer.density(), finer.edges, baseline=None, color="C2", linestyle=":", label=label)
    top = float(np.nanmax(histogram.density() + np.nan_to_num(histogram.density_error()), initial=0.0))
    tallest = _draw_law(ax, histogram, law, law.name if isinstance(law, Law) else "law", color="C1")
    for index, (name, rival) in enumerate((rivals or {}).items()):
        _draw_law(ax, histogram, rival, name, color=f"C{index + 3}", linewidth=0.8, linestyle="--")
    # A logarithmic singularity would flatten everything else; a law that is merely higher has to stay visible.
    ceiling = 1.1 * max(top, min(tallest, 1.5 * top))
    ax.set_ylim(0.0, ceiling if ceiling > 0 else 1.0)
    ax.set_xlim(*histogram.spec.range)
    ax.set_xlabel(histogram.provenance.observable)
    ax.set_ylabel(f"density with respect to {law.reference}")
    ax.legend(fontsize="small")
    return ax


def residuals(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Draw the deviation of each cell from the law, in standard errors, with lines at ±2.

    A cell that reaches to infinity is drawn as wide as a typical one.

    Parameters
    ----------
    comparison : Comparison
        What `compare` returned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, for further changes.

    Raises
    ------
    InvalidArgumentError
        If ``comparison`` is no `Comparison`.
    """
    if not isinstance(comparison, Comparison):
        raise InvalidArgumentError(f"comparison is a {type(comparison).__name__}; give what compare(...) returns")
    ax = _new_axes() if ax is None else ax
    lo, hi = _finite_intervals(comparison.intervals)
    ax.bar(lo, comparison.z, width=hi - lo, align="edge", color="C0", edgecolor=ax.get_facecolor(), linewidth=0.5)
    ax.axhline(0.0, color="C1", linewidth=1.0)
    for level in (-2.0, 2.0):
        ax.axhline(level, color="C1", linewidth=0.8, linestyle=":")
    ax.set_xlabel(comparison.observable)
    ax.set_ylabel("(observed − law) / standard error")
    ax.set_title(f"p = {comparison.pvalue:.3g} against {comparison.law_name}", fontsize="medium")
    return ax


def _new_axes() -> Axes:
    from matplotlib import pyplot  # noqa: PLC0415 # pyplot chooses a backend, which no import of a library should

    _, ax = pyplot.subplots(layout="constrained")
    return ax


def _draw_histogram(ax: Axes, histogram: HistogramResult) -> None:
    mean, error, edges = histogram.density(), histogram.density_error(), histogram.edges
    label = f"sampled, h = {histogram.provenance.step_size:g}"
    ax.stairs(mean, edges, fill=True, alpha=0.25, color="C0")
    ax.stairs(mean, edges, baseline=None, color="C0", label=label)
    if np.isfinite(error).all():
        ax.stairs(
            mean + error, edges, baseline=mean - error, fill=True, alpha=0.5, color="C0", label="± standard error"
        )


def _draw_law(ax: Axes, histogram: HistogramResult, law: DrawableLaw, label: str, **style: object) -> float:
    """Draw one law and return the largest finite height of its line."""
    if not isinstance(law, Law) or not hasattr(law, "pdf"):
        raise InvalidArgumentError(f"{label} = {law!r} is not a law with a density; give what density(...) returns")
    edges = histogram.edges
    x = np.linspace(edges[0], edges[-1], POINTS_PER_BIN * histogram.spec.bins + 1)
    height = np.asarray(law.pdf(x), dtype=np.float64) * _scale(histogram, law)
    tallest = float(height[np.isfinite(height)].max(initial=0.0))
    # matplotlib leaves a gap at an infinite point; a finite one far outside of the axes is what the eye expects.
    drawn = np.where(np.isposinf(height), 10.0 * tallest, height)
    ax.plot(x, drawn, label=textwrap.fill(label, 32), **style)  # type: ignore[arg-type] # line styles are passed through as they are
    return tallest


def _scale(histogram: HistogramResult, law: Law) -> float:
    """Return what a conditioned density has to be multiplied by to lie on the density of the whole histogram."""
    if law.given is None:
        return 1.0
    inside = histogram.slots_inside(law.given)
    mass = np.diff(np.concatenate(([0.0], np.asarray(law.cdf(histogram.edges)), [1.0])))[inside].sum()
    observed = histogram.raw_counts[:, :-1][:, inside].sum()
    return float(observed / (mass * max(histogram.total, 1))) if mass > 0 else 0.0


def _finite_intervals(intervals: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the cells, the infinite ones replaced: a tail gets the width of a typical cell."""
    lo, hi = intervals[:, 0].copy(), intervals[:, 1].copy()
    widths = hi - lo
    finite = widths[np.isfinite(widths)]
    typical = float(np.median(finite)) if len(finite) else 1.0
    lo[np.isneginf(lo)] = hi[np.isneginf(lo)] - typical
    hi[np.isposinf(hi)] = lo[np.isposinf(hi)] + typical
    return lo, hi
