"""Integration of a one-dimensional weight given by its logarithm, however narrow, singular or heavy-tailed it is.

Every piece of the line is integrated in the logarithm of the distance d from a *special point*: a singularity, an end
of the support, or a peak of the weight. In that variable |x|**-a and log|x| are as smooth as a Gaussian, all length
scales are met after few panels, and what lies beyond the last panel is a power of d that is integrated in closed form,
or not at all: then the mass escapes there, and the error says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InvalidArgumentError
from .charts import INVISIBLE, Chart, Interval, LogWeight, Sweep, guarded, margin, require_finite_mass, survey
from .panels import CHECK, CHECKED, LOBATTO, ORDER, SERIES, Panels

__all__ = ["Interval", "LogWeight", "integrate"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

_PANEL = 1.5  # the widest panel in log d
_CHANGE, _STEEPEST = 8.0, 160.0  # of the log of the weight, in a panel, and in the stretch between two looks
_MOMENTS = 8.0
_NEGLIGIBLE = 80.0  # exp(-80) of the mass next to a special point needs no panels
_TOLERANCE = 1e-13
_BIAS = 0.125
_MAX_PANELS = 4096  # more are needed at once only where the formula is noise
_NARROWEST = 1e-13  # a panel in log d


def integrate(
    log_weight: LogWeight, intervals: Sequence[Interval], singularities: Sequence[float], breaks: ArrayLike = ()
) -> Panels:
    """Integrate exp(log_weight) over `intervals`.

    Parameters
    ----------
    log_weight : callable
        Takes a 1-d array of points, returns the logs of the weight there (-inf where it is zero).
    intervals : sequence of (lo, hi)
        Disjoint, in order; ends may be infinite.
    singularities : sequence of float
        Points where the weight may be infinite or not smooth.
    breaks : array_like of float
        Points where it may jump or bend, or near which it may have narrow features; hundreds are no burden. Jumps and
        bends elsewhere are found by bisection.

    Returns
    -------
    Panels
        The integral and everything that follows from it, with a bound on its error: mostly about 1e-13 for piecewise
        analytic weights with singularities |x|**-a, a < 1, or log|x| at 0; at another point s, x - s is only known to
        the spacing of doubles, and the error of |x - s|**-a is about 1e-10 for a = 1/2.

    Raises
    ------
    NotNormalizableError
        If the integral is infinite; names the place and, where it can be measured, the exponent.
    InvalidArgumentError
        If the weight is nan, infinite off the singularities, or zero everywhere.
    """
    places = np.unique(np.asarray(breaks, dtype=np.float64))
    places = places[np.isfinite(places)]
    log_weight = guarded(log_weight, [*singularities, *places])
    sweeps = survey(log_weight, intervals, singularities, places)
    for sweep in sweeps:
        require_finite_mass(sweep)
    level = max(float(np.max(sweep.integrand)) for sweep in sweeps)
    if level == -math.inf:
        raise InvalidArgumentError(
            f"the weight is zero everywhere on {_text(intervals)}; there is nothing to normalise"
        )
    ranges = [_range(sweep, level) for sweep in sweeps]
    # The panels of all charts together: a call costs more than points.
    edges = [_edges(number, *each, places) for number, each in enumerate(zip(sweeps, ranges, strict=True))]
    panels = _panels(log_weight, _Edges(*map(np.concatenate, zip(*edges, strict=True))), level)
    owner = panels.pop("owner")
    blocks: list[dict[str, FloatArray]] = []
    for number, (sweep, range_) in enumerate(zip(sweeps, ranges, strict=True)):
        pieces = _pieces(sweep, *range_, {key: column[owner == number] for key, column in panels.items()})
        blocks.extend(pieces if sweep.chart.sign > 0 else [_reversed(piece) for piece in reversed(pieces)])
    return Panels(**{key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]})


def _text(intervals: Sequence[Interval]) -> str:
    return " and ".join(f"({lo:g}, {hi:g})" for lo, hi in intervals)


def _range(sweep: Sweep, level: float) -> tuple[int, int]:
    """Return between which points of a sweep there are panels."""
    y = sweep.y
    near_enough = np.flatnonzero(sweep.integrand > level - _NEGLIGIBLE)
    # Up to moments of some order, which see what the mass does not.
    far_enough = np.flatnonzero(sweep.integrand + _MOMENTS * np.maximum(y, 0.0) > level - INVISIBLE)
    last = min(y.size - 1, int(far_enough[-1]) + 1) if far_enough.size else 0
    first = min(last, max(0, int(near_enough[0]) - 1)) if near_enough.size else 0
    return first, last


def _pieces(sweep: Sweep, first: int, last: int, panels: dict[str, FloatArray]) -> list[dict[str, FloatArray]]:
    """Return the power cell next to the special point, the panels, and the power cell at infinity if there is one."""
    chart, y = sweep.chart, sweep.y
    pieces = [_power_cell(sweep, first, outer=False), panels]
    if last < y.size - 1:
        pieces.append(_empty_cell(chart, float(y[last])))
    elif chart.open:
        pieces.append(_power_cell(sweep, last, outer=True))
    return pieces


def _power_cell(sweep: Sweep, index: int, *, outer: bool) -> dict[str, FloatArray]:
    """Integrate a weight w proportional to d**(kappa - 1) up to d, or from d on: d w(d) / |kappa|."""
    end, value = float(sweep.y[index]), float(sweep.integrand[index])
    kappa, inside = (1.0 - sweep.exponent(far=outer, stretch=stretch) for stretch in (0, 1))
    if value == -math.inf or not math.isfinite(kappa):
        kappa, value = -1.0 if outer else 1.0, -math.inf
    log_mass = value - math.log(abs(kappa))
    # Where the exponent still changes, the mass is as uncertain.
    doubt = min(abs(kappa - inside) / abs(kappa), 1.0) if math.isfinite(inside) else 1.0
    log_error = log_mass + math.log(max(doubt, 1e-16))
    return _block(sweep.chart, end, outer=outer, kappa=kappa, log_mass=log_mass, log_error=log_error)


def _empty_cell(chart: Chart, end: float) -> dict[str, FloatArray]:
    return _block(chart, end, outer=True, kappa=-1.0, log_mass=-math.inf, log_error=-math.inf)


def _block(
    chart: Chart, end: float, *, outer: bool, kappa: float, log_mass: float, log_error: float
) -> dict[str, FloatArray]:
    """One power cell as the columns of `Panels`; `end` is the log of the end of d at which the power law starts."""
    reach = math.inf if chart.open else math.exp(chart.far)
    distances = (math.exp(end), reach) if outer else (0.0, math.exp(end))
    left, right = sorted(chart.origin + chart.sign * d for d in distances)
    numbers = {
        "left": left,
        "right": right,
        "origin": chart.origin,
        "sign": float(chart.sign),
        "centre": end,
        "half": 0.0,
        "kappa": kappa,
        "log_mass": log_mass,
        "log_error": log_error,
    }
    return {key: np.array([number]) for key, number in numbers.items()} | {"coefficients": np.zeros((1, ORDER))}


class _Edges(NamedTuple):
    """Panels: their ends in y, shape (n, 2), and the ends of where they are looked at in x, which avoids breaks.

    Besides, the numbers of their charts, shape (n,), and the origins and signs of these, shape (n, 1).
    """

    y: FloatArray
    x: FloatArray
    owner: IndexArray
    origin: FloatArray
    sign: FloatArray

    def of(self, which: IndexArray | BoolArray) -> _Edges:
        """Return some of the panels."""
        return _Edges(self.y[which], self.x[which], self.owner[which], self.origin[which], self.sign[which])

    def halves(self, which: BoolArray) -> _Edges:
        """Return both halves of some of the panels."""
        y, *others = self.of(which)
        centre = y.mean(axis=1)
        low, high = np.stack([y[:, 0], centre], axis=1), np.stack([centre, y[:, 1]], axis=1)
        return _Edges(np.concatenate([low, high]), *(np.concatenate([column, column]) for column in others))


def _even_edges(y: FloatArray, integrand: FloatArray) -> FloatArray:
    """Divide a range of y so that the panels are short, and the weight does not change by too much in any."""
    with np.errstate(invalid="ignore"):
        change = np.nan_to_num(np.abs(np.diff(integrand)), nan=0.0, posinf=_STEEPEST)
    pieces = np.concatenate([[0.0], np.cumsum(np.diff(y) / _PANEL + np.minimum(change, _STEEPEST) / _CHANGE)])
    return np.interp(np.linspace(0.0, pieces[-1], 1 + math.ceil(pieces[-1])), pieces, y)


def _edges(number: int, sweep: Sweep, range_: tuple[int, int], breaks: FloatArray) -> _Edges:
    """Return the panels of a chart with this number, which are divided at the breaks in them."""
    (first, last), chart = range_, sweep.chart
    if first == last:
        return _Edges(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.intp), np.zeros((0, 1)), np.zeros((0, 1)))
    even = _even_edges(sweep.y[first : last + 1], sweep.integrand[first : last + 1])
    y, limits = even, np.tile([-np.inf, np.inf], (even.size - 1, 1))
    if breaks.size:
        y, limits = _divided(chart, even, breaks)
    column = np.ones((y.size - 1, 1))
    owner = np.full(y.size - 1, number)
    return _Edges(np.stack([y[:-1], y[1:]], axis=1), limits, owner, chart.origin * column, chart.sign * column)


def _divided(chart: Chart, even: FloatArray, breaks: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return edges in y with breaks among them, and the ends of where panels are looked at in x."""
    low, high = even[0], even[-1]
    distance = chart.sign * (breaks - chart.origin)
    points = breaks[distance > 0.0]
    with np.errstate(over="ignore"):
        at = np.log(distance[distance > 0.0])
    inside = (at > low + _NARROWEST) & (at < high - _NARROWEST)
    points, at = points[inside], at[inside]
    # An even edge beside a break would only cut off a sliver.
    lonely = np.abs(even[:, None] - at).min(axis=1, initial=np.inf) > 1e-6
    lonely[[0, -1]] = True
    y = np.concatenate([even[lonely], at])
    edge = np.concatenate([np.full(int(lonely.sum()), np.nan), points])
    order = np.argsort(y)
    y, edge = y[order], edge[order]
    # Breaks that differ by their last digits are one; the ends stay.
    apart = np.concatenate([[True], np.diff(y) > _NARROWEST * (1.0 + np.abs(y[1:]))])
    apart[-1] = True
    if y.size > 2 and not y[-1] - y[-2] > _NARROWEST * (1.0 + abs(y[-1])):
        apart[-2] = False
    y, edge = y[apart], edge[apart]
    begin, end = edge[:-1] + chart.sign * margin(edge[:-1]), edge[1:] - chart.sign * margin(edge[1:])
    left, right = (begin, end) if chart.sign > 0 else (end, begin)
    return y, np.stack([np.where(np.isnan(left), -np.inf, left), np.where(np.isnan(right), np.inf, right)], axis=1)


def _panels(log_weight: LogWeight, active: _Edges, level: float) -> dict[str, FloatArray]:
    """Halve panels until the Legendre series of the weight in each is right, or the panel does not matter."""
    done: list[tuple[_Edges, FloatArray, FloatArray, FloatArray]] = []
    while active.y.size or not done:
        centre, half = active.y.mean(axis=1), (active.y[:, 1] - active.y[:, 0]) / 2
        y, values = _looked_at(log_weight, active, LOBATTO)
        integrand = values + y
        top = np.max(integrand, axis=1)
        base = np.where(top > -np.inf, top, 0.0)
        coefficients = np.exp(integrand - base[:, None]) @ SERIES.T
        doubt = np.abs(coefficients[:, -3:]).max(axis=1)
        noise = _noise(active.origin, y, values, integrand, base)
        allowed = _TOLERANCE + noise
        nothing = top + np.log(2.0 * half) < level - INVISIBLE
        (found,) = np.nonzero((doubt <= allowed) & ~nothing)
        if found.size:
            deviation = _deviation(log_weight, active.of(found), coefficients[found], base[found])
            doubt[found] = np.maximum(doubt[found], deviation)
        settled = (doubt <= allowed) | nothing
        too_many = np.bincount(active.owner)[active.owner] > _MAX_PANELS
        settled |= (half < _NARROWEST * (1.0 + np.abs(centre))) | too_many
        with np.errstate(divide="ignore"):
            log_mass = base + np.log(half) + np.log(np.maximum(2.0 * coefficients[:, 0], 0.0))
            # Rounding errors that all have one sign look like a smooth weight, so that no check sees them.
            log_error = base + np.log(half) + np.log(2.0 * np.maximum(doubt, _BIAS * noise))
        done.append((active.of(settled), log_mass[settled], coefficients[settled], log_error[settled]))
        active = active.halves(~settled)
    return _sorted_panels(done)


def _looked_at(log_weight: LogWeight, panels: _Edges, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return y and the log of the weight at places t in [-1, 1] of panels."""
    centre, half = panels.y.mean(axis=1), (panels.y[:, 1] - panels.y[:, 0]) / 2
    y = centre[:, None] + panels.sign * half[:, None] * t
    x = np.clip(panels.origin + panels.sign * np.exp(y), panels.x[:, :1], panels.x[:, 1:])
    values = log_weight(x.ravel()).reshape(y.shape)
    if np.any(np.isnan(values)):
        place = x[np.isnan(values)][0]
        raise InvalidArgumentError(f"the log-weight is nan at {place:g}; restrict the support or mend the formula")
    return y, values


def _deviation(log_weight: LogWeight, panels: _Edges, coefficients: FloatArray, base: FloatArray) -> FloatArray:
    """Return by how much series differ from the weight where they were not made, relative to exp(base)."""
    y, values = _looked_at(log_weight, panels, CHECKED)
    with np.errstate(over="ignore"):
        weight = np.exp(values + y - base[:, None])
    return np.asarray(np.abs(coefficients @ CHECK.T - weight).max(axis=1))


def _noise(
    origin: FloatArray, y: FloatArray, values: FloatArray, integrand: FloatArray, base: FloatArray
) -> FloatArray:
    """Bound the rounding error of the weight relative to its maximum in each panel: that of log w and that of x."""
    error_of_y = 1.0 + np.abs(y) + np.abs(origin) * np.exp(-y)
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(values, axis=1) / np.diff(y, axis=1))
        slope = np.maximum(steps[:, [0, *range(ORDER - 1)]], steps[:, [*range(ORDER - 1), ORDER - 2]])
        error = np.abs(values) + slope * error_of_y
    matters = (integrand > base[:, None] - 40.0) & np.isfinite(error)
    share = np.exp(np.minimum(integrand - base[:, None], 0.0))
    worst: FloatArray = np.max(share * np.where(matters, error, 0.0), axis=1)
    return 4e-16 * worst


def _sorted_panels(done: list[tuple[_Edges, FloatArray, FloatArray, FloatArray]]) -> dict[str, FloatArray]:
    """Return panels as the columns of `Panels`, chart after chart, and the numbers of their charts as "owner"."""
    panels, *others = zip(*done, strict=True)
    columns = [np.concatenate(column) for column in (*zip(*panels, strict=True), *others)]
    order = np.lexsort((columns[0][:, 0], columns[2]))
    bounds, _, owner, origin, sign, log_mass, coefficients, log_error = (column[order] for column in columns)
    ends = np.sort(origin + sign * np.exp(bounds), axis=1)
    integral = 2.0 * coefficients[:, :1]
    return {
        "owner": owner,
        "left": ends[:, 0],
        "right": ends[:, 1],
        "origin": origin[:, 0],
        "sign": sign[:, 0],
        "centre": bounds.mean(axis=1),
        "half": (bounds[:, 1] - bounds[:, 0]) / 2,
        "kappa": np.full(len(bounds), np.nan),
        "log_mass": log_mass,
        "coefficients": coefficients / np.where(integral > 0.0, integral, 1.0),
        "log_error": log_error,
    }


def _reversed(piece: dict[str, FloatArray]) -> dict[str, FloatArray]:
    return {key: column[::-1] for key, column in piece.items()}
