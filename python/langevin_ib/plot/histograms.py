"""Draw histograms, laws and residuals on matplotlib axes that you pass in; nothing is computed here."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import shown
from ..comparison import Comparison, Law
from ..display import colour
from ..errors import InvalidArgumentError
from ..observe import HistogramResult
from .axes import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DrawableLaw", "density", "ratio", "residuals"]

POINTS_PER_BIN = 8
"""How finely a law is drawn; divisible by two, so that edges and centres of bins are on the grid."""

CLEAREST = 0.2
"""`ratio` shows the bins whose density is known to this relative standard error."""


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
    infinite, its mean over an eighth of a bin is drawn: that is finite whenever the law can be normalised, and it is
    what a histogram of such bins would show.

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
    _require_filled(histogram=histogram, finer=finer)
    ax = new_axes() if ax is None else ax
    _draw_histogram(ax, histogram)
    if finer is not None:
        label = f"h = {finer.provenance.step_size:g}"
        ax.stairs(finer.density(), finer.edges, baseline=None, color=colour(2), linestyle=":", label=label)
    top = float(np.nanmax(histogram.density() + np.nan_to_num(histogram.density_error()), initial=0.0))
    tallest = _draw_law(ax, histogram, law, law.name if isinstance(law, Law) else "law", color=colour(1))
    for index, (name, rival) in enumerate(_checked_rivals(rivals).items()):
        _draw_law(ax, histogram, rival, name, color=colour(index + 3), linewidth=0.8, linestyle="--")
    # A sharp peak would flatten everything else; a law that is merely higher has to stay visible.
    ceiling = 1.1 * max(top, min(tallest, 1.5 * top))
    ax.set_ylim(0.0, ceiling if ceiling > 0 else 1.0)
    ax.set_xlim(*histogram.spec.range)
    ax.set_xlabel(histogram.provenance.observable)
    ax.set_ylabel(f"density with respect to {law.reference}")
    ax.legend(fontsize="small", frameon=False)
    return ax


def ratio(
    histogram: HistogramResult,
    law: DrawableLaw,
    base: DrawableLaw,
    *,
    ax: Axes | None = None,
    finer: HistogramResult | None = None,
    rivals: Mapping[str, DrawableLaw] | None = None,
) -> Axes:
    """Draw a histogram and laws divided by a base law, on a logarithmic scale.

    With the law without correction for a base it shows the correction itself: the sampled one as points with one
    standard error, that of the law and of each rival as lines. A point is the sampled probability of a bin over that
    under the base law. Bins that are known less well than to 20 % are left out.

    Parameters
    ----------
    histogram : HistogramResult
        The run.
    law : Density
        The law, as for `density`.
    base : Density
        The law to divide by; not conditioned.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes of a new figure.
    finer : HistogramResult, optional
        An independent second run at half the step, in the same bins. The points are then extrapolated to step zero,
        2 p_{h/2} - p_h, as `compare` does.
    rivals : mapping of str to Density, optional
        Other laws by label, drawn as thin lines.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, for further changes.

    Raises
    ------
    InvalidArgumentError
        If ``histogram`` or ``finer`` is no filled histogram, their bins differ, a law lacks the members that `density`
        names, or ``base`` is conditioned.
    """
    _require_filled(histogram=histogram, finer=finer)
    _require_drawable(base, "base")
    if base.given is not None:
        raise InvalidArgumentError(
            f"base = {base.name!r} is conditioned on {base.given}; divide by a law on the whole line"
        )
    ax = new_axes() if ax is None else ax
    edges, mean, error = histogram.edges, histogram.density(), histogram.density_error()
    label = f"sampled, h = {histogram.provenance.step_size:g}"
    if finer is not None:
        if (finer.spec.bins, finer.spec.range) != (histogram.spec.bins, histogram.spec.range):
            raise InvalidArgumentError(
                f"finer has other bins than histogram: {finer.spec}, {histogram.spec}; bin both alike"
            )
        mean, error = 2.0 * finer.density() - mean, np.hypot(2.0 * finer.density_error(), error)
        label = "sampled, extrapolated to h = 0"
    below = np.diff(np.asarray(base.cdf(edges), dtype=np.float64)) / np.diff(edges)
    clear = (mean > 0) & (below > 0) & (error <= CLEAREST * mean)
    centres, half = 0.5 * (edges[1:] + edges[:-1])[clear], 0.5 * np.diff(edges)[clear]
    values, bars = mean[clear] / below[clear], error[clear] / below[clear]
    ax.errorbar(centres, values, bars, half, fmt="none", color=colour(0), linewidth=1.0, label=label)
    _draw_ratio(ax, histogram, law, base, law.name if isinstance(law, Law) else "law", color=colour(1), zorder=1.5)
    for index, (name, rival) in enumerate(_checked_rivals(rivals).items()):
        _draw_ratio(
            ax, histogram, rival, base, name, color=colour(index + 3), linewidth=1.0, linestyle="--", zorder=1.4
        )
    if len(values):
        ax.set_xlim(centres[0] - half[0], centres[-1] + half[-1])
        ax.set_ylim(0.7 * float(values.min()), 1.4 * float(values.max()))
    ax.set_yscale("log", subs=(2, 5))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("{x:g}")
    ax.set_xlabel(histogram.provenance.observable)
    ax.set_ylabel("density / density of the base law")
    ax.legend(fontsize="small", frameon=False)
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
    ax = new_axes() if ax is None else ax
    lo, hi = _finite_intervals(comparison.intervals)
    ax.bar(lo, comparison.z, width=hi - lo, align="edge", color=colour(0), edgecolor=ax.get_facecolor(), linewidth=0.5)
    ax.axhline(0.0, color=colour(1), linewidth=1.0)
    for level in (-2.0, 2.0):
        ax.axhline(level, color=colour(1), linewidth=0.8, linestyle=":")
    reach = 1.15 * max(3.0, float(np.abs(comparison.z).max()))
    ax.set_ylim(-reach, reach)
    ax.set_xlabel(comparison.observable)
    ax.set_ylabel("deviation / s.e.")
    ax.set_title(f"p = {comparison.pvalue:.3g} against {comparison.law_name}", fontsize="medium")
    return ax


def _checked_rivals(rivals: Any) -> Mapping[str, DrawableLaw]:
    if rivals is None:
        return {}
    if not isinstance(rivals, Mapping):
        raise InvalidArgumentError(f"rivals must map names to laws, as rivals(...) does, got {shown(rivals)}")
    return rivals


def _draw_histogram(ax: Axes, histogram: HistogramResult) -> None:
    mean, error, edges = histogram.density(), histogram.density_error(), histogram.edges
    label = f"sampled, h = {histogram.provenance.step_size:g}"
    ax.stairs(mean, edges, fill=True, alpha=0.25, color=colour(0))
    ax.stairs(mean, edges, baseline=None, color=colour(0), label=label)
    if np.isfinite(error).all():
        ax.stairs(
            mean + error, edges, baseline=mean - error, fill=True, alpha=0.5, color=colour(0), label="± standard error"
        )


def _draw_law(ax: Axes, histogram: HistogramResult, law: DrawableLaw, label: str, **style: object) -> float:
    """Draw one law and return the largest height of its line."""
    _require_drawable(law, label)
    x = _grid(histogram)
    height = _heights(law, x) * _scale(histogram, law)
    ax.plot(x, height, label=textwrap.fill(label, 32), **style)  # type: ignore[arg-type] # line styles are passed through as they are
    return float(height.max(initial=0.0))


def _draw_ratio(
    ax: Axes, histogram: HistogramResult, law: DrawableLaw, base: DrawableLaw, label: str, **style: object
) -> None:
    _require_drawable(law, label)
    x = _grid(histogram)
    above, below = _heights(law, x) * _scale(histogram, law), _heights(base, x)
    value = np.divide(above, below, out=np.full(len(x), np.nan), where=(below > 0) & (above > 0))
    ax.plot(x, value, label=textwrap.fill(label, 32), **style)  # type: ignore[arg-type] # line styles are passed through as they are


def _require_filled(*, histogram: HistogramResult, finer: HistogramResult | None) -> None:
    for name, run in (("histogram", histogram), ("finer", finer)):
        if not isinstance(run, HistogramResult) and not (name == "finer" and run is None):
            raise InvalidArgumentError(f"{name} is a {type(run).__name__}; give the filled histogram of a run")


def _require_drawable(law: DrawableLaw, label: str) -> None:
    if not isinstance(law, Law) or not hasattr(law, "pdf"):
        raise InvalidArgumentError(
            f"{label} = {shown(law)} is not a law with a density; give what density(...) returns"
        )


def _grid(histogram: HistogramResult) -> NDArray[np.float64]:
    lo, hi = histogram.spec.range
    return np.linspace(lo, hi, POINTS_PER_BIN * histogram.spec.bins + 1)


def _heights(law: DrawableLaw, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the density on a grid; where it is infinite, its mean over one spacing of the grid."""
    heights = np.asarray(law.pdf(x), dtype=np.float64).copy()
    infinite = np.isposinf(heights)
    if infinite.any():
        half = 0.5 * (x[1] - x[0])
        heights[infinite] = (law.cdf(x[infinite] + half) - law.cdf(x[infinite] - half)) / (2.0 * half)
    return heights


def _scale(histogram: HistogramResult, law: Law) -> float:
    """Return what a conditioned density has to be multiplied by to lie on the density of the whole histogram."""
    if law.given is None:
        return 1.0
    inside = histogram.slots_inside(law.given)
    mass = np.diff(np.concatenate(([0.0], np.asarray(law.cdf(histogram.edges)), [1.0])))[inside].sum()
    observed = histogram.slot_counts[:, inside].sum()
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
