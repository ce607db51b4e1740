"""Integration of a one-dimensional weight given by its logarithm, however narrow, singular or heavy-tailed it is.

Every piece of the line is integrated in the logarithm of the distance d from a *special point*: a singularity, an end
of the support, or a peak of the weight. In that variable |x|**-a and log|x| are as smooth as a Gaussian, all length
scales are met after few panels, and what lies beyond the last panel is a power of d that is integrated in closed form,
or not at all: then the mass escapes there, and the error says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidArgumentError
from .charts import INVISIBLE, Chart, Interval, LogWeight, Sweep, guarded, require_finite_mass, survey
from .panels import NODES, ORDER, TO_COEFFICIENTS, Cells

__all__ = ["Interval", "LogWeight", "integrate"]

FloatArray = NDArray[np.float64]

_PANEL = 1.5  # the widest panel in log d
_NEGLIGIBLE = 80.0  # exp(-80) of the mass next to a special point needs no panels
_TOLERANCE = 1e-13
_MAX_PANELS = 4096  # more are needed at once only where the formula is noise


def integrate(log_weight: LogWeight, intervals: Sequence[Interval], singularities: Sequence[float]) -> Cells:
    """Integrate exp(log_weight) over `intervals`.

    Parameters
    ----------
    log_weight : callable
        Takes a 1-d array of points, returns the logs of the weight there (-inf where it is zero).
    intervals : sequence of (lo, hi)
        Disjoint, in order; ends may be infinite.
    singularities : sequence of float
        Points where the weight may be infinite or not smooth.

    Returns
    -------
    Cells
        The integral and everything that follows from it. Relative error about 1e-13 for piecewise analytic weights with
        singularities |x|**-a, a < 1, or log|x| at 0; at another point s, x - s is only known to the spacing of doubles,
        and the error of |x - s|**-a is about 1e-10 for a = 1/2.

    Raises
    ------
    NotNormalizableError
        If the integral is infinite; names the place and, where it can be measured, the exponent.
    InvalidArgumentError
        If the weight is nan, infinite off the singularities, or zero everywhere.
    """
    log_weight = guarded(log_weight, singularities)
    sweeps = survey(log_weight, intervals, singularities)
    for sweep in sweeps:
        require_finite_mass(sweep)
    level = max(float(np.max(sweep.integrand)) for sweep in sweeps)
    if level == -math.inf:
        raise InvalidArgumentError(
            f"the weight is zero everywhere on {_text(intervals)}; there is nothing to normalise"
        )
    blocks: list[dict[str, FloatArray]] = []
    for sweep in sweeps:
        pieces = _pieces(log_weight, sweep, level)
        blocks.extend(pieces if sweep.chart.sign > 0 else [_reversed(piece) for piece in reversed(pieces)])
    return Cells(**{key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]})


def _text(intervals: Sequence[Interval]) -> str:
    return " and ".join(f"({lo:g}, {hi:g})" for lo, hi in intervals)


def _pieces(log_weight: LogWeight, sweep: Sweep, level: float) -> list[dict[str, FloatArray]]:
    """Return the power cell next to the special point, the panels, and the power cell at infinity if there is one."""
    chart, y = sweep.chart, sweep.y
    near_enough = np.flatnonzero(sweep.integrand > level - _NEGLIGIBLE)
    # Up to the second moment, so that mean and variance see what the mass does not.
    far_enough = np.flatnonzero(sweep.integrand + 2.0 * np.maximum(y, 0.0) > level - INVISIBLE)
    last = min(y.size - 1, int(far_enough[-1]) + 1) if far_enough.size else 0
    first = min(last, max(0, int(near_enough[0]) - 1)) if near_enough.size else 0
    pieces = [_power_cell(sweep, first, 1.0 - sweep.exponent(far=False), outer=False)]
    if first < last:
        pieces.append(_panels(log_weight, chart, float(y[first]), float(y[last]), level))
    if last < y.size - 1:
        pieces.append(_empty_cell(chart, float(y[last])))
    elif chart.open:
        pieces.append(_power_cell(sweep, last, 1.0 - sweep.exponent(far=True), outer=True))
    return pieces


def _power_cell(sweep: Sweep, index: int, kappa: float, *, outer: bool) -> dict[str, FloatArray]:
    """Integrate a weight w proportional to d**(kappa - 1) up to d, or from d on: d w(d) / |kappa|."""
    end, value = float(sweep.y[index]), float(sweep.integrand[index])
    if value == -math.inf or not math.isfinite(kappa):
        kappa, value = -1.0 if outer else 1.0, -math.inf
    return _block(sweep.chart, end, outer=outer, kappa=kappa, log_mass=value - math.log(abs(kappa)))


def _empty_cell(chart: Chart, end: float) -> dict[str, FloatArray]:
    return _block(chart, end, outer=True, kappa=-1.0, log_mass=-math.inf)


def _block(chart: Chart, end: float, *, outer: bool, kappa: float, log_mass: float) -> dict[str, FloatArray]:
    """One power cell as the columns of `Cells`; `end` is the log of the end of d at which the power law starts."""
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
    }
    return {key: np.array([number]) for key, number in numbers.items()} | {"coefficients": np.zeros((1, ORDER))}


def _panels(log_weight: LogWeight, chart: Chart, low: float, high: float, level: float) -> dict[str, FloatArray]:
    """Halve panels until the Legendre series of the weight in each has converged or the panel does not matter."""
    edges = np.linspace(low, high, 1 + math.ceil((high - low) / _PANEL))
    active = np.stack([edges[:-1], edges[1:]], axis=1)
    done: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    while active.size:
        centre, half = active.mean(axis=1), (active[:, 1] - active[:, 0]) / 2
        y = centre[:, None] + chart.sign * half[:, None] * NODES
        values = log_weight(chart.x(y).ravel()).reshape(y.shape)
        if np.any(np.isnan(values)):
            place = chart.x(y)[np.isnan(values)][0]
            raise InvalidArgumentError(f"the log-weight is nan at {place:g}; restrict the support or mend the formula")
        integrand = values + y
        top = np.max(integrand, axis=1)
        base = np.where(top > -np.inf, top, 0.0)
        coefficients = np.exp(integrand - base[:, None]) @ TO_COEFFICIENTS.T
        settled = np.abs(coefficients[:, -3:]).max(axis=1) <= _TOLERANCE + _noise(chart, y, values, integrand, base)
        settled |= top + np.log(2.0 * half) < level - INVISIBLE
        settled |= (half < 1e-13 * (1.0 + np.abs(centre))) | (len(active) > _MAX_PANELS)
        with np.errstate(divide="ignore"):
            log_mass = base + np.log(half) + np.log(np.maximum(2.0 * coefficients[:, 0], 0.0))
        done.append((active[settled], log_mass[settled], coefficients[settled]))
        low_half = np.stack([active[:, 0], centre], axis=1)[~settled]
        high_half = np.stack([centre, active[:, 1]], axis=1)[~settled]
        active = np.concatenate([low_half, high_half])
    return _sorted_panels(chart, done)


def _noise(chart: Chart, y: FloatArray, values: FloatArray, integrand: FloatArray, base: FloatArray) -> FloatArray:
    """Bound the rounding error of the weight relative to its maximum in each panel: that of log w and that of x."""
    error_of_y = 1.0 + np.abs(y) + abs(chart.origin) * np.exp(-y)
    with np.errstate(invalid="ignore"):
        error = np.abs(values) + np.abs(np.gradient(values, axis=1) / np.gradient(y, axis=1)) * error_of_y
    matters = (integrand > base[:, None] - 40.0) & np.isfinite(error)
    share = np.exp(np.minimum(integrand - base[:, None], 0.0))
    worst: FloatArray = np.max(share * np.where(matters, error, 0.0), axis=1)
    return 4e-16 * worst


def _sorted_panels(chart: Chart, done: list[tuple[FloatArray, FloatArray, FloatArray]]) -> dict[str, FloatArray]:
    bounds, log_mass, coefficients = (np.concatenate(column) for column in zip(*done, strict=True))
    order = np.argsort(bounds[:, 0])
    bounds, log_mass, coefficients = bounds[order], log_mass[order], coefficients[order]
    ends = np.sort(chart.x(bounds), axis=1)
    integral = 2.0 * coefficients[:, :1]
    size = np.ones(len(bounds))
    return {
        "left": ends[:, 0],
        "right": ends[:, 1],
        "origin": chart.origin * size,
        "sign": chart.sign * size,
        "centre": bounds.mean(axis=1),
        "half": (bounds[:, 1] - bounds[:, 0]) / 2,
        "kappa": np.nan * size,
        "log_mass": log_mass,
        "coefficients": coefficients / np.where(integral > 0.0, integral, 1.0),
    }


def _reversed(piece: dict[str, FloatArray]) -> dict[str, FloatArray]:
    return {key: column[::-1] for key, column in piece.items()}
