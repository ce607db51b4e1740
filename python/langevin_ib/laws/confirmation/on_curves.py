r"""The second integration for laws on a curve of the plane: random lines, and the points where they meet the curve.

By Cauchy's and Crofton's formula the arc length is an integral over lines. With a direction n(theta), 0 <= theta < pi,
and the offset p = n.x,

    integral f ds  =  1/2 integral dtheta dp  sum of f over all points of the curve on the line,

so with lines drawn from a density h(p, theta), f/(2h) at their points is an unbiased estimate (Santaló, Integral
Geometry and Geometric Probability, 1976, section 3.4). Lines go through points of a mixture that was fitted to the
weight, in directions that are uniform, whence h is the mixture's density across the direction over pi: a sum of Student
laws on the line. No curve is followed, and no derivative of a formula is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import sympy
from numpy.typing import NDArray

from .importance import resampled
from .mixture import Mixture
from .population import LogWeight, cooled
from .target import Target, finite

__all__ = ["OnCurve"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_POPULATION, _COMPONENTS, _ROUNDS, _LINES = 1024, 24, 4, 4096
_TUBE = 0.02
"""The first mixture is fitted to points that are no farther from the curve than this times their size."""

_NODES, _REACH, _FINE = 128, 300.0, 0.1
"""A line is searched at so many points, evenly spaced near its base, in units of the mixture's size, and then farther
and farther apart."""

_HALVINGS = 32
_DIFFERENCE = 6e-6  # the cube root of the rounding unit


@dataclass(frozen=True, kw_only=True)
class OnCurve(Target):
    """What a law on a curve is one of.

    Parameters
    ----------
    constraint : sympy.Expr
        chi.
    level : float
        Its value on the curve.
    rigid : bool
        If the law is exp(-V/T) ds, without |grad chi|**-1.
    """

    constraint: sympy.Expr
    level: float
    rigid: bool

    @property
    def wanted(self) -> float:
        """The standard errors that the second integration goes on for."""
        return 0.0045

    @property
    def has_to_tell(self) -> bool:
        """Whether a law is refused if the second integration is not exact enough to tell."""
        return False

    @property
    def fills_space(self) -> bool:
        """Whether points are drawn by `log_weight`, in all of space: lines are."""
        return False

    @property
    def batch(self) -> int:
        """How many lines are drawn at a time."""
        return super().batch // 4

    @property
    def most_draws(self) -> int:
        """The number of lines after which it has to do."""
        return super().most_draws // 4

    def proposal(self, rng: np.random.Generator) -> Lines | None:
        """Return lines that meet the curve where the weight is, None if no mass was found."""
        weight, guide = self.conditioned()
        distance = self._distance()

        def near(x: FloatArray) -> FloatArray:
            with np.errstate(all="ignore"):
                away = distance(x) / (_slope(distance, x) * np.linalg.norm(x, axis=1) * _TUBE)
                logs = (guide or weight)(x) - away**4
            return finite(np.where(np.isnan(logs), -np.inf, logs))

        points = cooled(near, 2, _POPULATION, rng)
        best: Lines | None = None
        for _ in range(_ROUNDS):
            if points is None or not np.isfinite(points.std(axis=0)).all():
                break
            mixture = Mixture.fit(points, _COMPONENTS, rng).with_defence(points, 0.05, 3.0)
            lines = Lines(mixture, distance, weight)
            found, logs = lines.draw(_LINES, rng)
            if not np.isfinite(logs).any():
                break
            weights = np.exp(logs - logs.max())
            lines = replace(lines, effective=float(weights.sum() ** 2 / np.square(weights).sum() / _LINES))
            best = lines if best is None or lines.effective > best.effective else best
            points = found[resampled(weights, 2 * _POPULATION, rng)]
        return best

    def log_weight(self) -> Callable[[FloatArray], FloatArray]:
        """Return the log of the weight with respect to ds at points of the curve, without the condition."""
        gibbs, distance = super().log_weight(), self._distance()

        def log_weight(x: FloatArray) -> FloatArray:
            with np.errstate(all="ignore"):
                logs = gibbs(x) - (0.0 if self.rigid else np.log(_slope(distance, x)))
            return finite(np.where(np.isnan(logs), -np.inf, logs))

        return log_weight

    def _distance(self) -> Callable[[FloatArray], FloatArray]:
        chi = self.function(self.constraint)
        return lambda x: chi(x) - self.level


@dataclass(frozen=True, eq=False)
class Lines:
    """Random lines, and where they meet the curve {distance = 0}.

    Parameters
    ----------
    effective : float
        The share of effective draws that was met, sum(w)**2 / sum(w**2) / n.
    """

    mixture: Mixture
    distance: Callable[[FloatArray], FloatArray]
    log_weight: LogWeight
    effective: float = 0.0

    def draw(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return a point of each of so many lines, shape (count, 2), and the logs of their weights.

        If a line has m points, one is chosen, and has the weight m; if it has none, the weight is 0.
        """
        base, angle = self.mixture.draw(count, rng), rng.uniform(0.0, math.pi, count)
        normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        along = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
        size = float(np.sqrt(np.square(base - np.median(base, axis=0)).mean()))
        steps = _FINE * np.sinh(np.linspace(-1.0, 1.0, _NODES) * math.asinh(_REACH / _FINE)) * size
        with np.errstate(all="ignore"):
            x, line = self._met(base, along, steps * rng.uniform(0.9, 1.1))
            chosen, times = _one_of_each(line, count, rng)
            logs = np.full(count, -np.inf)
            hit = chosen >= 0
            points = np.where(hit[:, None], x[chosen] if x.size else base, base)
            across = (base * normal).sum(axis=1)
            logs[hit] = self.log_weight(points[hit]) + np.log(times[hit])
            logs[hit] -= self.mixture.log_density_across(across[hit], normal[hit])
        return points, np.where(np.isnan(logs), -np.inf, logs)

    def _met(self, base: FloatArray, along: FloatArray, steps: FloatArray) -> tuple[FloatArray, IndexArray]:
        """Return points of the curve on lines base + t along, and on which: where the sign changes between two t."""
        t = np.broadcast_to(steps, (len(base), steps.size))
        signs = np.sign(self.distance((base[:, None] + t[..., None] * along[:, None]).reshape(-1, 2)).reshape(t.shape))
        line, node = np.nonzero(signs[:, :-1] * signs[:, 1:] < 0.0)
        low, high, sign = steps[node], steps[node + 1], signs[line, node]
        base, along = base[line], along[line]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            is_low = np.sign(self.distance(base + middle[:, None] * along)) == sign
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        x = base + ((low + high) / 2.0)[:, None] * along
        # At a pole the sign changes as well.
        met = np.abs(self.distance(x)) < 1e-6 * _slope(self.distance, x) * (np.abs(x).max(axis=1) + np.abs(steps).min())
        return x[met], line[met]


def _one_of_each(line: IndexArray, count: int, rng: np.random.Generator) -> tuple[IndexArray, FloatArray]:
    """Return which of its points every line gets, -1 if it has none, and how many it has."""
    times = np.bincount(line, minlength=count)
    first = np.cumsum(times) - times
    chosen = first + (rng.random(count) * times).astype(np.intp)
    return np.where(times > 0, chosen, -1), times.astype(np.float64)


def _slope(function: Callable[[FloatArray], FloatArray], x: FloatArray) -> FloatArray:
    """Return |grad function| by central differences."""
    step = _DIFFERENCE * (np.linalg.norm(x, axis=1) + 1e-300)
    slopes = [(function(x + step[:, None] * e) - function(x - step[:, None] * e)) / (2.0 * step) for e in np.eye(2)]
    return np.asarray(np.hypot(*slopes))
